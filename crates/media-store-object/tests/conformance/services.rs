//! Servers of the three clouds, over HTTP.

use media_storage::StorageError;
use media_storage_testkit::{Backend, HttpClient, StoreOptions, conformance_tests};
use media_store_object::{ObjectMediaStore, ObjectMediaStoreBuilder, ProtocolVersion};

use crate::servers::{Place, PlainClient, Service};

type SetUp = fn(ObjectMediaStoreBuilder) -> ObjectMediaStoreBuilder;

/// A place at a service, and how stores are opened there.
struct At(Place, Service, SetUp);

impl At {
    fn new(service: Service, set_up: SetUp) -> Self {
        Self(service.new_place(), service, set_up)
    }
}

impl Backend for At {
    type Store = ObjectMediaStore;

    async fn open(&self, options: StoreOptions) -> Result<ObjectMediaStore, StorageError> {
        let store = (self.2)(self.0.builder());
        let store = store.with_max_media_size(options.max_media_size());
        let store = store.with_default_retention(options.default_retention());
        store.build().await
    }

    fn http_client(&self) -> Option<&dyn HttpClient> {
        Some(&PlainClient)
    }

    fn enforces_url_expiry(&self) -> bool {
        self.1.enforces_url_expiry()
    }
}

fn shared(store: ObjectMediaStoreBuilder) -> ObjectMediaStoreBuilder {
    store.with_deduplication(true)
}

fn single(store: ObjectMediaStoreBuilder) -> ObjectMediaStoreBuilder {
    store
}

fn first_shared(store: ObjectMediaStoreBuilder) -> ObjectMediaStoreBuilder {
    shared(store).with_protocol(ProtocolVersion::First)
}

fn first_single(store: ObjectMediaStoreBuilder) -> ObjectMediaStoreBuilder {
    store.with_protocol(ProtocolVersion::First)
}

mod s3_shared {
    use super::*;
    conformance_tests!(At::new(Service::S3, shared));
}

mod s3_single {
    use super::*;
    conformance_tests!(At::new(Service::S3, single));
}

mod moto_shared {
    use super::*;
    conformance_tests!(At::new(Service::Moto, shared));
}

mod azurite_shared {
    use super::*;
    conformance_tests!(At::new(Service::Azurite, shared));
}

mod gcs_shared {
    use super::*;
    conformance_tests!(At::new(Service::Gcs, shared));
}

mod s3_first_shared {
    use super::*;
    conformance_tests!(At::new(Service::S3, first_shared));
}

mod moto_first_shared {
    use super::*;
    conformance_tests!(At::new(Service::Moto, first_shared));
}

mod azurite_first_shared {
    use super::*;
    conformance_tests!(At::new(Service::Azurite, first_shared));
}

mod gcs_first_shared {
    use super::*;
    conformance_tests!(At::new(Service::Gcs, first_shared));
}

mod s3_first_single {
    use super::*;
    conformance_tests!(At::new(Service::S3, first_single));
}
