//! Removing what is due: expired media, bytes that nothing holds, leftovers of dead writers.
//!
//! Nothing here remembers anything between two sweeps: each looks at the bucket anew, so that one
//! that was cut short is finished by the next, wherever that runs.

mod expired;
mod garbage;
mod heal;
mod leftovers;
mod prune;

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use media_storage::{Operation, StorageError, SweepDepth, SweepOptions, SweepReport};
use media_types::Sha256;

use crate::bucket::Bucket;
use crate::delete::remove;
use crate::keys::MediaKey;
use crate::layout;
use crate::protocol::Token;
use crate::released::Released;
use crate::shared::Shared;
use crate::sidecar::{Described, Place};

/// How many requests for different references go out at once.
const AT_ONCE: usize = 8;

/// Whether anything is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Remove,
    DryRun,
}

/// Why a reference goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    Expired,
    Pruned,
}

struct Sweep<'a> {
    shared: &'a Shared,
    bucket: Bucket,
    now: DateTime<Utc>,
    /// What was put there before is nobody's work in progress; by the clock of the service.
    settled_before: DateTime<Utc>,
    mode: Mode,
    /// How many references may still be deleted.
    room: u64,
    report: SweepReport,
    released: Released,
    /// What a dry run has taken from each generation in thought: references, and the size.
    pretended: HashMap<(Sha256, Token), (u64, u64)>,
    /// Generations that a dry run has removed in thought.
    fenced: HashSet<(Sha256, Token)>,
}

/// Sweeps. A full sweep needs at most 12 MiB of memory beside what is in flight, and 40 bytes for
/// each reference where there is a capacity; a dry run also some for each reference that would go.
pub(crate) async fn sweep(
    shared: &Shared,
    options: &SweepOptions,
) -> Result<SweepReport, StorageError> {
    let bucket = shared.bucket(Operation::Sweep);
    let mut sweep = Sweep {
        shared,
        settled_before: settled_before(shared, &bucket, options).await?,
        bucket,
        now: options.now().unwrap_or_else(Utc::now),
        mode: if options.dry_run() {
            Mode::DryRun
        } else {
            Mode::Remove
        },
        room: options.max_deletes().unwrap_or(u64::MAX),
        report: SweepReport::default(),
        released: Released::default(),
        pretended: HashMap::new(),
        fenced: HashSet::new(),
    };
    let full = options.depth() == SweepDepth::Full;
    if full {
        sweep.garbage().await?;
        let sidecars = sweep.walk().await?;
        if sweep.mode == Mode::Remove {
            sweep.idle_hints(&sidecars).await?;
            sweep.heal(&sidecars).await?;
        }
    } else {
        sweep.expired().await?;
    }
    if let Some(capacity) = options.capacity() {
        sweep.prune(capacity).await?;
    }
    sweep.free().await;
    sweep.count_pretended().await?;
    Ok(sweep.report)
}

/// A node whose clock is ahead must not take for old what others are just writing. A dry run writes
/// nothing and goes by the own clock.
async fn settled_before(
    shared: &Shared,
    bucket: &Bucket,
    options: &SweepOptions,
) -> Result<DateTime<Utc>, StorageError> {
    let grace = options.grace().unwrap_or(shared.options.grace);
    let grace = TimeDelta::from_std(grace).unwrap_or(TimeDelta::MAX);
    let told = if options.depth() == SweepDepth::Full && !options.dry_run() {
        layout::time(bucket, &shared.keys, shared.options.organization).await?
    } else {
        None
    };
    let now = told.unwrap_or_else(Utc::now);
    let before = now.checked_sub_signed(grace);
    Ok(before.unwrap_or(DateTime::<Utc>::MIN_UTC))
}

impl Sweep<'_> {
    fn is_settled(&self, modified: DateTime<Utc>) -> bool {
        modified <= self.settled_before
    }

    /// Deletes references, as many as may be; in a dry run counts what that would free.
    async fn delete(&mut self, mut due: Vec<(MediaKey, Described)>, cause: Cause) {
        due.truncate(usize::try_from(self.room).unwrap_or(usize::MAX));
        let (bucket, keys, mode) = (&self.bucket, &self.shared.keys, self.mode);
        let removed: Vec<_> = stream::iter(due)
            .map(|(key, described)| async move {
                let removed = match mode {
                    Mode::Remove => remove(bucket, keys, &key, &described).await,
                    Mode::DryRun => Ok(()),
                };
                (described, removed)
            })
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        for (described, removed) in removed {
            match removed {
                Ok(()) => self.count(&described, cause),
                Err(error) => self.failed(&error),
            }
        }
        if self.released.is_full() {
            self.free().await;
        }
    }

    fn count(&mut self, described: &Described, cause: Cause) {
        self.room = self.room.saturating_sub(1);
        match cause {
            Cause::Expired => self.report.expired += 1,
            Cause::Pruned => self.report.pruned += 1,
        }
        let (sha256, size) = (described.sidecar.sha256, described.sidecar.size_bytes);
        match (described.place, self.mode) {
            (Place::Own, _) => self.report.freed_bytes += size,
            (Place::Shared(_), Mode::Remove) => self.released.add(sha256, size),
            (Place::Shared(generation), Mode::DryRun) => {
                let taken = self.pretended.entry((sha256, generation));
                taken.or_insert((0, size)).0 += 1;
            }
        }
    }

    fn failed(&mut self, error: &StorageError) {
        tracing::debug!(%error, "a sweep leaves something for the next");
        self.report.failed += 1;
    }

    /// Removes the bytes that deleted references were the last to hold.
    async fn free(&mut self) {
        let freed = self.released.free(&self.bucket, &self.shared.keys).await;
        self.report.freed_bytes += freed.bytes;
        self.report.failed += freed.failed;
    }

    /// Counts the bytes that nothing would hold any more.
    async fn count_pretended(&mut self) -> Result<(), StorageError> {
        for ((sha256, generation), (taken, size)) in std::mem::take(&mut self.pretended) {
            let markers = self.shared.keys.markers(sha256, generation)?;
            let mut listed = self.bucket.list(&markers, None);
            let mut held = 0;
            while held <= taken && listed.try_next().await?.is_some() {
                held += 1;
            }
            if held <= taken {
                self.report.freed_bytes += size;
            }
        }
        Ok(())
    }
}
