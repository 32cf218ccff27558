//! Uploads that are answered before they came to their end.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::site::site_with;
use crate::support::png;

/// Sends a whole request before it reads, as many clients do, and returns what is answered.
async fn answer_to(address: &str, head: &str, body: &[u8]) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    let head = format!(
        "{head} HTTP/1.1\r\nHost: {address}\r\nContent-Type: image/png\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body).await?;
    stream.shutdown().await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_sends_to_the_end_reads_why_it_was_refused() {
    let site = site_with(|uploads| uploads).await;
    let address = site.address.trim_start_matches("http://");
    let body = png(30_000_000);
    for _ in 0..5 {
        // Nobody asked, and a method that does not upload.
        for (head, status) in [("POST /upload", "401"), ("PATCH /upload", "405")] {
            let answer = answer_to(address, head, &body).await.unwrap();
            assert!(
                answer.starts_with(&format!("HTTP/1.1 {status} ")),
                "{answer:.300}"
            );
        }
    }
    assert_eq!(site.stored().await, 0);
}
