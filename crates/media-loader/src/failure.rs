//! What errors of stores, files and servers mean for a load.

use std::path::Path;

use media_storage::{StorageError, StorageErrorKind};
use media_types::{MediaSource, StorageReference};

use crate::error::{LoadError, LoadErrorKind};

/// Returns the error for a failure of a store.
pub(crate) fn stored_error(reference: &StorageReference, error: StorageError) -> LoadError {
    LoadError::new(LoadErrorKind::Storage(error.kind()))
        .with_what(reference.id())
        .with_source(error)
}

/// Returns the error for a failure while the body of stored media is read.
pub(crate) fn body_error_of_stored(
    reference: &StorageReference,
    error: StorageError,
    limit: u64,
) -> LoadError {
    if error.kind() == StorageErrorKind::TooLarge {
        let kind = LoadErrorKind::TooLarge { limit, size: None };
        return LoadError::new(kind)
            .with_what(reference.id())
            .with_source(error);
    }
    stored_error(reference, error)
}

/// Returns the error for a failure while a file is read.
pub(crate) fn file_error(path: &Path, error: StorageError) -> LoadError {
    LoadError::new(LoadErrorKind::File)
        .with_path(path)
        .with_source(error)
}

/// Returns the error for a failure while a body is read, by the source of the body.
pub(crate) fn body_error(source: &MediaSource, error: StorageError, limit: u64) -> LoadError {
    match source {
        MediaSource::Stored(reference) => body_error_of_stored(reference, error, limit),
        MediaSource::File(path) => file_error(path, error),
        #[cfg(feature = "http")]
        MediaSource::Url(url) => crate::fetch::body_error(url, error, limit),
        _ => LoadError::new(LoadErrorKind::Unsupported).with_source(error),
    }
}
