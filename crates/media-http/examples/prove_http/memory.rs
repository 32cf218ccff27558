//! The memory of the server while it takes and gives one large item.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use media_types::StorageReference;
use tokio::net::TcpStream;

use crate::Result;
use crate::noise::{fill, png};
use crate::readers::stand_still;
use crate::server::Server;

const PIECE: usize = 256 * 1024;
const MIB: u64 = 1 << 20;
const BOUND: u64 = 8 * MIB;
/// A form that is refused, below what the server takes of it after its answer.
const FORM: u64 = 48 * MIB;
/// Readers after whom every thread of the server has its arena of the allocator.
const FIRST: usize = 20;
/// Readers that come after them.
const MORE: usize = 80;
/// What one of them may cost: what hyper keeps ready for its connection, 0.4 MiB rounded up to two or three
/// pieces of a file, one piece that is read ahead, and what the allocator loses in between.
const PER_READER: u64 = MIB + MIB / 8;

/// Takes one large item and gives it again, on a server that has done nothing before.
pub(crate) async fn prove(server: &mut Server, len: u64) -> Result<bool> {
    server.restart()?;
    let idle = server.forget_peak()?;
    let pieces = len / PIECE as u64;
    let body = stream::iter(0..pieces).map(|number| {
        let mut piece = png(number, PIECE);
        if number > 0 {
            fill(number, &mut piece);
        }
        Ok::<_, std::io::Error>(Bytes::from(piece))
    });
    let response = server
        .http
        .put(format!("{}/upload/large.png", server.address))
        .body(reqwest::Body::wrap_stream(body))
        .send()
        .await?;
    let answer: serde_json::Value = serde_json::from_slice(&response.bytes().await?)?;
    let taken = answer["items"][0]["size"].as_u64() == Some(pieces * PIECE as u64);
    let mut holds = server.judge_memory("while taking an upload", len, idle, BOUND)? && taken;

    holds &= refuse_forms(server, idle).await?;

    // What taking has left resident must not hide what giving takes.
    server.restart()?;
    let idle = server.forget_peak()?;
    let reference: StorageReference =
        serde_json::from_value(answer["items"][0]["reference"].clone())?;
    let link = server.link(&reference).await?;
    holds &= give(server, &link, "while giving it", len, idle, BOUND).await?;

    let mut standing = stand(server, &link, FIRST).await?;
    let before = server.settled().await?;
    standing.extend(stand(server, &link, MORE).await?);
    let each = server.settled().await?.saturating_sub(before) / MORE as u64;
    let is_small = each <= PER_READER;
    println!(
        "{}: memory of each of {MORE} more readers that stand still: {:.2} MiB, bound {:.2} MiB",
        if is_small { "ok" } else { "BROKEN" },
        each as f64 / MIB as f64,
        PER_READER as f64 / MIB as f64,
    );
    let what = format!("while giving it, beside {} of them", standing.len());
    let bound = BOUND + standing.len() as u64 * PER_READER;
    holds &= give(server, &link, &what, len, idle, bound).await?;
    Ok(holds && is_small)
}

/// Sends forms that never come to a file, and judges how much memory they take until they are refused.
async fn refuse_forms(server: &Server, idle: u64) -> Result<bool> {
    let part = "--x\r\nContent-Disposition: form-data; name=\"a\"";
    let mut holds = true;
    for (what, start) in [
        ("without a boundary", "a"),
        (
            "whose headers do not end",
            &format!("{part}; filename=\"a\"\r\nX: "),
        ),
        (
            "with a field that is not a file",
            &format!("{part}\r\n\r\n"),
        ),
    ] {
        server.forget_peak()?;
        let start = std::iter::once(Bytes::copy_from_slice(start.as_bytes()));
        let pieces = start.chain(std::iter::repeat_n(
            Bytes::from(vec![b'a'; PIECE]),
            usize::try_from(FORM / PIECE as u64)?,
        ));
        let pieces = stream::iter(pieces.map(Ok::<_, std::io::Error>));
        let response = server
            .http
            .post(format!("{}/upload", server.address))
            .header("content-type", "multipart/form-data; boundary=x")
            .body(reqwest::Body::wrap_stream(pieces))
            .send()
            .await?;
        let is_refused = response.status() == 413;
        let what = format!("while refusing a form {what}");
        holds &= server.judge_memory(&what, FORM, idle, BOUND)? && is_refused;
    }
    Ok(holds)
}

async fn stand(server: &Server, link: &str, readers: usize) -> Result<Vec<TcpStream>> {
    let mut standing = Vec::new();
    for _ in 0..readers {
        standing.push(stand_still(server, link).await?);
    }
    Ok(standing)
}

/// Reads the item, and judges how much memory that takes above idle.
async fn give(
    server: &Server,
    link: &str,
    what: &str,
    len: u64,
    idle: u64,
    bound: u64,
) -> Result<bool> {
    server.forget_peak()?;
    let mut read = 0;
    let mut body = server.http.get(link).send().await?.bytes_stream();
    while let Some(piece) = body.next().await {
        read += piece?.len() as u64;
    }
    Ok(server.judge_memory(what, len, idle, bound)? && read == len / PIECE as u64 * PIECE as u64)
}

impl Server {
    fn memory(&self, field: &str) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid))?;
        let line = status.lines().find(|line| line.starts_with(field));
        let kib = line.and_then(|line| line.split_whitespace().nth(1));
        Ok(kib.ok_or("no such field")?.parse::<u64>()? * 1024)
    }

    /// Returns the memory that is resident now, and forgets the largest so far.
    fn forget_peak(&self) -> Result<u64> {
        std::fs::write(format!("/proc/{}/clear_refs", self.pid), "5")?;
        self.memory("VmRSS:")
    }

    /// Returns the memory that is resident when it grows no more.
    async fn settled(&self) -> Result<u64> {
        let (mut last, mut calm) = (self.memory("VmRSS:")?, 0);
        while calm < 5 {
            tokio::time::sleep(Duration::from_millis(100)).await;
            let now = self.memory("VmRSS:")?;
            calm = if now.abs_diff(last) < MIB / 4 {
                calm + 1
            } else {
                0
            };
            last = now;
        }
        Ok(last)
    }

    fn judge_memory(&self, what: &str, len: u64, idle: u64, bound: u64) -> Result<bool> {
        let risen = self.memory("VmHWM:")?.saturating_sub(idle);
        let holds = risen <= bound;
        println!(
            "{}: memory {what} ({} MiB): {:.1} MiB above idle, bound {} MiB",
            if holds { "ok" } else { "BROKEN" },
            len / MIB,
            risen as f64 / MIB as f64,
            bound / MIB,
        );
        Ok(holds)
    }
}
