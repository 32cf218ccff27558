//! The bound holds at any time, and the longest unused goes first.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::StreamExt as _;
use media_storage::MediaStorageExt as _;
use media_types::StorageReference;

use super::{Fixture, KIB, LARGE, MIB, get, noise, until};

const BLOCK: u64 = 4096;

/// What files take, in blocks; a file that goes while it is looked at takes nothing.
fn on_disk(fixture: &Fixture) -> u64 {
    let lens = fixture.files().into_iter().filter_map(|path| {
        let metadata = std::fs::metadata(path).ok()?;
        Some(metadata.len())
    });
    lens.map(|len| len.max(1).next_multiple_of(BLOCK)).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bound_holds_at_any_time() {
    const CAPACITY: u64 = 7 * MIB as u64;
    let fixture = Arc::new(Fixture::new());
    let cache = fixture.builder().with_capacity(CAPACITY).build();
    let cache = cache.await.unwrap();
    let ended = Arc::new(AtomicBool::new(false));
    let watcher = {
        let (fixture, cache, ended) = (Arc::clone(&fixture), cache.clone(), Arc::clone(&ended));
        std::thread::spawn(move || {
            let mut most = 0;
            while !ended.load(Ordering::SeqCst) {
                let bytes = cache.stats().bytes;
                assert!(bytes <= CAPACITY, "{bytes} are counted");
                let bytes = on_disk(&fixture);
                // A listing is no moment in time: a file may be seen before it goes, and another
                // that took its room after. One more file is the most that this adds.
                assert!(
                    bytes <= CAPACITY + LARGE as u64 + BLOCK,
                    "{bytes} are there"
                );
                most = most.max(bytes);
            }
            most
        })
    };
    let mut references = Vec::new();
    for seed in 0..40 {
        let len = [1, 5000, 700 * KIB, 2 * MIB, LARGE][seed % 5];
        let bytes = noise(seed as u64, len);
        references.push((fixture.put(&bytes).await, bytes));
    }
    let tasks = (0..8_usize).map(|task| {
        let (cache, references) = (cache.clone(), references.clone());
        tokio::spawn(async move {
            for step in 0..40 {
                let (reference, bytes) = &references[(step * 7 + task * 13) % references.len()];
                assert!(get(&cache, reference).await == bytes);
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    ended.store(true, Ordering::SeqCst);
    assert!(watcher.join().unwrap() > 0);
    assert!(cache.stats().evictions > 0);
    // At rest the listing is exact.
    fixture.close(cache).await;
    let again = fixture.builder().with_capacity(CAPACITY).build();
    let again = again.await.unwrap();
    assert_eq!(again.stats().bytes, on_disk(&fixture));
    assert!(on_disk(&fixture) <= CAPACITY);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_block_more_or_less_decides() {
    for (capacity, fits) in [(3 * BLOCK, true), (3 * BLOCK - 1, false)] {
        let fixture = Fixture::new();
        let cache = fixture.builder().with_capacity(capacity).build();
        let cache = cache.await.unwrap();
        for (entries, len) in [(1, BLOCK + 1), (2, 1)] {
            let reference = fixture
                .put(&noise(len, usize::try_from(len).unwrap()))
                .await;
            get(&cache, &reference).await;
            let entries = if fits { entries } else { 1 };
            until(&cache, |stats| stats.entries == entries).await;
        }
        until(&cache, |stats| stats.filled == 2).await;
        let stats = cache.stats();
        assert_eq!(stats.evictions, u64::from(!fits));
        assert_eq!(stats.bytes, if fits { 3 * BLOCK } else { BLOCK });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_longest_unused_goes_first() {
    let fixture = Fixture::new();
    let cache = fixture.builder().with_capacity(3 * BLOCK).build();
    let cache = cache.await.unwrap();
    let mut references: Vec<StorageReference> = Vec::new();
    for seed in 0..4 {
        references.push(fixture.put(&noise(seed, 100)).await);
    }
    for (filled, n) in [(1, 0), (2, 1), (3, 2), (3, 0), (4, 3)] {
        get(&cache, &references[n]).await;
        until(&cache, |stats| stats.filled == filled).await;
    }
    let mut there = Vec::new();
    for reference in &references {
        let hash = reference.sha256().unwrap().to_hex();
        let names = fixture.files().into_iter();
        let names = names.map(|path| path.file_name().unwrap().to_str().unwrap().to_owned());
        there.push(names.into_iter().any(|name| name.starts_with(&hash)));
    }
    assert_eq!(there, [true, false, true, true]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_read_does_not_go() {
    let fixture = Fixture::new();
    let capacity = LARGE as u64 + BLOCK;
    let cache = fixture.builder().with_capacity(capacity).build();
    let cache = cache.await.unwrap();
    let bytes = noise(1, LARGE);
    let reference = fixture.put(&bytes).await;
    get(&cache, &reference).await;
    until(&cache, |stats| stats.entries == 1).await;
    let mut body = cache.retrieve(&reference).await.unwrap().body.into_stream();
    let mut read = body.next().await.unwrap().unwrap().to_vec();
    let other = noise(2, LARGE);
    let second = fixture.put(&other).await;
    assert!(get(&cache, &second).await == other, "it passes by");
    while let Some(piece) = body.next().await {
        read.extend_from_slice(&piece.unwrap());
    }
    assert!(read == bytes);
    assert_eq!((cache.stats().hits, cache.stats().evictions), (1, 0));
    drop(body);
    assert!(get(&cache, &second).await == other);
    until(&cache, |stats| stats.evictions == 1 && stats.entries == 1).await;
}
