//! The number of bytes that may be spooled at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::error::{SinkError, SinkErrorKind};

/// Bytes that may be held at once by all who share the budget.
#[derive(Debug)]
pub(super) struct ByteBudget {
    used: AtomicU64,
    limit: u64,
}

impl ByteBudget {
    pub(super) fn new(limit: u64) -> Arc<Self> {
        Arc::new(Self {
            used: AtomicU64::new(0),
            limit,
        })
    }
}

/// A part of a budget, released when it is dropped.
#[derive(Debug)]
pub(super) struct Reservation {
    budget: Arc<ByteBudget>,
    bytes: u64,
}

impl Reservation {
    pub(super) fn new(budget: &Arc<ByteBudget>) -> Self {
        Self {
            budget: Arc::clone(budget),
            bytes: 0,
        }
    }

    /// Reserves more bytes.
    ///
    /// # Errors
    /// `TooLarge` where fewer are left.
    pub(super) fn grow(&mut self, bytes: u64) -> Result<(), SinkError> {
        let limit = self.budget.limit;
        let add = |used: u64| used.checked_add(bytes).filter(|used| *used <= limit);
        self.budget
            .used
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, add)
            .map_err(|_| SinkError::new(SinkErrorKind::TooLarge))?;
        self.bytes += bytes;
        Ok(())
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.budget.used.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_reservation_is_released() {
        let budget = ByteBudget::new(10);
        let mut one = Reservation::new(&budget);
        let mut other = Reservation::new(&budget);
        one.grow(6).unwrap();
        other.grow(4).unwrap();
        let error = other.grow(1).unwrap_err();
        assert_eq!(error.kind(), SinkErrorKind::TooLarge);
        drop(one);
        other.grow(6).unwrap();
        assert!(other.grow(u64::MAX).is_err());
    }
}
