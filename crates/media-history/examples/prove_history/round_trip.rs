//! Generated histories, which know their media.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use media_history::{History, HistoryKey};
use media_storage::{InMemoryStorage, Scope};

use crate::Result;
use crate::generate::{Generated, generate};

pub(crate) async fn run(short: bool) -> Result<bool> {
    let count: u64 = if short { 2_000 } else { 100_000 };
    let tasks = std::thread::available_parallelism()?.get() as u64;
    let (next, media) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let workers: Vec<_> = (0..tasks)
        .map(|_| {
            let (next, media) = (Arc::clone(&next), Arc::clone(&media));
            tokio::spawn(async move {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= count {
                        return Ok::<_, Box<dyn std::error::Error + Send + Sync>>(());
                    }
                    media.fetch_add(check(seed).await?, Ordering::Relaxed);
                }
            })
        })
        .collect();
    for worker in workers {
        worker.await??;
    }
    let media = media.load(Ordering::Relaxed);
    println!("ok: {count} of {count} generated histories came back bit for bit");
    println!("ok: {media} of {media} media found, 0 others");
    Ok(true)
}

/// Returns how many media the history of a seed has.
async fn check(seed: u64) -> Result<u64> {
    let Generated { text, media } = generate(seed);
    let history = History::new(
        &InMemoryStorage::new(),
        HistoryKey::new("the key of the proof")?,
    )
    .with_scope(Scope::User("user".parse()?))
    .with_threshold_kb(0)
    .with_short_values(true);
    let slim = history.externalize(&text).await?;
    let found = slim.report().values.iter();
    let found: Vec<_> = found
        .map(|value| (value.document, &value.path, value.bytes))
        .collect();
    let known = media.iter();
    let known: Vec<_> = known
        .map(|(document, path, bytes)| (*document, path, bytes.len() as u64))
        .collect();
    if found != known {
        return Err(format!("seed {seed}: found {found:?}, not {known:?}").into());
    }
    if history.restore(slim.bytes()).await? != text {
        return Err(format!("seed {seed}: did not come back").into());
    }
    if history.externalize(slim.bytes()).await?.bytes() != slim.bytes() {
        return Err(format!("seed {seed}: the slim form changed").into());
    }
    Ok(media.len() as u64)
}
