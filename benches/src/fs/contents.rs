//! Known bytes of few contents and of many, in turn.

use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use media_store_fs::Durability;
use media_types::base64;

use super::{Plan, fresh, remove};
use crate::bodies::fill;
use crate::contender::{Contender, Seat};
use crate::race::{Lane, race};
use crate::report::{Report, Row, grouped};
use crate::{Result, machine};

/// Bytes of a content.
const LEN: usize = 100_000;
/// The contents of the store that the others are compared with.
const FEW: usize = 50;

/// Stores known bytes, each time those of another content.
struct InTurn {
    store: Contender,
    contents: usize,
    turn: usize,
}

#[async_trait]
impl Lane for InTurn {
    async fn run(&mut self) -> Result<Duration> {
        // Neighbors in time are none on the disk.
        let text = content(self.turn * 7919 % self.contents);
        self.turn += 1;
        let start = Instant::now();
        self.store.put(text, Seat::active(self.turn)).await?;
        Ok(start.elapsed())
    }
}

/// The n-th content, in base64.
fn content(n: usize) -> Bytes {
    let mut bytes = vec![0; LEN];
    fill(&mut bytes, n as u64 + 1);
    base64::encode(&bytes).into()
}

/// Stores known bytes in stores that hold few contents, and many.
pub(super) async fn contents(plan: &Plan, report: &mut Report) -> Result<()> {
    let dir = fresh(&plan.dir.join("contents"))?;
    let counts = [FEW, plan.contents / 10, plan.contents];
    let mut lanes: Vec<Box<dyn Lane>> = Vec::new();
    for (at, contents) in counts.into_iter().enumerate() {
        let store = Contender::store(&dir.join(at.to_string()), Durability::Buffered, true).await?;
        stream::iter(0..contents)
            .map(|n| {
                let store = store.clone();
                async move { store.put(content(n), Seat::filling(n)).await.map(drop) }
            })
            .buffer_unordered(8)
            .try_collect::<()>()
            .await?;
        lanes.push(Box::new(InTurn {
            store,
            contents,
            turn: 0,
        }));
    }
    machine::settle().await?;
    let times = race(&mut lanes, plan.rounds).await?;
    let Some(few) = times.first() else {
        return Err("no store with few contents".into());
    };
    let rows: Vec<Row> = counts
        .iter()
        .zip(&times)
        .map(|(contents, samples)| {
            let ratio = samples.by(few).median();
            let name = format!("{} contents", grouped(*contents as u64));
            let row = Row::time(name, samples).with_ratio(ratio);
            match *contents == FEW {
                true => row,
                false => row.with_target("≤ 1.1", ratio <= 1.1),
            }
        })
        .collect();
    report.table(
        "Store 100 KB from base64, duplicate, of many contents in turn",
        "Buffered, by the process that stored them; each time another content.",
        "by few contents",
        &rows,
    );
    drop(lanes);
    remove(&dir).await?;
    Ok(())
}
