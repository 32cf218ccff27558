//! What all handles on one cache share: the store, the disk and the bounds on work in flight.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use media_storage::{MediaStorage, RetrieveOptions, StorageError, StoredMedia};
use media_types::StorageReference;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::disk::Disk;
use crate::heads::Heads;
use crate::key::CacheKey;
use crate::options::Limits;

/// Files that may be filled at once; further bodies bypass the cache.
const FILLS: usize = 32;
/// Files that may be opened at once; further reads wait for them.
const LOOKUPS: usize = 64;

#[derive(Debug)]
pub(crate) struct Engine {
    pub(crate) store: Arc<dyn MediaStorage>,
    pub(crate) disk: Arc<Disk>,
    pub(crate) limits: Limits,
    pub(crate) heads: Heads,
    fills: Arc<Semaphore>,
    pub(crate) lookups: Arc<Semaphore>,
    bypassed_until: Mutex<Option<Instant>>,
}

impl Engine {
    pub(crate) fn new(store: Arc<dyn MediaStorage>, disk: Disk, limits: Limits) -> Self {
        Self {
            store,
            disk: Arc::new(disk),
            heads: Heads::new(limits.max_staleness),
            limits,
            fills: Arc::new(Semaphore::new(FILLS)),
            lookups: Arc::new(Semaphore::new(LOOKUPS)),
            bypassed_until: Mutex::new(None),
        }
    }

    /// Whether media of this size may enter the cache.
    pub(crate) fn admits(&self, key: CacheKey) -> bool {
        key.size > 0 && key.size <= self.limits.max_item
    }

    /// Returns the right to fill one file, unless too many are being filled.
    pub(crate) fn try_fill(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.fills).try_acquire_owned().ok()
    }

    /// Whether reads go to the store because the disk stopped answering.
    pub(crate) fn is_bypassed(&self) -> bool {
        let mut until = self
            .bypassed_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *until = until.filter(|until| Instant::now() < *until);
        until.is_some()
    }

    /// Sends reads to the store for a while.
    pub(crate) fn bypass_for(&self, time: Duration) {
        tracing::warn!("the disk of the read cache does not answer; reads go to the store");
        *self
            .bypassed_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(Instant::now() + time);
    }

    pub(crate) fn count_hit(&self, bytes: u64) {
        self.disk.counters.hits.add(1);
        self.disk.counters.hit_bytes.add(bytes);
        tracing::debug!(bytes, "media served from the read cache");
    }

    /// Reads from the store and counts a miss.
    pub(crate) async fn miss(
        &self,
        reference: &StorageReference,
        options: RetrieveOptions,
    ) -> Result<StoredMedia, StorageError> {
        let stored = self.store.retrieve_opts(reference, options).await?;
        self.disk.counters.misses.add(1);
        tracing::debug!(size = stored.size, "media served from the store");
        Ok(stored)
    }
}
