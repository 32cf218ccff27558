//! The conformance suite, with one key for all media, a key for each conversation, and one for each user.

use media_encryption::{Encrypted, EncryptedBuilder, KeyScope};
use media_storage::{InMemoryStorage, MediaStorage, StorageError};
use media_storage_testkit::{Backend, StoreOptions, conformance_tests};
use media_store_fs::{Durability, FileStore};
use media_types::StorageReference;

use crate::support::local;

/// Stored bytes of media: a header of 120 bytes, and a tag of 16 for each chunk.
fn stored_size(size: u64) -> u64 {
    120 + size + 16 * size.div_ceil(64 * 1024).max(1)
}

fn configure<S: MediaStorage>(
    builder: EncryptedBuilder<S>,
    scope: KeyScope,
    options: &StoreOptions,
) -> Encrypted<S> {
    builder
        .with_shared_key()
        .with_key_scope(scope)
        .with_max_media_size(options.max_media_size())
        .build()
}

struct Directory(tempfile::TempDir, KeyScope);

impl Backend for Directory {
    type Store = Encrypted<FileStore>;

    async fn open(&self, options: StoreOptions) -> Result<Self::Store, StorageError> {
        let store = FileStore::builder(self.0.path().join("media"))
            .with_deduplication(true)
            .with_durability(Durability::Buffered)
            .with_default_retention(options.default_retention())
            .build()
            .await?;
        let builder = Encrypted::builder(store, local(self.0.path()).await);
        Ok(configure(builder, self.1, &options))
    }

    fn references_have_hashes(&self) -> bool {
        false
    }

    fn stored_size(&self, size: u64) -> u64 {
        stored_size(size)
    }

    async fn damage_sidecar(&self, reference: &StorageReference) -> bool {
        let sidecar = format!("{}.meta", reference.id());
        std::fs::write(self.0.path().join("media").join(sidecar), "{").is_ok()
    }
}

struct Memory(InMemoryStorage, tempfile::TempDir, KeyScope);

impl Backend for Memory {
    type Store = Encrypted<InMemoryStorage>;

    async fn open(&self, options: StoreOptions) -> Result<Self::Store, StorageError> {
        let store = self.0.clone();
        let store = store.with_default_retention(options.default_retention());
        let builder = Encrypted::builder(store, local(self.1.path()).await);
        Ok(configure(builder, self.2, &options))
    }

    fn references_have_hashes(&self) -> bool {
        false
    }

    fn stored_size(&self, size: u64) -> u64 {
        stored_size(size)
    }
}

fn directory() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

mod files_with_one_key {
    use super::*;
    conformance_tests!(Directory(directory(), KeyScope::Shared));
}

mod files_with_a_key_for_each_user {
    use super::*;
    conformance_tests!(Directory(directory(), KeyScope::User));
}

mod memory_with_a_key_for_each_conversation {
    use super::*;
    conformance_tests!(Memory(
        InMemoryStorage::new(),
        directory(),
        KeyScope::Conversation
    ));
}
