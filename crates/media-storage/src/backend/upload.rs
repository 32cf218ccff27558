//! Checks that every store makes of what it is given.

use media_types::Sha256;

use super::digest::Digest;
use crate::error::{Operation, StorageError, StorageErrorKind};

/// Checks the size of a body, as far as it is known, against the limit of a store.
///
/// # Errors
/// `TooLarge`, naming the limit.
pub fn check_size(len: u64, limit: u64) -> Result<(), StorageError> {
    if len > limit {
        let reason = format!("the media is larger than the limit of {limit} bytes");
        return Err(
            StorageError::new(StorageErrorKind::TooLarge, Operation::Store).with_reason(reason),
        );
    }
    Ok(())
}

/// Checks a body against the hash that the caller expects it to have.
///
/// # Errors
/// `InvalidInput`.
pub fn check_expected_sha256(expected: Option<Sha256>, digest: Digest) -> Result<(), StorageError> {
    if expected.is_some_and(|expected| expected != digest.sha256) {
        return Err(
            StorageError::new(StorageErrorKind::InvalidInput, Operation::Store)
                .with_reason("the body does not match the expected SHA-256"),
        );
    }
    Ok(())
}

/// Names the operation and the backend of an error that occurred while a body was stored.
///
/// An error that names a backend already is returned unchanged: the body was read from another
/// store, and that store failed.
pub fn attribute_store_error(error: StorageError, backend: &'static str) -> StorageError {
    if error.backend().is_empty() {
        error.with_operation(Operation::Store).with_backend(backend)
    } else {
        error
    }
}
