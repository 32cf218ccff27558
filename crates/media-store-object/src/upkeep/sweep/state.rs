//! The state of one sweep, and the deletions that all of its steps make.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::stream::{self, BoxStream, StreamExt as _, TryStreamExt as _};
use media_storage::{StorageError, SweepOptions, SweepReport};
use media_types::Sha256;
use object_store::ObjectMeta;

use super::super::failures::Failures;
use super::super::pending_gc::PendingGc;
use crate::bucket::{Bucket, MarkerState, MediaKey};
use crate::operation::remove;
use crate::protocol::Nonce;
use crate::reference::sidecar::{ByteLocation, Descriptor, Protocol};
use crate::shared::Shared;

/// Maximum number of references that are worked on at the same time.
pub(super) const CONCURRENCY: usize = 8;

/// How long tombstones are kept, by the clock of the service. No copy of a request may arrive later
/// than this after the request, and no store may be suspended for that long.
const TOMBSTONE_AGE: TimeDelta = TimeDelta::days(7);

/// Whether a sweep removes anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Remove,
    DryRun,
}

/// Why a reference is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    Expired,
    Pruned,
}

/// Objects of a listing.
pub(super) type Listing = BoxStream<'static, Result<ObjectMeta, StorageError>>;

pub(super) struct Sweep<'a> {
    pub(super) shared: &'a Shared,
    pub(super) bucket: Bucket,
    pub(super) now: DateTime<Utc>,
    grace: TimeDelta,
    settled_before: DateTime<Utc>,
    buried_before: DateTime<Utc>,
    service_time: DateTime<Utc>,
    pub(super) mode: Mode,
    /// Number of references that may still be deleted.
    pub(super) deletes_left: u64,
    pub(super) report: SweepReport,
    pub(super) failures: Failures,
    pending: PendingGc,
    /// References that a dry run would have deleted from each generation, and the size of its bytes.
    simulated: HashMap<(Sha256, Nonce), (Protocol, u64, u64)>,
    /// Generations that a dry run would have removed.
    pub(super) fenced: HashSet<(Sha256, Nonce)>,
}

impl<'a> Sweep<'a> {
    /// Creates a sweep at this time by the clock of the service.
    pub(super) fn new(
        shared: &'a Shared,
        bucket: Bucket,
        service_time: DateTime<Utc>,
        options: &SweepOptions,
    ) -> Self {
        let grace = options.grace().unwrap_or(shared.options.grace);
        let grace = TimeDelta::from_std(grace).unwrap_or(TimeDelta::MAX);
        let before = |age| {
            let time = service_time.checked_sub_signed(age);
            time.unwrap_or(DateTime::<Utc>::MIN_UTC)
        };
        Self {
            shared,
            bucket,
            now: options.now().unwrap_or_else(Utc::now),
            grace,
            settled_before: before(grace),
            buried_before: before(TOMBSTONE_AGE),
            service_time,
            mode: if options.dry_run() {
                Mode::DryRun
            } else {
                Mode::Remove
            },
            deletes_left: options.max_deletes().unwrap_or(u64::MAX),
            report: SweepReport::default(),
            failures: Failures::default(),
            pending: PendingGc::default(),
            simulated: HashMap::new(),
            fenced: HashSet::new(),
        }
    }

    /// Returns a sweep of the same options that has done nothing yet, for a part that removes no sound
    /// reference.
    pub(super) fn fork(&self) -> Self {
        Self {
            shared: self.shared,
            bucket: self.bucket.clone(),
            report: SweepReport::default(),
            failures: Failures::default(),
            pending: PendingGc::default(),
            simulated: HashMap::new(),
            fenced: HashSet::new(),
            ..*self
        }
    }

    /// Adds what a fork has removed, and its failures.
    pub(super) fn join(&mut self, fork: Sweep<'_>) {
        self.report.orphans += fork.report.orphans;
        self.report.blobs += fork.report.blobs;
        self.report.staging += fork.report.staging;
        self.report.freed_bytes += fork.report.freed_bytes;
        self.failures.join(fork.failures);
    }

