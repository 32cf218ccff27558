//! Media of the same user that a conversation takes over.

use media_loader::LoadOptions;
use media_storage::{
    MediaBody, MediaUpload, Operation, RetrieveOptions, Scope, StorageError, StorageErrorKind,
};
use media_types::{MediaContent, Mime, Sha256, StorageReference};

use super::context::MediaOwner;
use super::error::ExternalizeError;
use super::externalizer::Externalizer;
use super::pending::PendingReferences;

/// Media that is to be stored once more.
struct Original {
    mime: Mime,
    name: Option<String>,
    size: Option<u64>,
    sha256: Option<Sha256>,
    body: MediaBody,
}

impl Externalizer {
    /// Stores media once more, for `owner`. The original must be in `scope`, for example of the
    /// user that uploaded it; it stays, and its expiry says nothing about the copy.
    ///
    /// The new reference is in `pending`.
    ///
    /// # Errors
    /// Media that is gone or outside the scope; the store's failure; `Unsupported` without a store.
    pub async fn duplicate_into(
        &self,
        reference: &StorageReference,
        scope: Scope,
        owner: &MediaOwner,
        pending: &mut PendingReferences,
    ) -> Result<StorageReference, ExternalizeError> {
        let Some(storage) = self.storage() else {
            let error = StorageError::new(StorageErrorKind::Unsupported, Operation::Store)
                .with_reason("there is no media storage");
            return Err(ExternalizeError::storage(error));
        };
        let original = self.original(reference, scope).await?;
        let mut metadata = owner.metadata();
        if let Some(retention) = owner.retention.or(self.options().retention()) {
            metadata = metadata.with_retention(retention);
        }
        if let Some(name) = original.name {
            metadata = metadata.with_filename(name);
        }
        // Not the store's own way to duplicate: its copies expire with the original, and uploads
        // expire soon.
        let body = MediaBody::from_stream(original.size, original.body.into_stream());
        let mut upload = MediaUpload::new(original.mime, body, metadata);
        if let Some(sha256) = original.sha256 {
            upload = upload.with_expected_sha256(sha256);
        }
        // From here to the end nothing else waits, so that no reference is lost.
        let copy = storage.store(upload).await;
        let copy = copy.map_err(ExternalizeError::storage)?;
        pending.add(copy.clone());
        Ok(copy)
    }

    /// Opens media in the store, or in another one that the loader knows.
    async fn original(
        &self,
        reference: &StorageReference,
        scope: Scope,
    ) -> Result<Original, ExternalizeError> {
        let is_ours = |storage: &&std::sync::Arc<dyn media_storage::MediaStorage>| {
            storage.backend() == reference.backend() && storage.name() == reference.store_name()
        };
        if let Some(storage) = self.storage().filter(is_ours) {
            let options = RetrieveOptions::new().with_expected_scope(scope);
            let stored = storage.retrieve_opts(reference, options).await;
            let stored = stored.map_err(ExternalizeError::storage)?;
            return Ok(Original {
                mime: stored.mime,
                name: stored.metadata.filename().map(str::to_owned),
                size: Some(stored.size),
                sha256: stored.sha256,
                body: stored.body,
            });
        }
        let scoped = LoadOptions::new().with_expected_scope(scope);
        let content = MediaContent::from_reference(Mime::OCTET_STREAM, reference.clone());
        let loaded = self.loader.with_options(scoped).open(&content).await;
        let loaded = loaded.map_err(ExternalizeError::unreadable)?;
        Ok(Original {
            mime: loaded.mime,
            name: None,
            size: loaded.size,
            sha256: loaded.sha256,
            body: loaded.body,
        })
    }
}
