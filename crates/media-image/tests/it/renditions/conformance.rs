//! The layer over a store keeps the promises of a store.

use media_image::{ImageWorkers, Renditions};
use media_storage::{InMemoryStorage, StorageError};
use media_storage_testkit::{Backend, StoreOptions, conformance_tests};

struct Memory(InMemoryStorage);

impl Backend for Memory {
    type Store = Renditions<InMemoryStorage>;

    async fn open(&self, options: StoreOptions) -> Result<Self::Store, StorageError> {
        let store = self.0.clone().with_max_media_size(options.max_media_size());
        let store = store.with_default_retention(options.default_retention());
        Ok(Renditions::new(store, ImageWorkers::default()))
    }
}

conformance_tests!(Memory(InMemoryStorage::new()));
