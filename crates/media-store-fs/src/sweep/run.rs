//! The order of the steps of a sweep.

use chrono::Utc;
use media_storage::backend::CancelFlag;
use media_storage::{Operation, StorageError, SweepDepth, SweepOptions, SweepReport};

use super::state::Sweep;
use super::{due, full, prune};
use crate::shared::Shared;

pub(crate) fn sweep(
    shared: &Shared,
    options: &SweepOptions,
    cancelled: &CancelFlag,
) -> Result<SweepReport, StorageError> {
    let operation = Operation::Sweep;
    shared.check_writable(operation)?;
    shared.check_base(operation)?;
    let io = |error| shared.io(operation, "", error);
    let now = options.now().unwrap_or_else(Utc::now);
    let mut sweep = Sweep::new(shared, options, now, cancelled);
    due::staging(&mut sweep).map_err(io)?;
    if options.depth() == SweepDepth::Full {
        // The walk sees everything that has expired, including what no hint mentions.
        full::media(&mut sweep).map_err(io)?;
        full::hints(&mut sweep).map_err(io)?;
        full::quarantine(&mut sweep).map_err(io)?;
    } else {
        due::expired(&mut sweep).map_err(io)?;
    }
    if let Some(capacity) = options.capacity().or(shared.config.capacity) {
        prune::prune(&mut sweep, capacity).map_err(io)?;
    }
    if options.depth() == SweepDepth::Full {
        full::blobs(&mut sweep).map_err(io)?;
    }
    sweep.flush().map_err(io)?;
    Ok(sweep.into_report())
}
