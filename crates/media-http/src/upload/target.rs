//! Where uploads go.

use async_trait::async_trait;
use media_storage::{DeleteOptions, MediaStorage, MediaUpload, StorageError};
use media_types::StorageReference;

/// Takes the items of an upload.
///
/// Every store is one. Implement it where something has to happen around storing, such as the manager of
/// conversations, which keeps uploads and the erasure of their user apart.
#[async_trait]
pub trait UploadTarget: Send + Sync + 'static {
    /// Stores one item.
    ///
    /// # Errors
    /// As [`MediaStorage::store`]. The kind decides the status of the response.
    async fn take(&self, upload: MediaUpload) -> Result<StorageReference, StorageError>;

    /// Deletes items of a form of which a later one failed, or what an upload in parts became if that could
    /// not be noted. The results are in the order of the
    /// references.
    async fn take_back(&self, references: &[StorageReference]) -> Vec<Result<(), StorageError>>;
}

#[async_trait]
impl<S: MediaStorage> UploadTarget for S {
    async fn take(&self, upload: MediaUpload) -> Result<StorageReference, StorageError> {
        self.store(upload).await
    }

    async fn take_back(&self, references: &[StorageReference]) -> Vec<Result<(), StorageError>> {
        self.delete_many(references, DeleteOptions::new()).await
    }
}
