//! Statistics of the cache.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;

/// What a [`ReadCache`](crate::ReadCache) holds, and what it has done since it was built.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CacheStats {
    /// Number of bodies and ranges served from the disk.
    pub hits: u64,
    /// Number of bodies and ranges served from the store.
    pub misses: u64,
    /// Bytes of bodies and ranges served from the disk, by their declared length.
    pub hit_bytes: u64,
    /// Number of files that were filled and verified.
    pub filled: u64,
    /// Number of files that were begun and abandoned because the body was dropped or failed, its
    /// bytes did not match its hash, or the disk failed.
    pub abandoned: u64,
    /// Number of files that were removed to make room.
    pub evictions: u64,
    /// Number of files that were found damaged; their bytes came from the store instead.
    pub damaged: u64,
    /// Number of files present.
    pub entries: u64,
    /// Bytes of disk that are taken or reserved, including files that are being filled and removed
    /// files that are still being read. Never above the capacity.
    pub bytes: u64,
}

/// A number that only increases.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) hits: Counter,
    pub(crate) misses: Counter,
    pub(crate) hit_bytes: Counter,
    pub(crate) filled: Counter,
    pub(crate) abandoned: Counter,
    pub(crate) evictions: Counter,
    pub(crate) damaged: Counter,
}
