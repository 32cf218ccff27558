//! The store in which received media is found until its turn is over.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use media_storage::backend::copy_through;
use media_storage::{
    DeleteOptions, DuplicateOptions, Inventory, MediaBody, MediaMetadata, MediaStorage,
    MediaUpload, MetadataPatch, Operation, RetrieveOptions, StorageError, StorageErrorKind,
    StoredMedia, UrlSigner,
};
use media_types::{MediaContent, Mime, StorageReference};

use super::spool::Spool;

/// The word in references to media that was received and not yet stored.
pub(super) const BACKEND: &str = "received";

/// Whether content refers to received media, of whatever turn.
pub(crate) fn is_received(content: &MediaContent) -> bool {
    content
        .reference()
        .is_some_and(|reference| reference.backend() == BACKEND)
}

/// One medium.
#[derive(Clone, Debug)]
pub(super) struct Held {
    pub(super) mime: Mime,
    pub(super) metadata: MediaMetadata,
    pub(super) spool: Spool,
}

/// What all turns of a manager hold, by id. As a store it gives media out and takes none: that is
/// the receivers' part.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shelf(Arc<Mutex<HashMap<String, Held>>>);

impl Shelf {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Held>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn insert(&self, id: String, held: Held) {
        self.lock().insert(id, held);
    }

    pub(super) fn held(&self, id: &str) -> Option<Held> {
        self.lock().get(id).cloned()
    }

    pub(super) fn remove(&self, ids: &[String]) {
        let mut all = self.lock();
        let gone: Vec<Held> = ids.iter().filter_map(|id| all.remove(id)).collect();
        drop(all);
        // Closing files is not done under the lock.
        drop(gone);
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl MediaStorage for Shelf {
    fn backend(&self) -> &str {
        BACKEND
    }

    fn name(&self) -> Option<&str> {
        None
    }

    async fn store(&self, _: MediaUpload) -> Result<StorageReference, StorageError> {
        Err(
            StorageError::new(StorageErrorKind::Unsupported, Operation::Store)
                .with_backend(BACKEND),
        )
    }

    async fn retrieve_opts(
        &self,
        reference: &StorageReference,
        options: RetrieveOptions,
    ) -> Result<StoredMedia, StorageError> {
        let is_theirs = |held: &Held| {
            options
                .expected_scope()
                .is_none_or(|scope| scope.contains(&held.metadata))
        };
        let held = self.held(reference.id()).filter(is_theirs).ok_or_else(|| {
            StorageError::new(StorageErrorKind::NotFound, Operation::Retrieve)
                .with_backend(BACKEND)
                .with_key(reference.id())
        })?;
        let body = match options.range() {
            _ if options.head() => MediaBody::from_bytes(Bytes::new()),
            Some(range) => held.spool.part(range),
            None => held.spool.body(),
        };
        let media = StoredMedia::new(held.mime, held.spool.len(), body)
            .with_metadata(held.metadata)
            .with_sha256(held.spool.sha256());
        Ok(media)
    }

    async fn delete_opts(
        &self,
        _: &StorageReference,
        _: DeleteOptions,
    ) -> Result<(), StorageError> {
        // It goes with its turn.
        Ok(())
    }

    async fn duplicate(
        &self,
        reference: &StorageReference,
        options: DuplicateOptions,
    ) -> Result<StorageReference, StorageError> {
        copy_through(self, reference, options).await
    }

    async fn update(&self, _: &StorageReference, _: MetadataPatch) -> Result<(), StorageError> {
        Err(
            StorageError::new(StorageErrorKind::Unsupported, Operation::Update)
                .with_backend(BACKEND),
        )
    }

    async fn delete_many(
        &self,
        references: &[StorageReference],
        _: DeleteOptions,
    ) -> Vec<Result<(), StorageError>> {
        // They go with their turn.
        references.iter().map(|_| Ok(())).collect()
    }

    fn url_signer(&self) -> Option<&dyn UrlSigner> {
        None
    }

    fn inventory(&self) -> Option<&dyn Inventory> {
        None
    }

    fn verifier(&self) -> Option<&dyn media_storage::Verifier> {
        None
    }

    fn importer(&self) -> Option<&dyn media_storage::Importer> {
        None
    }
}
