//! Work that would hold up the runtime.

use media_storage::{Operation, StorageError, StorageErrorKind};

/// Up to so many bytes are hashed or decoded on the spot: less than a switch to another thread
/// and back is worth.
pub(crate) const AT_ONCE: usize = 64 * 1024;

/// Runs work on a thread for it.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StorageError> + Send + 'static,
) -> Result<T, StorageError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| {
        StorageError::new(StorageErrorKind::Unavailable, Operation::Store)
            .with_reason("the runtime is shutting down")
            .with_source(error)
    })?
}
