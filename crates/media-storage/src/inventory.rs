//! The capability to list what is stored and to remove what is due.

use std::any::Any;
use std::fmt;
use std::pin::Pin;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use futures_core::stream::BoxStream;
use media_types::{Mime, StorageReference};
use serde::Serialize;

use crate::error::StorageError;
use crate::metadata::MediaMetadata;
use crate::scope::Scope;

/// A store that can list, sum up and clean up its content.
///
/// All operations stream, and need little memory however much is stored.
#[async_trait]
pub trait Inventory: Send + Sync {
    /// Lists the references of a scope, in no particular order. Media that is stored or deleted in the
    /// meantime may or may not be listed. An entry that cannot be read is an error; the stream continues
    /// after it.
    fn list(&self, scope: Scope) -> BoxStream<'static, Result<Entry, StorageError>>;

    /// Returns the usage of a scope.
    ///
    /// # Errors
    /// `Permission`, `Unavailable`.
    async fn usage(&self, scope: Scope) -> Result<Usage, StorageError>;

    /// Returns the number of media items in quarantine that are in a scope, or whose scope cannot be read: no list
    /// shows them. The default implementation returns 0, for stores without a quarantine; a layer over another store
    /// must forward this method.
    ///
    /// # Errors
    /// `Permission`, `Unavailable`.
    async fn quarantined(&self, _scope: Scope) -> Result<u64, StorageError> {
        Ok(0)
    }

    /// Deletes every reference of a scope that exists when the deletion starts.
    ///
    /// # Errors
    /// `Permission`, `Unavailable`. What was deleted before the error stays deleted; try again.
    async fn delete_scope(&self, scope: Scope) -> Result<SweepReport, StorageError>;

    /// Removes what is due. Safe at any time, in any process.
    ///
    /// # Errors
    /// `Permission`, `Unavailable`. Single items that fail are counted in the report.
    async fn sweep(&self, options: SweepOptions) -> Result<SweepReport, StorageError>;

    /// Takes the lease of the process that sweeps this store regularly. Returns `None` if another
    /// process holds it. The default implementation grants every lease.
    ///
    /// A lease only avoids that several processes do the same work. Sweeps are safe without it.
    ///
    /// # Errors
    /// `Permission`, `Unavailable`.
    async fn sweep_lease(&self) -> Result<Option<SweepLease>, StorageError> {
        Ok(Some(SweepLease::new(())))
    }
}

/// The right to sweep a store regularly. Dropping it releases it, as does [`release`](Self::release).
pub struct SweepLease {
    guard: Box<dyn Any + Send + Sync>,
    released: Option<Pin<Box<dyn Future<Output = ()> + Send + Sync>>>,
    lost: Option<Pin<Box<dyn Future<Output = ()> + Send + Sync>>>,
}

impl SweepLease {
    /// Creates a lease that is held as long as a guard exists.
    pub fn new(guard: impl Any + Send + Sync) -> Self {
        Self {
            guard: Box::new(guard),
            released: None,
            lost: None,
        }
    }

    /// Sets a future that ends when the lease is lost while the guard exists: another process has it, or may
    /// have it. It never ends otherwise. Defaults to a lease that is never lost.
    #[must_use]
    pub fn with_lost(mut self, lost: impl Future<Output = ()> + Send + Sync + 'static) -> Self {
        self.lost = Some(Box::pin(lost));
        self
    }

    /// Waits until the lease is lost. Whoever sweeps by it should stop then: the sweep goes on elsewhere. May be
    /// called again, also after it has returned.
    pub async fn lost(&mut self) {
        match &mut self.lost {
            Some(lost) => lost.await,
            None => std::future::pending().await,
        }
        self.lost = Some(Box::pin(std::future::ready(())));
    }

    /// Sets a future that ends when the store has the release, for a guard whose drop only begins it. It must
    /// end also if the release fails, and need not be polled. Defaults to none.
    #[must_use]
    pub fn with_released(
        mut self,
        released: impl Future<Output = ()> + Send + Sync + 'static,
    ) -> Self {
        self.released = Some(Box::pin(released));
        self
    }

