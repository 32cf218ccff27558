//! The ability to tell what is stored and to remove what is due.

use std::any::Any;
use std::fmt;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use futures_core::stream::BoxStream;
use media_types::{Mime, StorageReference};
use serde::Serialize;

use crate::error::StorageError;
use crate::metadata::{MediaMetadata, Scope};

/// A store that can tell what it holds and clean up.
///
/// Everything here walks and streams; nothing needs memory that grows with what is stored.
#[async_trait]
pub trait Inventory: Send + Sync {
    /// The references of a scope, in no order. What is stored or deleted meanwhile may or may not
    /// appear. An entry that cannot be read is an error item; the stream goes on after it.
    fn list(&self, scope: Scope) -> BoxStream<'static, Result<Entry, StorageError>>;

    /// Sums up a scope.
    ///
    /// # Errors
    /// `Permission`, `Unavailable`.
    async fn usage(&self, scope: Scope) -> Result<Usage, StorageError>;

    /// Deletes every reference of a scope that is there when it starts.
    ///
    /// # Errors
    /// `Permission`, `Unavailable`. What was deleted before the error stays deleted; call again.
    async fn delete_scope(&self, scope: Scope) -> Result<SweepReport, StorageError>;

    /// Removes what is due. Safe at any time, from any process.
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

/// The right to sweep a store regularly. Dropping it releases it.
pub struct SweepLease {
    _guard: Box<dyn Any + Send + Sync>,
}

impl SweepLease {
    /// Creates a lease that is held as long as a guard exists.
    pub fn new(guard: impl Any + Send + Sync) -> Self {
        Self {
            _guard: Box::new(guard),
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
    /// The reference.
    pub reference: StorageReference,
    /// The type.
    pub mime: Mime,
    /// What was said about it.
    pub metadata: MediaMetadata,
    /// When it was stored.
    pub stored_at: DateTime<Utc>,
    /// When it expires, or `None` if it does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<DateTime<Utc>>,
}

impl Entry {
    /// An entry without an expiry.
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
        }
    }

    /// Sets when it expires. Default: never.
    #[must_use]
    pub fn with_expires_at(mut self, at: Option<DateTime<Utc>>) -> Self {
        self.expires_at = at;
        self
    }
}

/// What a scope holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Usage {
    /// Number of references.
    pub references: u64,
    /// Number of distinct bodies that are kept.
    pub blobs: u64,
    /// Bytes as callers see them: every reference with its whole size.
    pub logical_bytes: u64,
    /// Bytes that are kept: every body once.
    pub stored_bytes: u64,
    /// References that keep bytes of their own where sharing was asked for but not possible.
    pub copies: u64,
    /// Damaged media in quarantine. It counts in none of the other numbers.
    pub quarantined: u64,
    /// Bytes in quarantine.
    pub quarantined_bytes: u64,
}

/// How far a sweep looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SweepDepth {
    /// What is due by its time, and what dead processes left. Cost grows with what is due, unless
    /// there is a capacity: whether it is kept is told by a walk.
    #[default]
    Due,
    /// Also orphans, unreferenced bodies and a rebuild of what is derived. Cost grows with what is
    /// stored.
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
}

impl SweepOptions {
    /// Removes what is due now.
    pub fn new() -> Self {
        Self::default()
    }

    /// Removes nothing and reports what would go. Default: removes.
    #[must_use]
    pub fn with_dry_run(mut self) -> Self {
        self.dry_run = true;
        self
    }

    /// How far to look. Default: [`SweepDepth::Due`].
    #[must_use]
    pub fn with_depth(mut self, depth: SweepDepth) -> Self {
        self.depth = depth;
        self
    }

    /// Deletes the oldest references until at most so many bytes are kept. Default: the store's
    /// capacity, or none.
    #[must_use]
    pub fn with_capacity(mut self, bytes: u64) -> Self {
        self.capacity = Some(bytes);
        self
    }

    /// Takes this for the time. Default: the clock.
    #[must_use]
    pub fn with_now(mut self, now: DateTime<Utc>) -> Self {
        self.now = Some(now);
        self
    }

    /// Stops after so many references were deleted. Default: no end.
    #[must_use]
    pub fn with_max_deletes(mut self, references: u64) -> Self {
        self.max_deletes = Some(references);
        self
    }

    /// Leaves leftovers of uploads alone that are younger than this; object stores only. Default:
    /// the store's.
    #[must_use]
    pub fn with_grace(mut self, grace: std::time::Duration) -> Self {
        self.grace = Some(grace);
        self
    }

    /// Whether nothing is to be removed.
    pub fn dry_run(&self) -> bool {
        self.dry_run
    }

    /// How far to look.
    pub fn depth(&self) -> SweepDepth {
        self.depth
    }

    /// How many bytes may stay.
    pub fn capacity(&self) -> Option<u64> {
        self.capacity
    }

    /// The time to go by.
    pub fn now(&self) -> Option<DateTime<Utc>> {
        self.now
    }

    /// How many references may be deleted.
    pub fn max_deletes(&self) -> Option<u64> {
        self.max_deletes
    }

    /// How young leftovers of uploads are left alone.
    pub fn grace(&self) -> Option<std::time::Duration> {
        self.grace
    }
}

/// What a sweep or a scope deletion removed, or would remove in a dry run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SweepReport {
    /// References deleted because their time had come.
    pub expired: u64,
    /// References deleted because their scope was to go.
    pub deleted: u64,
    /// References deleted to get below the capacity.
    pub pruned: u64,
    /// Records whose media was gone.
    pub orphans: u64,
    /// Bodies that no reference held any more.
    pub blobs: u64,
    /// Staged files of processes that are gone.
    pub staging: u64,
    /// Bytes of storage that became free.
    pub freed_bytes: u64,
    /// References that claim to have been stored in the future; they are kept.
    pub future: u64,
    /// Damaged media that was in quarantine long enough.
    pub quarantined: u64,
    /// References that may belong to the scope: their record was rebuilt without its id. They are
    /// kept.
    pub unattributed: u64,
    /// References that were due but are on hold; they are kept.
    pub held: u64,
    /// Items that could not be read or removed; they are kept.
    pub failed: u64,
}

impl SweepReport {
    /// How many references were deleted, for whatever reason.
    pub fn references(&self) -> u64 {
        self.expired + self.deleted + self.pruned
    }
}
