//! The example's own backend against the conformance suite: this is all that a backend needs.

use examples::bucket::{BucketServer, BucketStore};
use media_storage::{StorageError, StorageErrorKind};
use media_storage_testkit::{Backend, StoreOptions, conformance_tests};

struct OneBucket(BucketServer);

impl Backend for OneBucket {
    type Store = BucketStore;

    async fn open(&self, options: StoreOptions) -> Result<BucketStore, StorageError> {
        let config = |error| {
            StorageError::new(StorageErrorKind::Config, media_storage::Operation::Open)
                .with_source(error)
        };
        let bucket = self.0.bucket().map_err(config)?;
        let store = BucketStore::new(bucket).with_default_retention(options.default_retention());
        Ok(store.with_max_media_size(options.max_media_size()))
    }
}

conformance_tests!(OneBucket(BucketServer::start().await.unwrap()));
