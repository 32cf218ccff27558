//! The order of the steps of a sweep.

use chrono::{DateTime, Utc};
use media_storage::{Operation, StorageError, SweepDepth, SweepOptions, SweepReport};

use super::state::{Mode, Sweep};
use crate::bucket::Bucket;
use crate::reference::layout;
use crate::shared::Shared;

/// Sweeps the store. Steps that fail are counted, and the first failure is logged; a sweep ends with
/// it after many failures in a row.
///
/// A full sweep needs at most 12 MiB of memory beside the requests in flight, one that is shared at most
/// 32 MiB, and each of them 40 bytes for each reference if there is a capacity; a dry run needs some more
/// for each reference that it would delete.
pub(crate) async fn sweep(
    shared: &Shared,
    options: &SweepOptions,
) -> Result<SweepReport, StorageError> {
    let bucket = shared.bucket(Operation::Sweep);
    let service_time = service_time(shared, &bucket, options).await?;
    let mut sweep = Sweep::new(shared, bucket, service_time, options);
    let second = shared.keys.second().filter(|second| second.tombstones);
    let shares = match second.filter(|_| is_shared(options)) {
        Some(second) => Box::pin(sweep.shared(second)).await?,
        None => false,
    };
    if shares {
        // It did what was left of all steps.
    } else if options.depth() == SweepDepth::Full {
        let first = match shared.keys.second() {
            Some(second) => sweep.second(&second.clone()).await?,
            None => true,
        };
        if first {
            sweep.first().await?;
        }
        sweep.inbox().await?;
    } else {
        sweep.expired().await?;
        sweep.collect().await?;
        let cleaned = sweep.due_inbox().await;
        sweep.note(cleaned)?;
    }
    if let Some(capacity) = options.capacity() {
        sweep.prune(capacity).await?;
    }
    sweep.collect().await?;
    sweep.count_simulated().await?;
    let mut report = sweep.report;
    report.failed = sweep.failures.finish();
    Ok(report)
}

impl Sweep<'_> {
    /// Examines everything that was stored by the first protocol.
    pub(super) async fn first(&mut self) -> Result<(), StorageError> {
        self.garbage().await?;
        let sidecars = self.walk().await?;
        if self.mode == Mode::Remove {
            self.idle_hints(&sidecars).await?;
            self.heal(&sidecars).await?;
        }
        Ok(())
    }
}

/// Whether a sweep keeps its progress and shares the work. A dry run writes nothing.
fn is_shared(options: &SweepOptions) -> bool {
    options.resume() && options.depth() == SweepDepth::Full && !options.dry_run()
}

/// Returns the time by the clock of the service, by which the ages of leftovers count: a node whose
/// clock is ahead must not remove what others are writing. A dry run writes nothing and uses its own
/// clock.
async fn service_time(
    shared: &Shared,
    bucket: &Bucket,
    options: &SweepOptions,
) -> Result<DateTime<Utc>, StorageError> {
    let service_time = if options.depth() == SweepDepth::Full && !options.dry_run() {
        layout::service_time(bucket, &shared.keys, shared.options.organization).await?
    } else {
        None
    };
    Ok(service_time.unwrap_or_else(Utc::now))
}
