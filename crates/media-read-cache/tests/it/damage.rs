//! Files that are not what they were: the reader gets the media all the same, or an error.

use std::fs::{self, File, FileTimes};
use std::path::Path;

use futures_util::StreamExt as _;
use media_read_cache::ReadCache;
use media_storage::{MediaStorageExt as _, StorageErrorKind};

use super::{Fixture, KIB, LARGE, get, noise, until};

fn flip(path: &Path, at: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[at] ^= 1;
    fs::write(path, bytes).unwrap();
}

/// Flips a bit as a disk does: nothing tells that somebody wrote.
fn rot(path: &Path, at: usize) {
    let modified = fs::metadata(path).unwrap().modified().unwrap();
    flip(path, at);
    let times = FileTimes::new().set_modified(modified);
    File::options()
        .write(true)
        .open(path)
        .unwrap()
        .set_times(times)
        .unwrap();
}

async fn filled(len: usize) -> (Fixture, ReadCache, media_types::StorageReference) {
    let fixture = Fixture::new();
    let cache = fixture.cache().await;
    let reference = fixture.put(&noise(1, len)).await;
    get(&cache, &reference).await;
    until(&cache, |stats| stats.entries == 1).await;
    (fixture, cache, reference)
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_are_not_those_of_their_hash_do_not_enter() {
    for len in [300 * KIB, LARGE] {
        let fixture = Fixture::new();
        let cache = fixture.cache().await;
        let reference = fixture.put(&noise(1, len)).await;
        fixture.store.set_lying(true);
        // What the store lets pass is between it and the reader.
        assert!(get(&cache, &reference).await != noise(1, len));
        until(&cache, |stats| stats.abandoned == 1 && stats.bytes == 0).await;
        assert!(fixture.files().is_empty());
        fixture.store.set_lying(false);
        for _ in 0..2 {
            assert!(get(&cache, &reference).await == noise(1, len));
        }
        assert_eq!((cache.stats().filled, cache.stats().hits), (1, 1));
    }
}

type Damage = fn(&Path);

#[tokio::test(flavor = "multi_thread")]
async fn damaged_files_are_healed_in_silence() {
    let damages: [(&str, u64, Damage); 4] = [
        ("written to", 1, |path| flip(path, 1000)),
        ("cut", 1, |path| {
            let file = File::options().write(true).open(path).unwrap();
            file.set_len(1000).unwrap();
        }),
        ("grown", 1, |path| {
            let mut bytes = fs::read(path).unwrap();
            bytes.push(0);
            fs::write(path, bytes).unwrap();
        }),
        ("gone", 0, |path| fs::remove_file(path).unwrap()),
    ];
    for len in [300 * KIB, LARGE] {
        for (name, damaged, damage) in damages {
            for restarts in [false, true] {
                let (fixture, mut cache, reference) = filled(len).await;
                if restarts {
                    fixture.close(cache).await;
                    damage(&fixture.files()[0]);
                    cache = fixture.cache().await;
                } else {
                    damage(&fixture.files()[0]);
                }
                let bytes = noise(1, len);
                assert!(get(&cache, &reference).await == bytes, "{name}");
                until(&cache, |stats| stats.entries == 1).await;
                assert!(get(&cache, &reference).await == bytes, "{name}");
                let stats = cache.stats();
                assert_eq!(fixture.store.bodies(), 2, "{name}: {stats:?}");
                // What has not the length of its name goes at the start.
                let at_start = restarts && name != "written to";
                let damaged = if at_start { 0 } else { damaged };
                assert_eq!((stats.damaged, stats.hits), (damaged, 1), "{name}");
                assert_eq!(fixture.files().len(), 1);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bit_that_rots_in_small_media_is_healed_in_silence() {
    let (fixture, cache, reference) = filled(300 * KIB).await;
    rot(&fixture.files()[0], 7);
    assert!(get(&cache, &reference).await == noise(1, 300 * KIB));
    assert_eq!(cache.stats().damaged, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bit_that_rots_in_large_media_never_reaches_a_commit() {
    let (fixture, cache, reference) = filled(LARGE).await;
    rot(&fixture.files()[0], LARGE - 7);
    let error = cache
        .retrieve_bytes(&reference, u64::MAX)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), StorageErrorKind::Unavailable);
    assert!(error.is_retryable());
    until(&cache, |stats| stats.damaged == 1).await;
    assert!(get(&cache, &reference).await == noise(1, LARGE));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_ends_while_it_is_read_goes_on_from_the_store() {
    let (fixture, cache, reference) = filled(LARGE).await;
    let mut body = cache.retrieve(&reference).await.unwrap().body.into_stream();
    let mut read = body.next().await.unwrap().unwrap().to_vec();
    let file = File::options()
        .write(true)
        .open(&fixture.files()[0])
        .unwrap();
    file.set_len(1_000_000).unwrap();
    while let Some(piece) = body.next().await {
        read.extend_from_slice(&piece.unwrap());
    }
    assert!(read == noise(1, LARGE));
    let from_store = fixture.store.taken() - LARGE as u64;
    assert!(from_store < LARGE as u64 && from_store > 0, "{from_store}");
    drop(body);
    until(&cache, |stats| stats.bytes == 0).await;
    assert!(fixture.files().is_empty());
}
