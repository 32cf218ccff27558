//! How many bytes may be held at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::error::{ReceiveError, ReceiveErrorKind};

/// Bytes that may be held at once, by all who share it.
#[derive(Debug)]
pub(super) struct Budget {
    used: AtomicU64,
    most: u64,
}

impl Budget {
    pub(super) fn new(most: u64) -> Arc<Self> {
        Arc::new(Self {
            used: AtomicU64::new(0),
            most,
        })
    }
}

/// A part of a budget, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Share {
    budget: Arc<Budget>,
    bytes: u64,
}

impl Share {
    pub(super) fn new(budget: &Arc<Budget>) -> Self {
        Self {
            budget: Arc::clone(budget),
            bytes: 0,
        }
    }

    /// Takes some more.
    ///
    /// # Errors
    /// `TooLarge` where so much is not left.
    pub(super) fn grow(&mut self, bytes: u64) -> Result<(), ReceiveError> {
        let most = self.budget.most;
        let add = |used: u64| used.checked_add(bytes).filter(|used| *used <= most);
        self.budget
            .used
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, add)
            .map_err(|_| ReceiveError::new(ReceiveErrorKind::TooLarge))?;
        self.bytes += bytes;
        Ok(())
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.budget.used.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_dropped_is_free_again() {
        let budget = Budget::new(10);
        let mut one = Share::new(&budget);
        let mut other = Share::new(&budget);
        one.grow(6).unwrap();
        other.grow(4).unwrap();
        let error = other.grow(1).unwrap_err();
        assert_eq!(error.kind(), ReceiveErrorKind::TooLarge);
        drop(one);
        other.grow(6).unwrap();
        assert!(other.grow(u64::MAX).is_err());
    }
}
