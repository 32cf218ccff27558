//! Work that would block the runtime.

use media_storage::{Operation, StorageError, StorageErrorKind};

use crate::error::aborted;

/// Number of bytes up to which hashing or decoding is done in location, since a switch to another
/// thread and back would take longer.
pub(super) const INLINE_LIMIT: usize = 64 * 1024;

/// Runs work on a thread that may block.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StorageError> + Send + 'static,
) -> Result<T, StorageError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| {
        StorageError::new(StorageErrorKind::Unavailable, Operation::Store)
            .with_reason("the runtime is shutting down")
            .with_source(aborted(error))
    })?
}