    /// Returns the age up to which leftovers stay.
    pub(super) fn grace(&self) -> TimeDelta {
        self.grace
    }

    /// Returns the time by the clock of the service when the sweep began.
    pub(super) fn service_time(&self) -> DateTime<Utc> {
        self.service_time
    }

    /// Whether an object is too old to be work in progress.
    pub(super) fn is_settled(&self, modified: DateTime<Utc>) -> bool {
        modified <= self.settled_before
    }

    /// Whether a tombstone is older than any copy of a request can be.
    pub(super) fn is_removable(&self, buried: DateTime<Utc>) -> bool {
        buried <= self.buried_before
    }

    /// Deletes references that are not on hold, as many as the limit allows. A dry run counts what this would free.
    pub(super) async fn delete(
        &mut self,
        mut due: Vec<(MediaKey, Descriptor)>,
        cause: Cause,
    ) -> Result<(), StorageError> {
        let all = due.len();
        due.retain(|(_, descriptor)| !descriptor.sidecar.hold);
        self.report.held += (all - due.len()) as u64;
        due.truncate(usize::try_from(self.deletes_left).unwrap_or(usize::MAX));
        let (bucket, keys, mode) = (&self.bucket, &self.shared.keys, self.mode);
        let removed: Vec<_> = stream::iter(due)
            .map(|(key, descriptor)| async move {
                let removed = match mode {
                    Mode::Remove => remove(bucket, keys, &key, &descriptor).await,
                    Mode::DryRun => Ok(()),
                };
                (descriptor, removed)
            })
            .buffer_unordered(CONCURRENCY)
            .collect()
            .await;
        for (descriptor, removed) in removed {
            match removed {
                Ok(()) => self.count(&descriptor, cause),
                Err(error) => self.failures.failed(error)?,
            }
        }
        if self.pending.is_full() {
            self.collect().await?;
        }
        Ok(())
    }

    fn count(&mut self, descriptor: &Descriptor, cause: Cause) {
        self.failures.succeeded();
        self.deletes_left = self.deletes_left.saturating_sub(1);
        match cause {
            Cause::Expired => self.report.expired += 1,
            Cause::Pruned => self.report.pruned += 1,
        }
        let sidecar = &descriptor.sidecar;
        let (sha256, size) = (sidecar.sha256, sidecar.size_bytes);
        match (descriptor.location, self.mode) {
            (ByteLocation::Own, _) => self.report.freed_bytes += size,
            (ByteLocation::Shared(_), Mode::Remove) => {
                self.pending.add(sha256, descriptor.protocol, size);
            }
            (ByteLocation::Shared(generation), Mode::DryRun) => {
                let simulated = self.simulated.entry((sha256, generation));
                simulated.or_insert((descriptor.protocol, 0, size)).1 += 1;
            }
        }
    }

    /// Removes the bytes that only deleted references held.
    pub(super) async fn collect(&mut self) -> Result<(), StorageError> {
        let pending = &mut self.pending;
        let collected = pending.collect(&self.bucket, &self.shared.keys, &mut self.failures);
        self.report.freed_bytes += collected.await?;
        Ok(())
    }

    /// Counts the bytes that a dry run would have left without a reference.
    pub(super) async fn count_simulated(&mut self) -> Result<(), StorageError> {
        for ((sha256, generation), (protocol, deleted, size)) in std::mem::take(&mut self.simulated)
        {
            let markers = match self.shared.keys.second() {
                Some(second) if protocol == Protocol::Second => {
                    second.markers(second.content(sha256), generation)?
                }
                _ => self.shared.keys.markers(sha256, generation)?,
            };
            let mut listed = self.bucket.list(&markers, None);
            let mut held = 0;
            while held <= deleted
                && let Some(meta) = listed.try_next().await?
            {
                let marker = MarkerState::of_size(meta.size);
                held += u64::from(marker != MarkerState::Tombstone);
            }
            if held <= deleted {
                self.report.freed_bytes += size;
            }
        }
        Ok(())
    }
}
