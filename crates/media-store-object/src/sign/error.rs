//! Errors of signing.

use media_storage::{Operation, StorageError, StorageErrorKind};

/// Creates an error of signing. The caller adds the backend and the media.
pub(super) fn sign_error(kind: StorageErrorKind, reason: &'static str) -> StorageError {
    StorageError::new(kind, Operation::Sign).with_reason(reason)
}
