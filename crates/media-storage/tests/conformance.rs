//! The in-memory store against the conformance suite.
use media_storage::{InMemoryStorage, StorageError};
use media_storage_testkit::{Backend, StoreOptions, conformance_tests};

struct Memory(InMemoryStorage);
impl Backend for Memory {
    type Store = InMemoryStorage;
    async fn open(&self, options: StoreOptions) -> Result<InMemoryStorage, StorageError> {
        let store = self.0.clone();
        let store = store.with_max_media_size(options.max_media_size());
        Ok(store.with_default_retention(options.default_retention()))
    }
}
conformance_tests!(Memory(InMemoryStorage::new()));
