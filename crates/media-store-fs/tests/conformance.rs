//! The file store against the conformance suite, in its two extremes.
use media_storage::{Organization, StorageError};
use media_storage_testkit::{Backend, StoreOptions, conformance_tests};
use media_store_fs::{Durability, FileStore, FileStoreBuilder};
use media_types::StorageReference;

struct Directory(tempfile::TempDir, fn(FileStoreBuilder) -> FileStoreBuilder);
impl Backend for Directory {
    type Store = FileStore;
    async fn open(&self, options: StoreOptions) -> Result<FileStore, StorageError> {
        let store = (self.1)(FileStore::builder(self.0.path().join("media")));
        let store = store.with_max_media_size(options.max_media_size());
        let store = store.with_default_retention(options.default_retention());
        store.build().await
    }

    async fn damage_sidecar(&self, reference: &StorageReference) -> bool {
        let sidecar = format!("{}.meta", reference.id());
        std::fs::write(self.0.path().join("media").join(sidecar), "{").is_ok()
    }
}

mod shared_and_synced {
    use super::*;
    conformance_tests!(Directory(tempfile::tempdir().unwrap(), |store| {
        store.with_deduplication(true)
    }));
}

mod single_and_buffered {
    use super::*;
    conformance_tests!(Directory(tempfile::tempdir().unwrap(), |store| {
        let store = store
            .with_durability(Durability::Buffered)
            .with_name("eu-1");
        store.with_organization(Organization::Flat)
    }));
}
