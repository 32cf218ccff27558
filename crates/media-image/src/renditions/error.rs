//! The error of renditions.

use media_storage::StorageError;

use crate::error::ImageError;

/// Error returned when a rendition cannot be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RenditionError {
    /// The store failed, or does not have the original.
    #[error("failed to access the original of a rendition, or the rendition")]
    Storage(#[from] StorageError),
    /// The image cannot be made to fit.
    #[error("failed to make a rendition")]
    Image(#[from] ImageError),
}
