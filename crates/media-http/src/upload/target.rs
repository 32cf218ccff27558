//! Where uploads go.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use media_storage::{DeleteOptions, MediaStorage, MediaUpload, StorageError};
use media_types::StorageReference;

/// Takes the items of an upload.
///
/// Every store is one. Implement it where something has to happen around storing, such as the manager of
/// conversations, which keeps uploads and the erasure of their user apart. Several services take one target as a
/// [`SharedUploadTarget`].
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

/// A target that several services have, or whose type is known only at run time.
///
/// An `Arc` of a store is a store, and is given to services as it is.
///
/// Cheap to clone.
#[derive(Clone)]
pub struct SharedUploadTarget(Arc<dyn UploadTarget>);

impl SharedUploadTarget {
    /// Shares a target.
    pub fn new(target: impl UploadTarget) -> Self {
        Self(Arc::new(target))
    }
}

impl From<Arc<dyn UploadTarget>> for SharedUploadTarget {
    fn from(target: Arc<dyn UploadTarget>) -> Self {
        Self(target)
    }
}

impl fmt::Debug for SharedUploadTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SharedUploadTarget").finish_non_exhaustive()
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl UploadTarget for SharedUploadTarget {
    async fn take(&self, upload: MediaUpload) -> Result<StorageReference, StorageError> {
        self.0.take(upload).await
    }

    async fn take_back(&self, references: &[StorageReference]) -> Vec<Result<(), StorageError>> {
        self.0.take_back(references).await
    }
}
