//! The state of a sweep, and how it deletes.

use std::collections::{BTreeMap, HashMap};
use std::io;

use chrono::{DateTime, Utc};
use media_storage::backend::{CancelFlag, FailureLog};
use media_storage::{Sidecar, StorageError, SweepOptions, SweepReport};
use media_types::Sha256;
use media_types::readable::causes;

use crate::blobs::{CLASSES, blob_path};
use crate::delete::{Fate, Unreadable, remove_chosen};
use crate::key::Key;
use crate::quarantine::Names;
use crate::shared::Shared;
use crate::staging::SweepMode;
use crate::sys::{self, Identity};

/// Number of references that are deleted before their directories are made durable.
const BATCH: usize = 1024;

/// A sweep that is running.
pub(super) struct Sweep<'a> {
    pub(super) shared: &'a Shared,
    pub(super) now: DateTime<Utc>,
    pub(super) mode: SweepMode,
    /// Number of references that may still be deleted.
    pub(super) budget: u64,
    pub(super) report: SweepReport,
    pub(super) cancelled: &'a CancelFlag,
    failures: FailureLog,
    quarantined: Names,
    /// Directories that lost entries and were not synced since.
    dirty: BTreeMap<String, usize>,
    /// Number of names that a dry run pretends to have removed from each inode.
    pretended: HashMap<Identity, u64>,
}

/// What became of media that was due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Deleted,
    /// It does not exist.
    Absent,
    /// It is on hold.
    Held,
    /// It was changed, and is not due any more.
    Spared,
}

impl<'a> Sweep<'a> {
    pub(super) fn new(
        shared: &'a Shared,
        options: &SweepOptions,
        now: DateTime<Utc>,
        cancelled: &'a CancelFlag,
    ) -> Self {
        Self {
            shared,
            now,
            mode: if options.dry_run() {
                SweepMode::DryRun
            } else {
                SweepMode::Remove
            },
            budget: options.max_deletes().unwrap_or(u64::MAX),
            report: SweepReport::default(),
            cancelled,
            failures: FailureLog::new(),
            quarantined: Names::default(),
            dirty: BTreeMap::new(),
            pretended: HashMap::new(),
        }
    }

    pub(super) fn removes(&self) -> bool {
        self.mode == SweepMode::Remove
    }

    /// Counts a failure. Returns an error after too many in a row.
    pub(super) fn fail(&mut self, error: StorageError) -> io::Result<()> {
        self.failures.record(error).map_err(io::Error::other)
    }

    /// Notes that an item did not fail: what is due only when that was done.
    pub(super) fn succeeded(&mut self) {
        self.failures.reset();
    }

    /// Deletes a reference that has expired, or counts what that would free.
    pub(super) fn delete_expired(&mut self, key: &Key, sidecar: &Sidecar) -> io::Result<Outcome> {
        let now = self.now;
        self.delete(key, sidecar, |sidecar| {
            sidecar.is_expired(now) && sidecar.stored_at <= now
        })
    }

    /// Deletes a reference that is due, if its sidecar still says so, or counts what that would free.
    pub(super) fn delete(
        &mut self,
        key: &Key,
        sidecar: &Sidecar,
        is_due: impl FnOnce(&Sidecar) -> bool,
    ) -> io::Result<Outcome> {
        if sidecar.hold {
            return Ok(Outcome::Held);
        }
        let stat = match sys::stat(self.shared.base(), &key.path()) {
            Err(error) if sys::is_absence(&error) => return Ok(Outcome::Absent),
            other => other?,
        };
        if self.mode == SweepMode::DryRun {
            let gone = self.pretended.entry(stat.identity).or_default();
            *gone += 1;
            let left = stat.links.saturating_sub(*gone);
            if left <= self.links_without_references(sidecar.sha256) {
                self.report.freed_bytes += stat.len;
            }
            self.budget -= 1;
            return Ok(Outcome::Deleted);
        }
        let (shared, quarantined) = (self.shared, &self.quarantined);
        let is_copy_held = || quarantined.hold(&shared.quarantine, &key.file, |_| true);
        let removed = match remove_chosen(shared, key, Unreadable::Fails, is_due, is_copy_held) {
            Err(error) if sys::is_not_found(&error) => return Ok(Outcome::Absent),
            Err(error) => return Err(error),
            Ok(Fate::Held) => return Ok(Outcome::Held),
            Ok(Fate::Spared) => return Ok(Outcome::Spared),
            Ok(Fate::Removed(removed)) => removed,
        };
        self.failures.reset();
        self.report.freed_bytes += removed.freed;
        *self.dirty.entry(key.directory.clone()).or_default() += 1;
        if self.dirty.values().sum::<usize>() >= BATCH {
            self.flush()?;
        }
        if !removed.media {
            return Ok(Outcome::Absent);
        }
        self.budget -= 1;
        Ok(Outcome::Deleted)
    }

    /// Whether a dry run has counted this media as expired.
    pub(super) fn is_pretended(&self, sidecar: &Sidecar) -> bool {
        self.mode == SweepMode::DryRun
            && sidecar.is_expired(self.now)
            && sidecar.stored_at <= self.now
            && !sidecar.hold
    }

    /// Number of links of a body that are blob names.
    fn links_without_references(&self, sha256: Sha256) -> u64 {
        let dir = self.shared.blobs.dir();
        CLASSES
            .iter()
            .filter(|class| sys::stat(dir, &blob_path(class, sha256)).is_ok())
            .count() as u64
    }

    /// Removes a directory that a walk has left, and its parents, as long as they are empty: their names are ids. Those
    /// that lost entries go when that is durable.
    pub(super) fn ended(&self, path: &str) {
        if self.removes() && !self.dirty.contains_key(path) {
            self.shared.directories.remove_empty(path);
        }
    }

    /// Makes removals durable. Only then may directories that became empty be removed, or nothing
    /// would be left to sync.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        for (path, _) in std::mem::take(&mut self.dirty) {
            if self.shared.is_synced() {
                self.shared.directories.sync_nearest(&path)?;
            }
            self.shared.directories.remove_empty(&path);
        }
        Ok(())
    }

    pub(super) fn into_report(self) -> SweepReport {
        let mut report = self.report;
        report.failed += self.failures.total();
        if let Some(error) = self.failures.first() {
            tracing::warn!(failures = self.failures.total(), error = %causes(&error), "first failure of a sweep");
        }
        report
    }
}
