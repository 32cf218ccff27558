//! A media store that notes whose state names what it stores.

use std::sync::Arc;

use async_trait::async_trait;
use conversation_state::StateStore;
use media_storage::{
    DuplicateOptions, MediaMetadata, MediaStorage, MediaUpload, Operation, StorageError,
    StorageErrorKind,
};
use media_types::StorageReference;
use tokio::sync::OnceCell;

use crate::upload_owner::is_upload;

/// A media store that puts the id of the state store into the metadata of media of conversations.
/// Reconciliation touches no other media.
#[derive(Debug)]
pub struct StampedStorage {
    inner: Arc<dyn MediaStorage>,
    state: Arc<dyn StateStore>,
    id: OnceCell<String>,
}

impl StampedStorage {
    /// Wraps a store whose media is named by a state store.
    pub fn new(inner: Arc<dyn MediaStorage>, state: Arc<dyn StateStore>) -> Self {
        Self {
            inner,
            state,
            id: OnceCell::new(),
        }
    }

    async fn stamp(
        &self,
        metadata: MediaMetadata,
        operation: Operation,
    ) -> Result<MediaMetadata, StorageError> {
        if metadata.conversation().is_none() || is_upload(&metadata) {
            return Ok(metadata);
        }
        let id = self
            .id
            .get_or_try_init(|| async { self.state.info().await.map(|info| info.id.to_string()) })
            .await;
        // Media without the id would stay for ever if its turn dies.
        let id = id.map_err(|error| {
            StorageError::new(StorageErrorKind::Unavailable, operation)
                .with_backend(self.inner.backend().to_owned())
                .with_reason("the id of the state store cannot be read")
                .with_source(error)
        })?;
        Ok(metadata.with_state_store(id.clone()))
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl MediaStorage for StampedStorage {
    media_storage::forward_storage!(
        self => self.inner;
        backend, name, retrieve_opts, delete_opts, update, delete_many, url_signer, inventory,
        verifier, importer,
    );

    async fn store(&self, upload: MediaUpload) -> Result<StorageReference, StorageError> {
        let mut parts = upload.into_parts();
        parts.metadata = self.stamp(parts.metadata, Operation::Store).await?;
        self.inner.store(parts.into()).await
    }

    async fn duplicate(
        &self,
        reference: &StorageReference,
        options: DuplicateOptions,
    ) -> Result<StorageReference, StorageError> {
        let metadata = options.metadata().clone();
        let metadata = self.stamp(metadata, Operation::Duplicate).await?;
        let mut stamped = DuplicateOptions::new(metadata);
        if let Some(scope) = options.expected_scope() {
            stamped = stamped.with_expected_scope(scope.clone());
        }
        self.inner.duplicate(reference, stamped).await
    }
}
