//! The store in which received media is found until its turn ends.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use media_storage::{
    DeleteOptions, Importer, Inventory, MediaBody, MediaMetadata, MediaStorage, MediaUpload,
    Operation, RetrieveOptions, StorageError, StorageErrorKind, StoredMedia, UrlSigner, Verifier,
};
use media_types::{MediaContent, Mime, StorageReference};

use super::spool::Spool;

/// The backend in references to media that was received and not yet stored.
pub(super) const BACKEND: &str = "received";

/// Returns whether content refers to media that was received and not yet stored, in any turn.
pub fn is_received(content: &MediaContent) -> bool {
    content
        .reference()
        .is_some_and(|reference| reference.backend() == BACKEND)
}

/// One media item.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) mime: Mime,
    pub(super) metadata: MediaMetadata,
    pub(super) spool: Spool,
}

/// The received media of all turns, by reference.
///
/// It is a store that gives media out and takes none: give it to a loader, so that references to
/// received media can be read while their turn goes on. Cheap to clone; clones share everything.
#[derive(Clone, Debug, Default)]
pub struct SpoolRegistry(Arc<Mutex<HashMap<String, Entry>>>);

impl SpoolRegistry {
    /// Creates an empty registry.
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn insert(&self, id: String, entry: Entry) {
        self.lock().insert(id, entry);
    }

    pub(super) fn get(&self, id: &str) -> Option<Entry> {
        self.lock().get(id).cloned()
    }

    pub(super) fn remove(&self, ids: &[String]) {
        let mut all = self.lock();
        let removed: Vec<Entry> = ids.iter().filter_map(|id| all.remove(id)).collect();
        drop(all);
        // Files are not closed under the lock.
        drop(removed);
    }
}

#[async_trait]
impl MediaStorage for SpoolRegistry {
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
        let is_in_scope = |entry: &Entry| {
            options
                .expected_scope()
                .is_none_or(|scope| scope.contains(&entry.metadata))
        };
        let entry = self
            .get(reference.id())
            .filter(is_in_scope)
            .ok_or_else(|| {
                StorageError::new(StorageErrorKind::NotFound, Operation::Retrieve)
                    .with_backend(BACKEND)
                    .with_key(reference.id())
            })?;
        let body = match options.range() {
            _ if options.head() => MediaBody::from_bytes(Bytes::new()),
            Some(range) => entry.spool.part(range),
            None => entry.spool.body(),
        };
        let media = StoredMedia::new(entry.mime, entry.spool.len(), body)
            .with_metadata(entry.metadata)
            .with_sha256(entry.spool.sha256());
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

    fn url_signer(&self) -> Option<&dyn UrlSigner> {
        None
    }

    fn inventory(&self) -> Option<&dyn Inventory> {
        None
    }

    fn verifier(&self) -> Option<&dyn Verifier> {
        None
    }

    fn importer(&self) -> Option<&dyn Importer> {
        None
    }
}
