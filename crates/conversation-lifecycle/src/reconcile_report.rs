//! How media is reconciled with state, and what that comes to.

use std::time::Duration;

use conversation_state::MediaStoreName;
use serde::Serialize;

/// How long a reference has to be unnamed, by default.
const DEFAULT_GRACE: Duration = Duration::from_secs(24 * 60 * 60);
/// How many references are deleted from a store in one pass, by default.
const DEFAULT_MAX_DELETIONS: usize = 10_000;
/// How many references of a store may always be deleted in one pass, by default.
const DEFAULT_GUARD_FLOOR: u64 = 16;

/// Options for reconciling media with state.
///
/// ```
/// use conversation_lifecycle::ReconcileOptions;
/// let options = ReconcileOptions::new().with_dry_run();
/// assert!(options.dry_run());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReconcileOptions {
    grace: Duration,
    dry_run: bool,
    max_deletions: usize,
    guard_floor: u64,
    force: bool,
}

impl Default for ReconcileOptions {
    fn default() -> Self {
        Self {
            grace: DEFAULT_GRACE,
            dry_run: false,
            max_deletions: DEFAULT_MAX_DELETIONS,
            guard_floor: DEFAULT_GUARD_FLOOR,
            force: false,
        }
    }
}

impl ReconcileOptions {
    /// Creates the default options.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets how long before this pass another pass must have found a reference unnamed. Must be
    /// longer than any turn. Defaults to 24 hours.
    #[must_use]
    pub fn with_grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Deletes nothing, and reports what would be deleted. What is unnamed is remembered all the same.
    #[must_use]
    pub fn with_dry_run(mut self) -> Self {
        self.dry_run = true;
        self
    }

    /// Sets how many references of a store are deleted at most. Defaults to 10,000.
    #[must_use]
    pub fn with_max_deletions(mut self, references: usize) -> Self {
        self.max_deletions = references;
        self
    }

    /// Sets how many references of a store may be deleted in one pass whatever their share is: in a
    /// store of five, one orphan is a fifth. 0 holds every store to a tenth. Defaults to 16.
    #[must_use]
    pub fn with_guard_floor(mut self, references: u64) -> Self {
        self.guard_floor = references;
        self
    }

    /// Sets whether more than a tenth of the media of a store may be deleted in one pass, where that
    /// is more than the [floor](Self::with_guard_floor): so much is more often a state that was
    /// restored from an old backup than media that nobody needs. Defaults to false.
    #[must_use]
    pub fn with_force(mut self, force: bool) -> Self {
        self.force = force;
        self
    }

    /// Returns how long a reference has to be unnamed.
    pub fn grace(&self) -> Duration {
        self.grace
    }

    /// Returns whether nothing is deleted.
    pub fn dry_run(&self) -> bool {
        self.dry_run
    }

    /// Returns how many references of a store are deleted at most.
    pub fn max_deletions(&self) -> usize {
        self.max_deletions
    }

    /// Returns how many references of a store may be deleted whatever their share is.
    pub fn guard_floor(&self) -> u64 {
        self.guard_floor
    }

    /// Returns whether more than a tenth of the media of a store may be deleted.
    pub fn force(&self) -> bool {
        self.force
    }
}

/// What a reconciliation found and did, store by store.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ReconcileReport {
    /// The stores that can list what they hold.
    pub stores: Vec<StoreReconciliation>,
    /// Stores that cannot, and were left alone.
    pub without_inventory: Vec<MediaStoreName>,
}

impl ReconcileReport {
    /// Returns the number of references that were deleted.
    pub fn deleted(&self) -> u64 {
        self.stores.iter().map(|store| store.deleted).sum()
    }

    /// Returns whether a store was left alone because too much of it is unnamed.
    pub fn is_guarded(&self) -> bool {
        self.stores.iter().any(|store| store.guarded)
    }
}

/// What a reconciliation found and did in one store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct StoreReconciliation {
    /// The store.
    pub store: MediaStoreName,
    /// References of conversations of this state store.
    pub examined: u64,
    /// References that belong to another state store, or to no conversation. They are left alone.
    pub foreign: u64,
    /// References that no message names.
    pub unnamed: u64,
    /// Of these, those that are kept because they were not found unnamed long enough ago.
    pub waiting: u64,
    /// Of these, those that are kept because a turn is running, the conversation is being created
    /// or deleted, or the state store is younger than the media.
    pub protected: u64,
    /// References that are due: deleted, or to be deleted in a dry run.
    pub due: u64,
    /// Whether due references were kept because they are more than a tenth of what was examined, and
    /// more than the floor.
    pub guarded: bool,
    /// References that were deleted.
    pub deleted: u64,
    /// The bytes of these references; less may have become free where bytes are shared.
    pub deleted_bytes: u64,
    /// Items that could not be read or deleted.
    pub failed: u64,
}

impl StoreReconciliation {
    pub(crate) fn new(store: MediaStoreName) -> Self {
        Self {
            store,
            examined: 0,
            foreign: 0,
            unnamed: 0,
            waiting: 0,
            protected: 0,
            due: 0,
            guarded: false,
            deleted: 0,
            deleted_bytes: 0,
            failed: 0,
        }
    }
}
