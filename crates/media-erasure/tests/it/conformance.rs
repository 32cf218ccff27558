//! A journaled store passes for the store.

use media_erasure::{ErasureKey, FileJournal, Journaled};
use media_storage::{InMemoryStorage, StorageError};
use media_storage_testkit::{Backend, StoreOptions, conformance_tests};

struct Memory(InMemoryStorage, tempfile::TempDir);

impl Backend for Memory {
    type Store = Journaled<InMemoryStorage>;

    async fn open(&self, options: StoreOptions) -> Result<Self::Store, StorageError> {
        let store = self.0.clone();
        let store = store.with_max_media_size(options.max_media_size());
        let store = store.with_default_retention(options.default_retention());
        let journal = FileJournal::new(self.1.path().join("erasures.jsonl"));
        Ok(Journaled::new(
            store,
            journal,
            ErasureKey::from_bytes([7; 32]),
        ))
    }
}

conformance_tests!(Memory(InMemoryStorage::new(), tempfile::tempdir().unwrap()));
