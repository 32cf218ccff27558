//! Many tasks at once.

use std::time::Instant;

use bytes::Bytes;
use media_store_fs::Durability;

use super::{Plan, fresh};
use crate::bodies::Bodies;
use crate::contender::{Contender, Manner, Seat};
use crate::report::{Report, Row};
use crate::stats::Samples;
use crate::{Result, machine};

const TASKS: [usize; 4] = [1, 2, 8, 64];
const LEN: usize = 1_000_000;
/// Media that is stored in one go, whatever the number of tasks.
const BATCH: usize = 64;

/// Stores with 1 to 64 tasks.
pub(super) async fn tasks(plan: &Plan, report: &mut Report) -> Result<()> {
    for durability in [Durability::Buffered, Durability::Synced] {
        let dir = fresh(&plan.dir.join("tasks"))?;
        let contenders = [
            (
                "floor",
                Contender::floor(&dir.join("floor"), durability, Manner::Pieces)?,
            ),
            (
                "`FileStore`, deduplicating",
                Contender::store(&dir.join("store"), durability, true).await?,
            ),
            (
                "`LocalFileSystem`",
                Contender::local(&dir.join("local"), durability)?,
            ),
        ];
        let repeats = (plan.synced_rounds / 12).max(3);
        for (_, contender) in &contenders {
            contender.warm().await?;
        }
        let mut rates = vec![vec![Samples::default(); TASKS.len()]; contenders.len()];
        for repeat in 0..=repeats {
            for (at, tasks) in TASKS.into_iter().enumerate() {
                for ((_, contender), rates) in contenders.iter().zip(&mut rates) {
                    let rate = batch(contender, tasks).await?;
                    // The first repeat warms up.
                    if repeat > 0
                        && let Some(samples) = rates.get_mut(at)
                    {
                        samples.push(rate);
                    }
                }
            }
            machine::settle().await?;
        }
        let mut rows = Vec::new();
        let speed_up = |rates: &[Samples], at: usize| match (rates.get(at), rates.first()) {
            (Some(many), Some(one)) => many.by(one).median(),
            _ => f64::NAN,
        };
        let floor = rates.first().cloned().unwrap_or_default();
        for ((name, contender), rates) in contenders.iter().zip(&rates) {
            for (at, (tasks, samples)) in TASKS.into_iter().zip(rates).enumerate() {
                let (low, high) = samples.spread();
                let gain = speed_up(rates, at);
                let plural = if tasks == 1 { "" } else { "s" };
                let figure = format!("{:.0} MB/s", samples.median());
                let mut row = Row::figure(format!("{name}, {tasks} task{plural}"), figure)
                    .with_spread(format!("{low:.0} – {high:.0} MB/s"))
                    .with_ratio(gain);
                if matches!(contender, Contender::Store(..)) && tasks == 8 {
                    let wanted = 0.9 * speed_up(&floor, at);
                    row = row.with_target(format!("≥ {wanted:.2}"), gain >= wanted);
                }
                rows.push(row);
            }
        }
        let word = if durability == Durability::Buffered {
            "Buffered"
        } else {
            "Synced"
        };
        report.table(
            &format!("Tasks that store 1 MB each, {word}"),
            "Throughput of 64 media in all. The target is nine tenths of what the floor gains by as many tasks, in the same run: no lock orders writers. The floor and the store both run on the runtime's blocking threads here.",
            "by one task",
            &rows,
        );
    }
    Ok(())
}

/// MB per second of a batch that is stored by a number of tasks.
async fn batch(contender: &Contender, tasks: usize) -> Result<f64> {
    let mut bodies = Bodies::new(LEN);
    let texts: Vec<Bytes> = (0..BATCH).map(|_| bodies.base64()).collect();
    let share = BATCH.div_ceil(tasks);
    let start = Instant::now();
    let running: Vec<_> = texts
        .chunks(share)
        .enumerate()
        .map(|(task, texts)| {
            let (contender, texts) = (contender.clone(), texts.to_vec());
            tokio::spawn(async move {
                for text in texts {
                    put(&contender, text, Seat::active(task)).await?;
                }
                Ok::<_, Box<dyn std::error::Error + Send + Sync>>(())
            })
        })
        .collect();
    for task in running {
        task.await??;
    }
    let took = start.elapsed().as_secs_f64();
    #[allow(clippy::cast_precision_loss)]
    Ok((BATCH * LEN) as f64 / 1e6 / took)
}

/// Off the runtime's own threads, which work by hand would block.
async fn put(contender: &Contender, text: Bytes, seat: Seat) -> Result<crate::contender::Receipt> {
    if !matches!(contender, Contender::Floor(_)) {
        return contender.put(text, seat).await;
    }
    let (contender, handle) = (contender.clone(), tokio::runtime::Handle::current());
    tokio::task::spawn_blocking(move || handle.block_on(contender.put(text, seat))).await?
}
