//! Errors of this store.

use std::io;

use media_storage::{Operation, StorageError, StorageErrorKind};

use crate::sys;

/// The name of this kind of store in references.
pub(crate) const BACKEND: &str = "file";

/// Creates an error of this store.
pub(crate) fn fail(kind: StorageErrorKind, operation: Operation) -> StorageError {
    StorageError::new(kind, operation).with_backend(BACKEND)
}

/// Converts an I/O error. An error of the store that traveled inside an I/O error is unwrapped.
pub(crate) fn io_error(operation: Operation, error: io::Error) -> StorageError {
    match error.downcast::<StorageError>() {
        Ok(known) => known.with_operation(operation).with_backend(BACKEND),
        Err(error) => fail(sys::kind_of(&error), operation).with_source(error),
    }
}

/// Wraps an error of the store so that it passes through functions that return I/O errors.
pub(crate) fn wrapped(
    kind: StorageErrorKind,
    operation: Operation,
    reason: &'static str,
) -> io::Error {
    io::Error::other(fail(kind, operation).with_reason(reason))
}
