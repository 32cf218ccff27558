//! The read cache: that it changes nothing but where bytes come from, and what it promises itself.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

mod bound;
mod cached;
mod damage;
mod disk;
mod erasure;
mod flights;
mod restart;
mod staleness;
mod streaming;
mod truth;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use media_read_cache::{CacheStats, ReadCache, ReadCacheBuilder};
use media_storage::{
    InMemoryStorage, MediaMetadata, MediaStorage as _, MediaStorageExt as _, RetrieveOptions,
    Sha256Hasher,
};
use media_types::{Mime, StorageReference};

use streaming::Streaming;

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;
/// Larger than what is handled whole.
const LARGE: usize = 5 * MIB + 3;
/// Longer than anything takes on a busy machine.
const LONG: Duration = Duration::from_secs(120);

/// A directory for caches, and a store whose bodies are streams that can be held back.
struct Fixture {
    root: tempfile::TempDir,
    store: Streaming<InMemoryStorage>,
}

impl Fixture {
    fn new() -> Self {
        Self {
            root: tempfile::tempdir().unwrap(),
            store: Streaming::new(InMemoryStorage::new()),
        }
    }

    fn dir(&self) -> PathBuf {
        self.root.path().join("cache")
    }

    fn slot(&self) -> PathBuf {
        self.dir().join("0")
    }

    /// Readers are patient, so that a busy machine changes nothing.
    fn builder(&self) -> ReadCacheBuilder {
        ReadCache::builder(self.store.clone(), self.dir())
            .with_stall_timeout(LONG)
            .with_max_wait(LONG)
    }

    async fn cache(&self) -> ReadCache {
        self.builder().build().await.unwrap()
    }

    async fn put(&self, bytes: &Bytes) -> StorageReference {
        let metadata = MediaMetadata::new().with_conversation("conv-1".parse().unwrap());
        let stored = self
            .store
            .store_bytes(Mime::IMAGE_PNG, bytes.clone(), metadata);
        stored.await.unwrap()
    }

    /// Drops the last handle, and waits until what goes on behind it has let go of the directory.
    async fn close(&self, cache: ReadCache) {
        self.close_slot(cache, "0").await;
    }

    async fn close_slot(&self, cache: ReadCache, slot: &str) {
        drop(cache);
        let begun = SystemTime::now();
        let lock = fs::File::open(self.dir().join(slot).join("lock")).unwrap();
        while lock.try_lock().is_err() {
            assert!(begun.elapsed().unwrap() < LONG, "the directory stays held");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// The files of media in the first directory, sorted.
    fn files(&self) -> Vec<PathBuf> {
        files(&self.slot())
    }
}

fn files(slot: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(slot)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.file_name().unwrap() != "lock")
        .collect();
    found.sort();
    found
}

/// Bytes that differ by seed.
fn noise(seed: u64, len: usize) -> Bytes {
    let mut bytes = Vec::with_capacity(len + 32);
    let mut block = Sha256Hasher::digest(&seed.to_le_bytes());
    while bytes.len() < len {
        bytes.extend_from_slice(block.as_bytes());
        let next = u64::from_le_bytes(block.as_bytes()[..8].try_into().unwrap());
        // Hashing is slow without optimisation; most of the bytes are derived.
        for n in 1..128_u64 {
            bytes.extend_from_slice(&next.wrapping_mul(2 * n + 1).to_le_bytes());
        }
        block = Sha256Hasher::digest(block.as_bytes());
    }
    bytes.truncate(len);
    bytes.into()
}

async fn get(cache: &ReadCache, reference: &StorageReference) -> Bytes {
    cache.retrieve_bytes(reference, u64::MAX).await.unwrap()
}

async fn get_range(cache: &ReadCache, reference: &StorageReference, start: u64, end: u64) -> Bytes {
    let options = RetrieveOptions::new().with_range(start..end);
    let stored = cache.retrieve_opts(reference, options).await.unwrap();
    stored.body.bytes(u64::MAX).await.unwrap()
}

/// Files are taken in behind the reader's back, and nobody is told.
async fn until(cache: &ReadCache, reached: impl Fn(&CacheStats) -> bool) {
    let begun = SystemTime::now();
    while !reached(&cache.stats()) {
        assert!(begun.elapsed().unwrap() < LONG, "{:?}", cache.stats());
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
