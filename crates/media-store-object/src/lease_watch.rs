//! How long the lease of another process is unchanged.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::bucket::Version;

/// How long a lease of another process must be unchanged before it is taken over.
pub(crate) const ABANDONED: Duration = Duration::from_secs(300);

/// The lease of another process, and since when it is unchanged.
#[derive(Debug, Default)]
pub(crate) struct LeaseWatch(Mutex<Option<(Version, Instant)>>);

impl LeaseWatch {
    /// Whether a lease was seen unchanged for long enough.
    pub(crate) fn is_abandoned(&self, version: &Version) -> bool {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &*seen {
            Some((before, since)) if before == version => since.elapsed() >= ABANDONED,
            _ => {
                *seen = Some((version.clone(), Instant::now()));
                false
            }
        }
    }
}
