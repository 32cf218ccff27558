//! How much a batch fetches.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The bytes that the fetches of a batch may still bring. Clones count together.
#[derive(Clone, Debug)]
pub(super) struct FetchBudget(Arc<AtomicU64>);

impl FetchBudget {
    /// Creates a budget of a number of bytes.
    pub(super) fn new(bytes: u64) -> Self {
        Self(Arc::new(AtomicU64::new(bytes)))
    }

    /// Returns how many bytes are left.
    pub(super) fn left(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Takes bytes that have arrived. Returns whether that many were left; if not, nothing is left.
    pub(super) fn take(&self, bytes: usize) -> bool {
        let bytes = bytes as u64;
        let rest = |left: u64| Some(left.saturating_sub(bytes));
        let before = self
            .0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, rest);
        before.is_ok_and(|before| before >= bytes)
    }
}
