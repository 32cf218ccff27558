//! I/O errors into storage errors.

use std::io;

use media_storage::{Operation, StorageError, StorageErrorKind};

/// The word for this kind of store in references.
pub(crate) const BACKEND: &str = "file";

/// A failure of this store.
pub(crate) fn fail(kind: StorageErrorKind, operation: Operation) -> StorageError {
    StorageError::new(kind, operation).with_backend(BACKEND)
}

/// An I/O error in an operation.
pub(crate) fn io_error(operation: Operation, error: io::Error) -> StorageError {
    // What is known better already travels in I/O errors too.
    match error.downcast::<StorageError>() {
        Ok(known) => known.with_operation(operation).with_backend(BACKEND),
        Err(error) => fail(kind_of(&error), operation).with_source(error),
    }
}

/// What an I/O error means to a caller.
fn kind_of(error: &io::Error) -> StorageErrorKind {
    use io::ErrorKind as E;
    match error.kind() {
        E::NotFound => StorageErrorKind::NotFound,
        E::PermissionDenied | E::ReadOnlyFilesystem => StorageErrorKind::Permission,
        E::StorageFull | E::QuotaExceeded | E::FileTooLarge | E::WriteZero => {
            StorageErrorKind::DiskSpace
        }
        E::CrossesDevices | E::NotADirectory | E::Unsupported => StorageErrorKind::Config,
        E::Interrupted
        | E::WouldBlock
        | E::TimedOut
        | E::OutOfMemory
        | E::ResourceBusy
        | E::StaleNetworkFileHandle
        | E::NetworkDown
        | E::HostUnreachable => StorageErrorKind::Unavailable,
        _ => crate::sys::kind_of_os_error(error),
    }
}
