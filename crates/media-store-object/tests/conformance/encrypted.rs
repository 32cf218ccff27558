//! Encryption over a bucket in memory that shares bytes, with a key for each user.

use std::sync::Arc;

use media_encryption::{Encrypted, KeyScope, LocalKeys, MasterKey};
use media_storage::StorageError;
use media_storage_testkit::{Backend, StoreOptions, conformance_tests};
use media_store_object::ObjectMediaStore;
use object_store::memory::InMemory;

struct Bucket {
    bucket: Arc<InMemory>,
    keys: tempfile::TempDir,
}

impl Bucket {
    fn new() -> Self {
        Self {
            bucket: Arc::new(InMemory::new()),
            keys: tempfile::tempdir().unwrap(),
        }
    }
}

impl Backend for Bucket {
    type Store = Encrypted<ObjectMediaStore>;

    async fn open(&self, options: StoreOptions) -> Result<Self::Store, StorageError> {
        let bucket = Arc::clone(&self.bucket);
        let store = ObjectMediaStore::builder()
            .with_object_store(bucket)
            .with_deduplication(true)
            .with_default_retention(options.default_retention())
            .build()
            .await?;
        let master = MasterKey::from_bytes([7; 32]);
        let keys = LocalKeys::builder(self.keys.path().join("keys"), master);
        let keys = keys.with_create(true).open().await.unwrap();
        Ok(Encrypted::builder(store, keys)
            .with_shared_key()
            .with_key_scope(KeyScope::User)
            .with_max_media_size(options.max_media_size())
            .build())
    }

    fn references_have_hashes(&self) -> bool {
        false
    }

    /// Shared bytes are removed by sweeps and not by deletions. Elsewhere the suite's equal bytes hide that:
    /// other references still hold them. Encrypted ones are never equal.
    fn needs_sweep(&self) -> bool {
        true
    }

    /// A header of 120 bytes, and a tag of 16 for each chunk.
    fn stored_size(&self, size: u64) -> u64 {
        120 + size + 16 * size.div_ceil(64 * 1024).max(1)
    }
}

mod shared_with_a_key_for_each_user {
    use super::*;
    conformance_tests!(Bucket::new());
}
