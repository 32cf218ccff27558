//! Servers of the three clouds, over HTTP.
//!
//! The second protocol runs the whole suite against each of them. What a service does for one protocol, it
//! does for the other: conditional writes, listings, parts, ranges, bulk deletions, signed URLs. For the
//! first protocol, [`service_tests`] runs the scenarios that make each kind of request; the whole suite
//! runs over a bucket in memory, as it does for other organizations and for media that is not shared.
//!
//! Moto and Azurite answer one request at a time, so that scenarios repeat themselves less often against
//! them; `scripts/prove-conformance.sh` has them do so in full.

use media_storage::StorageError;
use media_storage_testkit::{Backend, HttpClient, StoreOptions, conformance_tests, run, scenarios};
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

    fn is_slow(&self) -> bool {
        self.1.is_slow()
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

/// Creates a test for each scenario that is given.
macro_rules! some_scenarios {
    ($backend:expr; $($name:ident,)*) => {
        $(
            #[test]
            fn $name() {
                run(stringify!($name), async {
                    let backend = $backend;
                    scenarios::$name(&backend).await;
                });
            }
        )*
    };
}

/// Creates tests that make each kind of request to a service.
macro_rules! service_tests {
    ($backend:expr) => {
        some_scenarios! { $backend;
            streams_of_unknown_length_come_back,
            ranges_are_cut_out,
            equal_bytes_are_independent,
            racing_deletes_all_succeed,
            many_are_deleted_at_once,
            sweeps_remove_only_what_is_due,
            signed_urls_give_the_media,
        }
    };
}

mod s3_shared {
    use super::*;
    conformance_tests!(At::new(Service::S3, shared));
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

mod s3_single {
    use super::*;
    service_tests!(At::new(Service::S3, single));
}

mod s3_first_shared {
    use super::*;
    service_tests!(At::new(Service::S3, first_shared));
}

mod moto_first_shared {
    use super::*;
    service_tests!(At::new(Service::Moto, first_shared));
}

mod azurite_first_shared {
    use super::*;
    service_tests!(At::new(Service::Azurite, first_shared));
}

mod gcs_first_shared {
    use super::*;
    service_tests!(At::new(Service::Gcs, first_shared));
}
