//! A replay in a store that fails after the deletions.

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use media_erasure::{ErasureKey, FileJournal, Journaled, replay};
use media_storage::{
    Entry, InMemoryStorage, Inventory, MediaMetadata, MediaStorage, MediaStorageExt as _,
    Operation, Scope, StorageError, StorageErrorKind, SweepOptions, SweepReport, Usage,
};
use media_types::Mime;

/// A store that does not say what it holds.
#[derive(Clone, Debug)]
struct Uncounted(InMemoryStorage);

impl Uncounted {
    fn inner(&self) -> &dyn Inventory {
        self.0.inventory().unwrap()
    }
}

#[async_trait]
impl MediaStorage for Uncounted {
    media_storage::forward_storage!(
        self => self.0;
        backend, name, store, retrieve_opts, delete_opts, duplicate, update, delete_many,
        url_signer, verifier, importer,
    );

    fn inventory(&self) -> Option<&dyn Inventory> {
        Some(self)
    }
}

#[async_trait]
impl Inventory for Uncounted {
    fn list(&self, scope: Scope) -> BoxStream<'static, Result<Entry, StorageError>> {
        self.inner().list(scope)
    }

    async fn usage(&self, _: Scope) -> Result<Usage, StorageError> {
        let (kind, operation) = (StorageErrorKind::Unavailable, Operation::Usage);
        Err(StorageError::new(kind, operation))
    }

    async fn delete_scope(&self, scope: Scope) -> Result<SweepReport, StorageError> {
        self.inner().delete_scope(scope).await
    }

    async fn sweep(&self, options: SweepOptions) -> Result<SweepReport, StorageError> {
        self.inner().sweep(options).await
    }
}

#[tokio::test]
async fn what_was_deleted_is_reported_even_if_the_quarantine_cannot_be_counted() {
    let directory = tempfile::tempdir().unwrap();
    let journal = FileJournal::new(directory.path().join("erasures.jsonl"));
    let key = ErasureKey::from_bytes([7; 32]);
    let inner = Uncounted(InMemoryStorage::new());
    let store = Journaled::new(inner.clone(), journal.clone(), key.clone());
    let metadata = MediaMetadata::new().with_user("ann".parse().unwrap());
    let stored = store.store_bytes(Mime::IMAGE_PNG, "bytes", metadata).await;
    store
        .note_erasure(&Scope::User("ann".parse().unwrap()))
        .await
        .unwrap();
    let report = replay(&inner, &journal, &key).await.unwrap();
    assert_eq!((report.deleted, report.quarantined), (1, None));
    assert_eq!(report.users.len(), 1);
    assert!(!inner.exists(&stored.unwrap()).await.unwrap());
}
