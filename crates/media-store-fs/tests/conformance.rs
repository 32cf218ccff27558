//! The file store against the conformance suite.
use media_storage::StorageError;
use media_storage_testkit::{Backend, StoreOptions, conformance_tests};
use media_store_fs::{Durability, FileStore};

struct Directory(tempfile::TempDir);
impl Backend for Directory {
    type Store = FileStore;
    async fn open(&self, options: StoreOptions) -> Result<FileStore, StorageError> {
        let store = FileStore::builder(self.0.path().join("media")).with_deduplication(true);
        let store = store.with_max_media_size(options.max_media_size());
        let store = store.with_durability(Durability::Synced);
        store
            .with_default_retention(options.default_retention())
            .build()
            .await
    }
}
conformance_tests!(Directory(tempfile::tempdir().unwrap()));
