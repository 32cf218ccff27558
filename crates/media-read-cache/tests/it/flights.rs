//! One download for all, and what becomes of the others when it fails or stands still.

use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use futures_util::future::join_all;
use media_read_cache::ReadCache;
use media_storage::{InMemoryStorage, MediaStorageExt as _, StorageErrorKind};
use media_storage_testkit::{Call, Fault, FaultyStorage};

use super::streaming::Streaming;
use super::{Fixture, KIB, LARGE, LONG, MIB, files, get, noise, until};

async fn hundred_readers(len: usize) {
    let fixture = Fixture::new();
    let cache = fixture.cache().await;
    let bytes = noise(1, len);
    let reference = fixture.put(&bytes).await;
    // Nobody gets a byte before all have asked.
    fixture.store.hold_after(0);
    let readers = (0..100).map(|_| {
        let (cache, reference, bytes) = (cache.clone(), reference.clone(), bytes.clone());
        tokio::spawn(async move { assert!(get(&cache, &reference).await == bytes) })
    });
    let readers: Vec<_> = readers.collect();
    let begun = Instant::now();
    while fixture.store.heads() < 99 {
        assert!(begun.elapsed() < LONG);
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    fixture.store.let_all_pass();
    for reader in join_all(readers).await {
        reader.unwrap();
    }
    assert_eq!(
        (fixture.store.bodies(), fixture.store.taken()),
        (1, len as u64)
    );
    assert_eq!((cache.stats().misses, cache.stats().hits), (1, 99));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_readers_of_small_media_are_one_download() {
    hundred_readers(300 * KIB).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_readers_of_large_media_are_one_download() {
    hundred_readers(LARGE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_may_wait_for_ever() {
    let fixture = Fixture::new();
    let builder = fixture.builder().with_max_wait(Duration::MAX);
    let builder = builder.with_stall_timeout(Duration::MAX);
    let cache = builder.build().await.unwrap();
    let bytes = noise(1, LARGE);
    let reference = fixture.put(&bytes).await;
    let reads = join_all((0..4).map(|_| get(&cache, &reference))).await;
    assert!(reads.iter().all(|read| *read == bytes));
    assert!(get(&cache, &reference).await == bytes);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_readers_of_a_file_found_hash_it_once() {
    let fixture = Fixture::new();
    let bytes = noise(1, LARGE);
    let reference = fixture.put(&bytes).await;
    let cache = fixture.cache().await;
    get(&cache, &reference).await;
    until(&cache, |stats| stats.entries == 1).await;
    fixture.close(cache).await;
    let cache = fixture.cache().await;
    let readers = (0..100).map(|_| get(&cache, &reference));
    assert!(
        join_all(readers)
            .await
            .into_iter()
            .all(|read| read == bytes)
    );
    assert_eq!(fixture.store.bodies(), 1);
    assert_eq!(cache.stats().hits, 100);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_body_leaves_nothing_and_hands_over() {
    let fixture = Fixture::new();
    let cache = fixture.cache().await;
    let bytes = noise(1, LARGE);
    let reference = fixture.put(&bytes).await;
    let mut first = cache.retrieve(&reference).await.unwrap().body.into_stream();
    first.next().await.unwrap().unwrap();
    let second = {
        let (cache, reference) = (cache.clone(), reference.clone());
        tokio::spawn(async move { get(&cache, &reference).await })
    };
    while fixture.store.heads() == 0 {
        tokio::task::yield_now().await;
    }
    drop(first);
    assert!(second.await.unwrap() == bytes);
    until(&cache, |stats| stats.entries == 1 && stats.abandoned == 1).await;
    assert_eq!(fixture.files().len(), 1);
    assert_eq!(fixture.store.bodies(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_call_hands_over() {
    let fixture = Fixture::new();
    let cache = fixture.cache().await;
    let bytes = noise(1, 500 * KIB);
    let reference = fixture.put(&bytes).await;
    fixture.store.hold_after(2);
    let first = {
        let (cache, reference) = (cache.clone(), reference.clone());
        tokio::spawn(async move { get(&cache, &reference).await })
    };
    while fixture.store.bodies() == 0 {
        tokio::task::yield_now().await;
    }
    let second = {
        let (cache, reference) = (cache.clone(), reference.clone());
        tokio::spawn(async move { get(&cache, &reference).await })
    };
    while fixture.store.heads() == 0 {
        tokio::task::yield_now().await;
    }
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    fixture.store.let_all_pass();
    assert!(second.await.unwrap() == bytes);
    until(&cache, |stats| stats.entries == 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_waits_for_a_reader_that_does_not_read() {
    let fixture = Fixture::new();
    let patience = Duration::from_millis(50);
    let cache = fixture.builder().with_stall_timeout(patience).build();
    let cache = cache.await.unwrap();
    let bytes = noise(1, LARGE);
    let reference = fixture.put(&bytes).await;
    // Opened and left alone, as when one request holds the same picture twice.
    let idle = cache.retrieve(&reference).await.unwrap();
    let begun = Instant::now();
    assert!(get(&cache, &reference).await == bytes);
    assert!(begun.elapsed() < LONG / 2, "waited {:?}", begun.elapsed());
    assert!(idle.body.bytes(u64::MAX).await.unwrap() == bytes);
    until(&cache, |stats| stats.entries == 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_store_is_waited_for_with_whoever_reads_from_it() {
    let fixture = Fixture::new();
    let patience = Duration::from_millis(50);
    let cache = fixture.builder().with_stall_timeout(patience).build();
    let cache = cache.await.unwrap();
    let bytes = noise(1, LARGE);
    let reference = fixture.put(&bytes).await;
    fixture.store.hold_after(3);
    let reader = || {
        let (cache, reference) = (cache.clone(), reference.clone());
        tokio::spawn(async move { get(&cache, &reference).await })
    };
    let first = reader();
    while fixture.store.taken() < 3 * 64 * KIB as u64 {
        tokio::task::yield_now().await;
    }
    let second = reader();
    while fixture.store.heads() == 0 {
        tokio::task::yield_now().await;
    }
    // Longer than the others wait for a reader that does not read.
    tokio::time::sleep(8 * patience).await;
    fixture.store.let_all_pass();
    assert!(first.await.unwrap() == bytes && second.await.unwrap() == bytes);
    assert_eq!(fixture.store.bodies(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_waits_for_a_store_for_ever() {
    let fixture = Fixture::new();
    let wait = Duration::from_millis(100);
    let cache = fixture.builder().with_max_wait(wait).build().await.unwrap();
    let bytes = noise(1, 2 * MIB);
    let reference = fixture.put(&bytes).await;
    fixture.store.hold_after(0);
    let stuck = {
        let (cache, reference) = (cache.clone(), reference.clone());
        tokio::spawn(async move { get(&cache, &reference).await })
    };
    while fixture.store.bodies() == 0 {
        tokio::task::yield_now().await;
    }
    let other = cache.retrieve(&reference).await.unwrap();
    assert_eq!(fixture.store.bodies(), 2);
    fixture.store.let_all_pass();
    assert!(other.body.bytes(u64::MAX).await.unwrap() == bytes);
    assert!(stuck.await.unwrap() == bytes);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_fails_leaves_nothing() {
    for len in [300 * KIB, LARGE] {
        let root = tempfile::tempdir().unwrap();
        let faulty = FaultyStorage::new(Streaming::new(InMemoryStorage::new()));
        let cache = ReadCache::builder(faulty.clone(), root.path());
        let cache = cache.build().await.unwrap();
        let bytes = noise(1, len);
        let mime = media_types::Mime::IMAGE_PNG;
        let stored = cache.store_bytes(mime, bytes.clone(), Default::default());
        let reference = stored.await.unwrap();
        for fault in [
            Fault::every(Call::Retrieve).in_body(200 * KIB as u64),
            Fault::every(Call::Retrieve),
        ] {
            faulty.inject(fault.fail(StorageErrorKind::Unavailable));
            let read = cache.retrieve_bytes(&reference, u64::MAX).await;
            assert_eq!(read.unwrap_err().kind(), StorageErrorKind::Unavailable);
            faulty.clear_faults();
        }
        until(&cache, |stats| stats.bytes == 0).await;
        assert!(files(&root.path().join("0")).is_empty());
        assert_eq!(cache.stats().filled, 0);
        assert!(get(&cache, &reference).await == bytes);
        until(&cache, |stats| stats.entries == 1).await;
    }
}
