//! Freeing space when the disk is full.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use media_storage::backend::CancelFlag;

use crate::blobs::{Blobs, remove_unreferenced};
use crate::intake::Relief;
use crate::staging::SweepMode;

/// Time between two walks over all blobs.
const INTERVAL: Duration = Duration::from_secs(60);

/// The last attempt to free space, so that many stores on a full disk do not walk over all blobs
/// again and again.
#[derive(Debug, Default)]
pub(crate) struct ReliefLog {
    last: Mutex<Option<(Instant, bool)>>,
}

impl ReliefLog {
    /// Removes unreferenced blobs, unless that was done within the last minute. Returns whether
    /// space was freed. Concurrent callers wait for one walk and share its result.
    fn relieve(&self, blobs: &Blobs) -> bool {
        let asked = Instant::now();
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, freed)) = *last
            && at.elapsed() < INTERVAL
        {
            // What was freed before this caller met the full disk does not help it.
            return freed && at >= asked;
        }
        let removed = remove_unreferenced(blobs, SweepMode::Remove, &CancelFlag::new());
        let freed = removed.is_ok_and(|removed| removed.files > 0);
        *last = Some((Instant::now(), freed));
        freed
    }
}

/// Removes unreferenced blobs, at most once per operation.
pub(crate) struct BlobRelief<'a> {
    blobs: &'a Blobs,
    log: &'a ReliefLog,
    used: bool,
}

impl<'a> BlobRelief<'a> {
    pub(crate) fn new(blobs: &'a Blobs, log: &'a ReliefLog) -> Self {
        Self {
            blobs,
            log,
            used: false,
        }
    }
}

impl Relief for BlobRelief<'_> {
    fn relieve(&mut self) -> bool {
        !std::mem::replace(&mut self.used, true) && self.log.relieve(self.blobs)
    }
}
