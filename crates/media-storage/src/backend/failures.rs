//! Counting the failures of a walk.

use crate::error::{StorageError, StorageErrorKind};

/// Number of failures in a row after which a walk gives up.
const MAX_IN_A_ROW: u64 = 1000;

/// The failures of a walk over many items.
///
/// Single failures are counted and do not stop the walk. Many failures in a row mean that the store
/// is not usable, and stop it. `Corrupted` is about one item, which could be read: any number of such items stops
/// nothing, or a walk would end at the same place each time. Only the first failure is kept.
#[derive(Debug, Default)]
pub struct FailureLog {
    total: u64,
    in_a_row: u64,
    first: Option<StorageError>,
}

impl FailureLog {
    /// Creates a log without failures.
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts a failure.
    ///
    /// # Errors
    /// The failure itself, if it is the thousandth in a row. The walk must stop.
    pub fn record(&mut self, error: StorageError) -> Result<(), StorageError> {
        self.total += 1;
        self.in_a_row = match error.kind() {
            StorageErrorKind::Corrupted => 0,
            _ => self.in_a_row + 1,
        };
        if self.in_a_row >= MAX_IN_A_ROW {
            return Err(error);
        }
        self.first.get_or_insert(error);
        Ok(())
    }

    /// Notes that an item did not fail.
    pub fn reset(&mut self) {
        self.in_a_row = 0;
    }

    /// Returns the first failure.
    pub fn first(&self) -> Option<&StorageError> {
        self.first.as_ref()
    }

    /// Returns the number of failures.
    pub fn total(&self) -> u64 {
        self.total
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Operation;

    #[test]
    fn only_many_failures_in_a_row_stop_a_walk() {
        let error = || StorageError::new(StorageErrorKind::Unavailable, Operation::Sweep);
        let mut log = FailureLog::new();
        for _ in 0..5 * MAX_IN_A_ROW {
            log.record(error()).unwrap();
            log.reset();
        }
        for _ in 1..MAX_IN_A_ROW {
            log.record(error()).unwrap();
        }
        log.record(error()).unwrap_err();
        assert_eq!(log.total(), 6 * MAX_IN_A_ROW);
    }

    #[test]
    fn items_that_are_damaged_stop_no_walk() {
        let mut log = FailureLog::new();
        for _ in 0..2 * MAX_IN_A_ROW {
            let error = StorageError::new(StorageErrorKind::Corrupted, Operation::Sweep);
            log.record(error).unwrap();
        }
        assert_eq!(log.total(), 2 * MAX_IN_A_ROW);
    }
}
