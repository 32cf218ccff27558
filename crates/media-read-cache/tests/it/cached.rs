//! A store behind the cache passes for the store.

use media_read_cache::{CacheFill, ReadCache};
use media_storage::{InMemoryStorage, StorageError};
use media_storage_testkit::{Backend, StoreOptions, conformance_tests};

use super::streaming::Streaming;

struct Cached {
    store: InMemoryStorage,
    root: tempfile::TempDir,
    fill: CacheFill,
    capacity: u64,
}

impl Cached {
    fn new(fill: CacheFill, capacity: u64) -> Self {
        Self {
            store: InMemoryStorage::new(),
            root: tempfile::tempdir().unwrap(),
            fill,
            capacity,
        }
    }
}

impl Backend for Cached {
    type Store = ReadCache;
    async fn open(&self, options: StoreOptions) -> Result<ReadCache, StorageError> {
        let store = self.store.clone();
        let store = store.with_max_media_size(options.max_media_size());
        let store = store.with_default_retention(options.default_retention());
        ReadCache::builder(Streaming::new(store), self.root.path())
            .with_fill(self.fill)
            .with_capacity(self.capacity)
            .build()
            .await
    }
}

mod filled_by_reads {
    use super::*;
    conformance_tests!(Cached::new(CacheFill::Reads, 1 << 30));
}

mod filled_by_stores {
    use super::*;
    conformance_tests!(Cached::new(CacheFill::ReadsAndStores, 1 << 30));
}

/// Hardly anything fits.
mod tiny {
    use super::*;
    conformance_tests!(Cached::new(CacheFill::ReadsAndStores, 300_000));
}
