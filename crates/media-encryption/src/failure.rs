//! Errors of stores from errors of keys, of encryption and of the spool.

use std::io;

use media_storage::{Operation, StorageError, StorageErrorKind};

use crate::crypto::CryptoFailure;
use crate::provider::{KeyError, KeyErrorKind};

/// Returns the error of an operation for which a key was needed.
pub(crate) fn key_failure(error: KeyError, operation: Operation) -> StorageError {
    let (kind, reason) = match error.kind() {
        KeyErrorKind::Forgotten => (
            StorageErrorKind::NotFound,
            "the key of the media was forgotten",
        ),
        KeyErrorKind::Unknown => (
            StorageErrorKind::Config,
            "the key provider does not have the key of the media",
        ),
        KeyErrorKind::Unavailable => (
            StorageErrorKind::Unavailable,
            "the key provider is not available",
        ),
        KeyErrorKind::Permission => (
            StorageErrorKind::Permission,
            "the key provider denies access to the key",
        ),
        KeyErrorKind::Config => (
            StorageErrorKind::Config,
            "the key provider is not configured correctly",
        ),
        KeyErrorKind::Damaged => (
            StorageErrorKind::Corrupted,
            "the key provider has damaged keys",
        ),
    };
    StorageError::new(kind, operation)
        .with_reason(reason)
        .with_source(error)
}

/// Returns the error for media that could not be encrypted.
pub(crate) fn encryption_failure(_: CryptoFailure) -> StorageError {
    StorageError::new(StorageErrorKind::Other, Operation::Store)
        .with_reason("the media could not be encrypted")
}

/// Returns the error for stored media that is not what was encrypted.
pub(crate) fn corrupted(reason: &'static str) -> StorageError {
    StorageError::new(StorageErrorKind::Corrupted, Operation::Retrieve).with_reason(reason)
}

/// Returns the error for media above the limit.
pub(crate) fn too_large(limit: u64) -> StorageError {
    StorageError::new(StorageErrorKind::TooLarge, Operation::Store)
        .with_reason(format!("the media exceeds the limit of {limit} bytes"))
}

/// Returns the error for a spool that could not be written or read.
pub(crate) fn spool_failure(error: io::Error) -> StorageError {
    let kind = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StorageErrorKind::DiskSpace,
        io::ErrorKind::PermissionDenied => StorageErrorKind::Permission,
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => StorageErrorKind::Config,
        _ => StorageErrorKind::Unavailable,
    };
    StorageError::new(kind, Operation::Store)
        .with_reason("the spool file for the upload cannot be used; set the spool directory")
        .with_source(error)
}
