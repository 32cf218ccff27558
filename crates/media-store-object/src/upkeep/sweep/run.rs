//! The order of the steps of a sweep.

use chrono::{DateTime, TimeDelta, Utc};
use media_storage::{Operation, StorageError, SweepDepth, SweepOptions, SweepReport};

use super::state::{Mode, Sweep};
use crate::bucket::Bucket;
use crate::reference::layout;
use crate::shared::Shared;

/// Sweeps the store. Steps that fail are counted, and the first failure is logged; a sweep ends with
/// it after many failures in a row.
///
/// A full sweep needs at most 12 MiB of memory beside the requests in flight, and 40 bytes for each
/// reference if there is a capacity; a dry run needs some more for each reference that it would
/// delete.
pub(crate) async fn sweep(
    shared: &Shared,
    options: &SweepOptions,
) -> Result<SweepReport, StorageError> {
    let bucket = shared.bucket(Operation::Sweep);
    let settled_before = settled_before(shared, &bucket, options).await?;
    let mut sweep = Sweep::new(shared, bucket, settled_before, options);
    if options.depth() == SweepDepth::Full {
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
    sweep.collect().await?;
    sweep.count_simulated().await?;
    let mut report = sweep.report;
    report.failed = sweep.failures.finish();
    Ok(report)
}

/// Returns the time before which objects are old enough to be leftovers, by the clock of the
/// service: a node whose clock is ahead must not remove what others are writing. A dry run writes
/// nothing and uses its own clock.
async fn settled_before(
    shared: &Shared,
    bucket: &Bucket,
    options: &SweepOptions,
) -> Result<DateTime<Utc>, StorageError> {
    let grace = options.grace().unwrap_or(shared.options.grace);
    let grace = TimeDelta::from_std(grace).unwrap_or(TimeDelta::MAX);
    let service_time = if options.depth() == SweepDepth::Full && !options.dry_run() {
        layout::service_time(bucket, &shared.keys, shared.options.organization).await?
    } else {
        None
    };
    let now = service_time.unwrap_or_else(Utc::now);
    let before = now.checked_sub_signed(grace);
    Ok(before.unwrap_or(DateTime::<Utc>::MIN_UTC))
}
