//! A flag that says whether the caller of an operation still waits for its result.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::{Operation, StorageError, StorageErrorKind};

/// A flag that is set when the caller of an operation no longer waits for its result.
///
/// Work that runs apart from the caller's future, on a blocking thread or in a task, checks the flag
/// before each step that others can see. Clones share the flag.
#[derive(Clone, Debug, Default)]
pub struct CancelFlag(Arc<AtomicBool>);

impl CancelFlag {
    /// Creates a flag that is not set.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the flag.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Returns a guard that sets the flag when it is dropped.
    ///
    /// The guard belongs into the future that the caller awaits: dropping that future drops it.
    #[must_use]
    pub fn cancel_on_drop(&self) -> CancelOnDrop {
        CancelOnDrop(self.clone())
    }

    /// Whether the flag is set.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    /// Returns an error if the flag is set.
    ///
    /// # Errors
    /// `Cancelled`. Set the operation with [`StorageError::with_operation`] where it is not a store.
    pub fn check(&self) -> Result<(), StorageError> {
        if self.is_cancelled() {
            return Err(
                StorageError::new(StorageErrorKind::Cancelled, Operation::Store)
                    .with_reason("cancelled by the caller"),
            );
        }
        Ok(())
    }
}

/// A guard that sets its [`CancelFlag`] when it is dropped.
#[derive(Debug)]
pub struct CancelOnDrop(CancelFlag);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dropping_the_guard_cancels_every_clone() {
        let flag = CancelFlag::new();
        let (guard, worker) = (flag.cancel_on_drop(), flag.clone());
        assert!(worker.check().is_ok());
        drop(guard);
        let error = worker.check().unwrap_err();
        assert_eq!(error.kind(), StorageErrorKind::Cancelled);
        assert!(!error.is_retryable());
    }
}
