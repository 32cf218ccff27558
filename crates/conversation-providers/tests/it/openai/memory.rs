//! Memory does not depend on the size of media.

use std::process::Command;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::media::Zeros;
use super::peer::{head, read_head};
use super::*;

pub(super) const MIB: u64 = 1024 * 1024;
const ITEMS: usize = 4;
const ITEM: u64 = 50 * MIB;
/// Growth that is allowed: buffers of two sockets, the client, the allocator.
const ALLOWED: u64 = 16 * MIB;
const TEST: &str = "openai::memory::a_request_of_200_mib_is_sent_in_constant_memory";
/// Set for the process that the test starts again in.
const ALONE: &str = "MEMORY_IS_MEASURED";

/// The most memory that this process ever held, in bytes.
pub(super) fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM:"))
        .unwrap();
    let kib: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kib * 1024
}

/// Other tests of this process would be measured too, so the measured part runs in a process of
/// its own.
#[tokio::test]
async fn a_request_of_200_mib_is_sent_in_constant_memory() {
    if std::env::var_os(ALONE).is_some() {
        return measure().await;
    }
    let again = tokio::task::spawn_blocking(|| {
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", TEST, "--nocapture"])
            .env(ALONE, "1")
            .output()
    });
    let output = again.await.unwrap().unwrap();
    let shown = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{shown}");
    assert!(shown.contains("1 passed"), "{shown}");
}

async fn measure() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    let counted = tokio::spawn(async move {
        let mut counts = Vec::new();
        for _ in 0..2 {
            let (mut socket, _) = listener.accept().await.unwrap();
            let (_, headers, rest) = read_head(&mut socket).await.unwrap();
            let declared = headers.iter().find(|(name, _)| name == "content-length");
            let declared: u64 = declared.unwrap().1.parse().unwrap();
            let mut seen = rest.len() as u64;
            let mut piece = vec![0; 64 * 1024];
            while seen < declared {
                seen += socket.read(&mut piece).await.unwrap() as u64;
            }
            let body = hello().to_string();
            let answer = head(200, &[], Some(body.len()), "application/json") + &body;
            socket.write_all(answer.as_bytes()).await.unwrap();
            // Nothing follows what was declared.
            seen += tokio::io::copy(&mut socket, &mut tokio::io::sink())
                .await
                .unwrap_or(0);
            counts.push((declared, seen));
        }
        counts
    });
    let provider = OpenAiProvider::new(KEY, "gpt-4o").with_base_url(url);
    let send = async |size: u64| {
        let media = over(Arc::new(Zeros {
            size,
            fails_at: None,
        }));
        let messages = [user_with("see", vec![Zeros::content(); ITEMS])];
        let done = ask(&provider, &messages, &media).await.unwrap();
        assert!(done.omitted_media.is_empty(), "{:?}", done.omitted_media);
    };
    // The first request makes the client and fills its buffers.
    send(MIB).await;
    let before = peak();
    send(ITEM).await;
    let grown = peak() - before;
    drop(provider);
    let counts = counted.await.unwrap();
    for (declared, seen) in &counts {
        assert_eq!(declared, seen);
    }
    assert!(counts[1].0 > ITEMS as u64 * ITEM * 4 / 3);
    println!(
        "sent {} MiB, memory grew by {} KiB",
        counts[1].0 / MIB,
        grown / 1024
    );
    assert!(grown < ALLOWED, "memory grew by {} KiB", grown / 1024);
}
