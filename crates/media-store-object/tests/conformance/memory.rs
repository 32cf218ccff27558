//! A bucket in memory, in all four organizations.

use std::sync::Arc;

use media_storage::{Organization, StorageError};
use media_storage_testkit::{Backend, StoreOptions, conformance_tests};
use media_store_object::{ObjectMediaStore, ObjectMediaStoreBuilder, ProtocolVersion};
use object_store::memory::InMemory;

/// A bucket in memory.
struct Memory(
    Arc<InMemory>,
    fn(ObjectMediaStoreBuilder) -> ObjectMediaStoreBuilder,
);

impl Memory {
    fn new(set_up: fn(ObjectMediaStoreBuilder) -> ObjectMediaStoreBuilder) -> Self {
        Self(Arc::new(InMemory::new()), set_up)
    }
}

impl Backend for Memory {
    type Store = ObjectMediaStore;
    async fn open(&self, options: StoreOptions) -> Result<ObjectMediaStore, StorageError> {
        let bucket = Arc::clone(&self.0);
        let store = (self.1)(ObjectMediaStore::builder().with_object_store(bucket));
        let store = store.with_max_media_size(options.max_media_size());
        let store = store.with_default_retention(options.default_retention());
        store.build().await
    }
}

mod first_shared_by_session {
    use super::*;
    conformance_tests!(Memory::new(|store| {
        let store = store.with_protocol(ProtocolVersion::First);
        store.with_deduplication(true)
    }));
}

mod first_shared_and_flat {
    use super::*;
    conformance_tests!(Memory::new(|store| {
        let store = store.with_protocol(ProtocolVersion::First);
        let store = store.with_deduplication(true).with_name("eu-1");
        store.with_organization(Organization::Flat)
    }));
}

mod single_by_run {
    use super::*;
    conformance_tests!(Memory::new(|store| {
        store.with_organization(Organization::ByRun)
    }));
}

mod first_single_by_conversation {
    use super::*;
    conformance_tests!(Memory::new(|store| {
        let store = store.with_protocol(ProtocolVersion::First);
        store.with_organization(Organization::ByConversation)
    }));
}

mod shared_by_session {
    use super::*;
    conformance_tests!(Memory::new(|store| { store.with_deduplication(true) }));
}

mod shared_and_flat {
    use super::*;
    conformance_tests!(Memory::new(|store| {
        let store = store.with_deduplication(true).with_name("eu-1");
        store.with_organization(Organization::Flat)
    }));
}

mod single_by_conversation {
    use super::*;
    conformance_tests!(Memory::new(|store| {
        store.with_organization(Organization::ByConversation)
    }));
}
