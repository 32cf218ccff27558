//! Whether the caller of an operation has gone away.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use media_storage::{Operation, StorageError, StorageErrorKind};

/// A flag that is set when the caller drops the future of an operation.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cancelled(Arc<AtomicBool>);

impl Cancelled {
    /// Whether the caller is gone.
    pub(crate) fn is_set(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    /// Returns an error if the caller is gone.
    pub(crate) fn check(&self) -> Result<(), StorageError> {
        if self.is_set() {
            return Err(StorageError::new(StorageErrorKind::Other, Operation::Store)
                .with_reason("cancelled by the caller"));
        }
        Ok(())
    }

    /// Returns a guard that sets the flag when it is dropped.
    pub(crate) fn set_on_drop(&self) -> CancelOnDrop {
        CancelOnDrop(self.clone())
    }
}

/// Sets its flag when it is dropped; lives in the caller's future.
#[derive(Debug)]
pub(crate) struct CancelOnDrop(Cancelled);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.0.store(true, Ordering::Release);
    }
}
