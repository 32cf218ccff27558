//! The builder of a [`ReadCache`].

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use media_storage::{MediaStorage, Operation, StorageError, StorageErrorKind};

use crate::cache::ReadCache;
use crate::disk::Disk;
use crate::engine::Engine;
use crate::error::{disk_failure, failure};
use crate::ledger::BLOCK;
use crate::options::{CacheFill, Limits};

/// Builder of a [`ReadCache`].
#[derive(Debug)]
#[must_use]
pub struct ReadCacheBuilder {
    store: Arc<dyn MediaStorage>,
    dir: PathBuf,
    capacity: u64,
    limits: Limits,
}

impl ReadCache {
    /// Creates a builder of a cache in front of `store`, with its files below `dir`.
    pub fn builder(store: impl MediaStorage, dir: impl Into<PathBuf>) -> ReadCacheBuilder {
        ReadCacheBuilder {
            store: Arc::new(store),
            dir: dir.into(),
            capacity: 1 << 30,
            limits: Limits {
                max_item: 256 << 20,
                fill: CacheFill::default(),
                stall_timeout: Duration::from_millis(200),
                max_wait: Duration::from_secs(30),
                max_staleness: Duration::ZERO,
            },
        }
    }
}

impl ReadCacheBuilder {
    /// Sets the most bytes of disk that this cache takes. Each file is counted in blocks of 4 KiB;
    /// the minimum is one block. Each process that shares the directory has this capacity for
    /// itself. Defaults to 1 GiB.
    pub fn with_capacity(mut self, bytes: u64) -> Self {
        self.capacity = bytes;
        self
    }

    /// Sets the largest media item, in bytes, that enters the cache; larger media bypasses it.
    /// Defaults to 256 MiB.
    pub fn with_max_item(mut self, bytes: u64) -> Self {
        self.limits.max_item = bytes;
        self
    }

    /// Sets which media enters the cache. Defaults to [`CacheFill::Reads`].
    pub fn with_fill(mut self, fill: CacheFill) -> Self {
        self.limits.fill = fill;
        self
    }

    /// Sets how long a reader waits for another reader that fills the cache and makes no progress,
    /// before it reads from the store. Defaults to 200 ms.
    pub fn with_stall_timeout(mut self, time: Duration) -> Self {
        self.limits.stall_timeout = time;
        self
    }

    /// Sets how long a reader waits in total for a download or a check by another reader, before it
    /// reads from the store. Defaults to 30 s.
    pub fn with_max_wait(mut self, time: Duration) -> Self {
        self.limits.max_wait = time;
        self
    }

    /// Sets how long the store need not be asked again about media that it admitted. In this time, hits
    /// cost no request, and media that another node deleted stays readable here; receipts of erasures
    /// must name the time. What is deleted through this cache is unreadable at once. Defaults to zero: the
    /// store is asked in the same call.
    pub fn with_max_staleness(mut self, time: Duration) -> Self {
        self.limits.max_staleness = time;
        self
    }

    /// Opens the directory, creating it if it is missing, and indexes the files in it.
    ///
    /// # Errors
    /// - `Config` for a capacity below one block, for a path that cannot be a directory, and for a
    ///   directory that 256 caches share already
    /// - `Permission` for a directory that this process cannot have for itself
    /// - `DiskSpace` if there is no room for the directory
    /// - `Other` for other errors of the file system
    pub async fn build(self) -> Result<ReadCache, StorageError> {
        if self.capacity < BLOCK {
            return Err(failure(StorageErrorKind::Config, Operation::Open)
                .with_reason("the capacity is below one block of 4096 bytes"));
        }
        let (dir, capacity) = (self.dir, self.capacity);
        let opened = tokio::task::spawn_blocking(move || Disk::open(&dir, capacity)).await;
        let disk = opened
            .unwrap_or_else(|stopped| Err(stopped.into()))
            .map_err(|error| {
                let reason = "failed to open the directory of the cache";
                disk_failure(Operation::Open, reason, error)
            })?;
        let mut limits = self.limits;
        limits.max_item = limits.max_item.min(capacity);
        Ok(ReadCache::new(Engine::new(self.store, disk, limits)))
    }
}
