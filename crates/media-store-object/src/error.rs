//! From failures of the bucket to failures of storage.

use media_storage::{Operation, StorageError, StorageErrorKind};

/// What was done to the bucket when it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    Read,
    Write,
    Delete,
    List,
}

/// Turns a failure of the bucket into one of an operation; the backend is named by the caller.
pub(crate) fn from_object_store(
    error: object_store::Error,
    operation: Operation,
    verb: Verb,
) -> StorageError {
    let kind = match error {
        object_store::Error::NotFound { .. } => StorageErrorKind::NotFound,
        object_store::Error::PermissionDenied { .. }
        | object_store::Error::Unauthenticated { .. } => StorageErrorKind::Permission,
        _ => StorageErrorKind::Unavailable,
    };
    let reason = match verb {
        Verb::Read => "an object could not be read",
        Verb::Write => "an object could not be written",
        Verb::Delete => "an object could not be deleted",
        Verb::List => "objects could not be listed",
    };
    StorageError::new(kind, operation)
        .with_reason(reason)
        .with_source(error)
}
