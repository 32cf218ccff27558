//! Media of the same user that a conversation takes over.

use media_storage::{MediaStorageExt, RetrieveOptions, Scope, StorageError, StorageErrorKind};
use media_types::StorageReference;

use super::context::MediaOwner;
use super::error::ExternalizeError;
use super::externalizer::Externalizer;
use super::pending::PendingReferences;

impl Externalizer {
    /// Makes another reference to stored media that belongs to `owner`. The original must be in
    /// `scope`, for example of the user that uploaded it, and stays.
    ///
    /// The new reference is in `pending`.
    ///
    /// # Errors
    /// `NotFound` for media that is gone or outside the scope; otherwise the store's failure.
    /// `Unsupported` without a store.
    pub(crate) async fn duplicate_into(
        &self,
        reference: &StorageReference,
        scope: Scope,
        owner: &MediaOwner,
        pending: &mut PendingReferences,
    ) -> Result<StorageReference, ExternalizeError> {
        let Some(storage) = self.storage() else {
            let operation = media_storage::Operation::Store;
            let error = StorageError::new(StorageErrorKind::Unsupported, operation)
                .with_reason("there is no media storage");
            return Err(ExternalizeError::storage(error));
        };
        let head = RetrieveOptions::new()
            .with_head()
            .with_expected_scope(scope);
        let original = storage.retrieve_opts(reference, head).await;
        let original = original.map_err(ExternalizeError::storage)?;
        let mut metadata = owner.metadata();
        if let Some(retention) = self.options().retention() {
            metadata = metadata.with_retention(retention);
        }
        if let Some(name) = original.metadata.filename() {
            metadata = metadata.with_filename(name.to_owned());
        }
        let copy = storage.duplicate(reference, metadata).await;
        let copy = copy.map_err(ExternalizeError::storage)?;
        pending.add(copy.clone());
        Ok(copy)
    }
}
