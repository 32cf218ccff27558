//! Errors of the cache's own disk, as errors of a store.

use std::io;

use media_storage::{Operation, StorageError, StorageErrorKind};

/// The backend that errors of the cache itself name.
const BACKEND: &str = "read cache";

/// Creates an error of the cache itself.
pub(crate) fn failure(kind: StorageErrorKind, operation: Operation) -> StorageError {
    StorageError::new(kind, operation).with_backend(BACKEND)
}

/// Wraps an error of the file system.
pub(crate) fn disk_failure(
    operation: Operation,
    reason: &'static str,
    error: io::Error,
) -> StorageError {
    failure(kind_of(&error), operation)
        .with_reason(reason)
        .with_source(error)
}

fn kind_of(error: &io::Error) -> StorageErrorKind {
    use io::ErrorKind as E;
    match error.kind() {
        E::PermissionDenied | E::ReadOnlyFilesystem => StorageErrorKind::Permission,
        E::StorageFull | E::QuotaExceeded => StorageErrorKind::DiskSpace,
        E::NotADirectory | E::NotFound | E::ResourceBusy | E::Unsupported | E::InvalidInput => {
            StorageErrorKind::Config
        }
        _ => StorageErrorKind::Other,
    }
}
