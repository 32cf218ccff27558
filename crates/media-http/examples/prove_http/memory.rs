//! The memory of the server while it takes and gives one large item.

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use media_types::StorageReference;

use crate::Result;
use crate::noise::{fill, png};
use crate::readers::stand_still;
use crate::server::Server;

const PIECE: usize = 256 * 1024;
const MIB: u64 = 1 << 20;
const BOUND: u64 = 8 * MIB;
const STANDING: u64 = 20;
/// What waits on its way to one reader.
const PER_READER: u64 = MIB / 2;

pub(crate) async fn prove(server: &Server, len: u64) -> Result<bool> {
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

    let reference: StorageReference =
        serde_json::from_value(answer["items"][0]["reference"].clone())?;
    let link = server.link(&reference).await?;
    let mut standing = Vec::new();
    for (readers, bound) in [(0, BOUND), (STANDING, BOUND + STANDING * PER_READER)] {
        let idle = server.forget_peak()?;
        for _ in 0..readers {
            standing.push(stand_still(server, &link).await?);
        }
        let mut read = 0;
        let mut body = server.http.get(&link).send().await?.bytes_stream();
        while let Some(piece) = body.next().await {
            read += piece?.len() as u64;
        }
        let what = format!("while giving it, beside {readers} readers that stand still");
        let within = server.judge_memory(&what, len, idle, bound)?;
        holds &= within && read == pieces * PIECE as u64;
    }
    Ok(holds)
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
