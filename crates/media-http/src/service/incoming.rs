//! The body of a request.

use bytes::Bytes;
use futures_core::stream::BoxStream;
use media_storage::StorageError;
#[cfg(feature = "upload")]
use media_storage::{Operation, StorageErrorKind};

/// Bytes of a client.
pub(crate) type Incoming = BoxStream<'static, Result<Bytes, StorageError>>;

/// Returns the error for a body that the client did not send to its end.
#[cfg(feature = "upload")]
pub(crate) fn unreadable(
    source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> StorageError {
    StorageError::new(StorageErrorKind::InvalidInput, Operation::Store)
        .with_reason("the upload could not be read to its end")
        .with_source(source)
}