    /// Releases the lease, and waits until the store has the release, or has failed.
    pub async fn release(self) {
        let Self {
            guard, released, ..
        } = self;
        drop(guard);
        if let Some(released) = released {
            released.await;
        }
    }
}

impl fmt::Debug for SweepLease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SweepLease").finish_non_exhaustive()
    }
}

/// One stored reference.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Entry {
    /// Reference to the media.
    pub reference: StorageReference,
    /// MIME type.
    pub mime: Mime,
    /// Metadata that the media was stored with.
    pub metadata: MediaMetadata,
    /// Time of store.
    pub stored_at: DateTime<Utc>,
    /// Time when the media expires, or `None` if it does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<DateTime<Utc>>,
    /// Time when the media expires at the latest, whatever its retention is changed to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_by: Option<DateTime<Utc>>,
    /// Whether the media is on hold: it is neither deleted nor swept.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub hold: bool,
}

impl Entry {
    /// Creates an entry that does not expire and is not on hold.
    pub fn new(
        reference: StorageReference,
        mime: Mime,
        metadata: MediaMetadata,
        stored_at: DateTime<Utc>,
    ) -> Self {
        Self {
            reference,
            mime,
            metadata,
            stored_at,
            expires_at: None,
            expires_by: None,
            hold: false,
        }
    }

    /// Sets when the media expires. Defaults to never.
    #[must_use]
    pub fn with_expires_at(mut self, at: Option<DateTime<Utc>>) -> Self {
        self.expires_at = at;
        self
    }

    /// Sets when the media expires at the latest. Defaults to no such time.
    #[must_use]
    pub fn with_expires_by(mut self, at: Option<DateTime<Utc>>) -> Self {
        self.expires_by = at;
        self
    }

    /// Sets whether the media is on hold. Defaults to `false`.
    #[must_use]
    pub fn with_hold(mut self, hold: bool) -> Self {
        self.hold = hold;
        self
    }
}

/// The usage of a scope.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Usage {
    /// Number of references.
    pub references: u64,
    /// Number of distinct bodies that are stored.
    pub blobs: u64,
    /// Number of bytes as callers see them: the size of every reference.
    pub logical_bytes: u64,
    /// Number of bytes that are stored: the size of every body, once.
    pub stored_bytes: u64,
    /// Number of references with their own copy of the bytes, because sharing was enabled but not possible.
    pub copies: u64,
    /// Number of damaged media items in quarantine. They do not count in the other numbers.
    pub quarantined: u64,
    /// Number of bytes in quarantine.
    pub quarantined_bytes: u64,
}

/// How much of the store a sweep examines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SweepDepth {
    /// Only what is due by its time, and what ended processes left. The cost grows with what is due, unless
    /// there is a capacity, which requires a walk over everything.
    #[default]
    Due,
    /// Also orphans, unreferenced bodies and quarantine; derived data is rebuilt. The cost grows with what
    /// is stored.
    Full,
}

/// Options of [`Inventory::sweep`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SweepOptions {
    dry_run: bool,
    depth: SweepDepth,
    capacity: Option<u64>,
    now: Option<DateTime<Utc>>,
    max_deletes: Option<u64>,
    grace: Option<std::time::Duration>,
    resume: bool,
}

impl SweepOptions {
    /// Creates options for removing what is due now.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets that nothing is removed, only reported. Defaults to removing.
    #[must_use]
    pub fn with_dry_run(mut self) -> Self {
        self.dry_run = true;
        self
    }

    /// Sets how much is examined. Defaults to [`SweepDepth::Due`].
    #[must_use]
    pub fn with_depth(mut self, depth: SweepDepth) -> Self {
        self.depth = depth;
        self
    }

