//! What the cache has done, in numbers.

use std::sync::atomic::{AtomicU64, Ordering};

/// What a [`ReadCache`](super::ReadCache) holds and has done since it was built.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CacheStats {
    /// Bodies and ranges that came from the disk.
    pub hits: u64,
    /// Bodies and ranges that came from the store.
    pub misses: u64,
    /// Bytes of bodies and ranges that came from the disk, by their declared length.
    pub hit_bytes: u64,
    /// Files that were filled and verified.
    pub filled: u64,
    /// Files that were begun and given up: the body was dropped or failed, its bytes were not those
    /// of its hash, or the disk failed.
    pub abandoned: u64,
    /// Files that were removed to make room.
    pub evictions: u64,
    /// Files that were found damaged; the bytes came from the store instead.
    pub damaged: u64,
    /// Files that are there.
    pub entries: u64,
    /// Bytes of disk that are taken or reserved, files that are being filled and files that went
    /// while somebody reads them included. Never above the capacity.
    pub bytes: u64,
}

/// A number that only grows.
#[derive(Debug, Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    pub(super) fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    pub(super) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) hits: Counter,
    pub(super) misses: Counter,
    pub(super) hit_bytes: Counter,
    pub(super) filled: Counter,
    pub(super) abandoned: Counter,
    pub(super) evictions: Counter,
    pub(super) damaged: Counter,
}
