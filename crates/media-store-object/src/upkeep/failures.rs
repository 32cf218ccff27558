//! Failures that do not end a walk, unless there are too many of them in a row.

use media_storage::{StorageError, StorageErrorKind};
use media_types::readable::causes;

/// Number of failures in a row after which a walk ends: the service, the network or the credential
/// has failed, and more requests would fail in the same way.
const MAX_CONSECUTIVE: u32 = 100;

/// The failures of one walk, of which only the first is kept.
#[derive(Debug, Default)]
pub(super) struct Failures {
    total: u64,
    consecutive: u32,
    first: Option<StorageError>,
}

impl Failures {
    /// Records that a step succeeded.
    pub(super) fn succeeded(&mut self) {
        self.consecutive = 0;
    }

    /// Records a failure. Damage of single objects says nothing about the next one, and does not end a
    /// walk.
    ///
    /// # Errors
    /// The first failure, if there were too many in a row.
    pub(super) fn failed(&mut self, error: StorageError) -> Result<(), StorageError> {
        tracing::debug!(error = %causes(&error), "a step failed; the next sweep repeats it");
        self.total += 1;
        self.consecutive += u32::from(error.kind() != StorageErrorKind::Corrupted);
        let first = self.first.get_or_insert(error);
        if self.consecutive < MAX_CONSECUTIVE {
            return Ok(());
        }
        tracing::warn!(
            total = self.total,
            first = %first,
            "stopped after {MAX_CONSECUTIVE} failures in a row"
        );
        self.first.take().map_or(Ok(()), Err)
    }

    /// Adds the failures of another walk, which did not end.
    pub(super) fn join(&mut self, other: Self) {
        self.total += other.total;
        self.first = self.first.take().or(other.first);
    }

    /// Returns the number of failures until now.
    pub(super) fn total(&self) -> u64 {
        self.total
    }

    /// Returns the number of failures, and logs the first.
    pub(super) fn finish(&self) -> u64 {
        if let Some(first) = &self.first {
            tracing::warn!(total = self.total, %first, "some steps failed; the next sweep repeats them");
        }
        self.total
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use media_storage::Operation;

    #[test]
    fn damaged_objects_do_not_end_a_walk() {
        let mut failures = Failures::default();
        for _ in 0..10 * MAX_CONSECUTIVE {
            let damage = StorageError::new(StorageErrorKind::Corrupted, Operation::Sweep);
            failures.failed(damage).unwrap();
        }
        assert_eq!(failures.finish(), u64::from(10 * MAX_CONSECUTIVE));
    }

    fn failure(reason: String) -> StorageError {
        StorageError::new(StorageErrorKind::Unavailable, Operation::Sweep).with_reason(reason)
    }

    #[test]
    fn only_failures_in_a_row_end_a_walk() {
        let mut failures = Failures::default();
        for n in 0..10 * MAX_CONSECUTIVE {
            failures.failed(failure(format!("number {n}"))).unwrap();
            failures.succeeded();
        }
        assert_eq!(failures.finish(), u64::from(10 * MAX_CONSECUTIVE));
        let ended = (0..MAX_CONSECUTIVE).find_map(|n| {
            let failed = failures.failed(failure(format!("later {n}")));
            failed.err().map(|error| (n, error.to_string()))
        });
        let (n, error) = ended.unwrap();
        assert_eq!(n, MAX_CONSECUTIVE - 1);
        assert!(error.contains("number 0"), "{error}");
    }
}