    /// Sets the number of bytes that may stay: the oldest references are deleted until the rest fits.
    /// Defaults to the capacity of the store.
    #[must_use]
    pub fn with_capacity(mut self, bytes: u64) -> Self {
        self.capacity = Some(bytes);
        self
    }

    /// Sets the current time. Defaults to the clock.
    #[must_use]
    pub fn with_now(mut self, now: DateTime<Utc>) -> Self {
        self.now = Some(now);
        self
    }

    /// Sets the number of references after whose deletion the sweep stops. Defaults to no limit.
    #[must_use]
    pub fn with_max_deletes(mut self, references: u64) -> Self {
        self.max_deletes = Some(references);
        self
    }

    /// Sets the age up to which leftovers of uploads stay, in object stores. Defaults to that of the store.
    #[must_use]
    pub fn with_grace(mut self, grace: std::time::Duration) -> Self {
        self.grace = Some(grace);
        self
    }

    /// Sets whether a full sweep keeps its progress in the store, continues a sweep that was interrupted,
    /// and shares the work with sweeps of other processes. Defaults to `false`.
    ///
    /// What an earlier sweep, or another process, has examined is not examined again, and steps that need to
    /// know that nothing was left out are not taken. Make a sweep without this once a week, and whenever
    /// everything that is garbage now must go. Object stores whose service supports conditional writes follow
    /// it; others ignore it.
    #[must_use]
    pub fn with_resume(mut self, resume: bool) -> Self {
        self.resume = resume;
        self
    }

    /// Whether nothing is removed.
    pub fn dry_run(&self) -> bool {
        self.dry_run
    }

    /// Returns how much is examined.
    pub fn depth(&self) -> SweepDepth {
        self.depth
    }

    /// Returns the number of bytes that may stay.
    pub fn capacity(&self) -> Option<u64> {
        self.capacity
    }

    /// Returns the current time, if it was set.
    pub fn now(&self) -> Option<DateTime<Utc>> {
        self.now
    }

    /// Returns the number of references that may be deleted.
    pub fn max_deletes(&self) -> Option<u64> {
        self.max_deletes
    }

    /// Returns the age up to which leftovers of uploads stay.
    pub fn grace(&self) -> Option<std::time::Duration> {
        self.grace
    }

    /// Whether progress is kept, continued and shared.
    pub fn resume(&self) -> bool {
        self.resume
    }
}

/// The result of a sweep or of the deletion of a scope, or what a dry run would remove.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SweepReport {
    /// Number of references that had expired and were deleted.
    pub expired: u64,
    /// Number of references that were deleted with their scope.
    pub deleted: u64,
    /// Number of references that were deleted because of the capacity.
    pub pruned: u64,
    /// Number of sidecars without media that were removed.
    pub orphans: u64,
    /// Number of bodies that no reference shared, and were removed.
    pub blobs: u64,
    /// Number of staged files of ended processes that were removed.
    pub staging: u64,
    /// Number of bytes of storage that became free.
    pub freed_bytes: u64,
    /// Number of references that were kept because their time of store is in the future.
    pub future: u64,
    /// Number of damaged media items that were in quarantine long enough, and were removed.
    pub quarantined: u64,
    /// Number of references that were kept although they may belong to the scope: their sidecar was rebuilt,
    /// and its id is lost, or their tags are encrypted with a key that was forgotten.
    pub unattributed: u64,
    /// Number of references that were kept because they are on hold.
    pub held: u64,
    /// Number of items that could not be read or removed.
    pub failed: u64,
    /// Number of parts of the work that other sweeps were doing when this one ended. It is 0 unless the
    /// sweep [shares its work](SweepOptions::with_resume).
    pub unfinished: u64,
    /// Number of copies that were removed from a cache in front of the store.
    pub cached_copies: u64,
    /// Number of other running caches that share the directory of that cache. Their copies cannot be
    /// read any more and go by eviction.
    pub other_caches: u64,
}

impl SweepReport {
    /// Returns the number of deleted references.
    pub fn references(&self) -> u64 {
        self.expired + self.deleted + self.pruned
    }
}
