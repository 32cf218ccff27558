//! Requests and media bytes of each operation, counted between the store and servers of the three
//! clouds.

use std::time::Duration;

use media_storage::{
    MediaBody, MediaStorage as _, MediaStorageExt as _, MediaUpload, RetentionPolicy,
    RetrieveOptions,
};
use media_store_object::{ObjectMediaStore, ObjectMediaStoreBuilder, ProtocolVersion};
use media_types::Mime;
use test_servers::proxy::{FaultProxy, RequestHead};
use test_servers::{azurite, gcs, s3};

use crate::store::{MIB, about, holds, noise, put};

const LEN: usize = 100_000;

/// A proxy that counts, in front of a server.
struct Counted {
    proxy: FaultProxy,
    builder: ObjectMediaStoreBuilder,
    /// Requests of an upload of three parts.
    parts: usize,
}

/// Media; the rest is sidecars, markers, records, hints, and the lists of parts of an upload.
fn is_media(request: &RequestHead) -> bool {
    let path = request.path();
    let about_media = path.contains("/.store/v1/blob/") || path.ends_with(".png");
    about_media && request.method() != "POST" && !request.query().contains("comp=blocklist")
}

impl Counted {
    async fn new(
        address: std::net::SocketAddr,
        builder: impl FnOnce(&FaultProxy) -> ObjectMediaStoreBuilder,
    ) -> Self {
        let proxy = FaultProxy::start(address).await.unwrap();
        let builder = builder(&proxy).with_option("allow_http", "true");
        Self {
            proxy,
            builder,
            parts: 5,
        }
    }

    async fn open(&self, shares: bool) -> ObjectMediaStore {
        let builder = self.builder.clone().with_deduplication(shares);
        let builder = builder.with_protocol(ProtocolVersion::First);
        let store = builder.build().await.unwrap();
        assert_eq!(store.is_deduplicating(), shares);
        self.took().await;
        store
    }

    /// Requests since the last call, media bytes that they sent, and that came back.
    async fn took(&self) -> (usize, u64, u64) {
        assert!(self.proxy.idle(Duration::from_secs(30)).await);
        let exchanges = self.proxy.exchanges();
        self.proxy.clear();
        let media = exchanges.iter().filter(|each| is_media(&each.request));
        let (sent, came) = media.fold((0, 0), |(sent, came), each| {
            (sent + each.request_bytes, came + each.response_bytes)
        });
        (exchanges.len(), sent, came)
    }

    async fn check(&self) {
        let (shared, single) = (self.open(true).await, self.open(false).await);
        let len = LEN as u64;
        let bytes = noise(1, LEN);
        let first = put(&shared, &bytes).await;
        assert_eq!(self.took().await, (5, len, 0), "shared, new");
        let second = put(&shared, &bytes).await;
        assert_eq!(self.took().await, (4, 0, 0), "shared, duplicate");
        expiring(&shared, 2).await;
        assert_eq!(self.took().await, (6, len, 0), "shared, new, expires");
        expiring(&shared, 2).await;
        assert_eq!(self.took().await, (5, 0, 0), "duplicate, expires");
        let own = put(&single, &bytes).await;
        assert_eq!(self.took().await, (2, len, 0), "not shared");
        expiring(&single, 2).await;
        assert_eq!(self.took().await, (3, len, 0), "not shared, expires");

        for (store, reference) in [(&shared, &second), (&single, &own)] {
            holds(store, reference, &bytes).await;
            assert_eq!(self.took().await, (2, 0, len), "retrieve");
            let range = RetrieveOptions::new().with_range(100..1100);
            let part = store.retrieve_opts(reference, range).await.unwrap();
            let part = part.body.bytes(1000).await.unwrap();
            assert_eq!(part, bytes.slice(100..1100));
            assert_eq!(self.took().await, (2, 0, 1000), "a range");
            let head = RetrieveOptions::new().with_head();
            store.retrieve_opts(reference, head).await.unwrap();
            assert_eq!(self.took().await, (1, 0, 0), "head");
        }
        for (store, reference) in [(&shared, first), (&shared, second), (&single, own)] {
            store.delete(&reference).await.unwrap();
            assert_eq!(self.took().await, (3, 0, 0), "delete");
        }
        self.check_parts(&shared, &single).await;
    }

    async fn check_parts(&self, shared: &ObjectMediaStore, single: &ObjectMediaStore) {
        let large = noise(3, 17 * MIB);
        let len = large.len() as u64;
        put(single, &large).await;
        let requests = 1 + self.parts;
        assert_eq!(self.sent().await, (requests, len), "in parts");
        put(shared, &large).await;
        let requests = 4 + self.parts;
        assert_eq!(self.sent().await, (requests, len), "new, in parts");
        let pieces = futures_util::stream::iter([Ok(large)]);
        let body = MediaBody::from_stream(None, pieces);
        let upload = MediaUpload::new(Mime::IMAGE_PNG, body, about("conv-1"));
        shared.store(upload).await.unwrap();
        assert_eq!(self.sent().await, (4, 0), "a stream of what is there");
    }

    async fn sent(&self) -> (usize, u64) {
        let (requests, sent, _) = self.took().await;
        (requests, sent)
    }
}

async fn expiring(store: &ObjectMediaStore, seed: u64) {
    let metadata = about("conv-1").with_retention(RetentionPolicy::RetainHours(1));
    let stored = store.store_bytes(Mime::IMAGE_PNG, noise(seed, LEN), metadata);
    stored.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s3_is_asked_as_often_as_promised() {
    let dir = tempfile::tempdir().unwrap();
    let server = s3::S3Server::start(dir.path()).await.unwrap();
    let counted = Counted::new(server.address(), |proxy| {
        ObjectMediaStore::builder()
            .with_url(format!("s3://{}/counted", server.bucket()))
            .with_option("endpoint", proxy.endpoint())
            .with_option("access_key_id", server.access_key())
            .with_option("secret_access_key", server.secret_key())
    });
    counted.await.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gcs_is_asked_as_often_as_promised() {
    let dir = tempfile::tempdir().unwrap();
    let server = gcs::GcsServer::start(dir.path()).await.unwrap();
    let counted = Counted::new(server.address(), |proxy| {
        let account = server.service_account_at(&proxy.endpoint());
        ObjectMediaStore::builder()
            .with_url(format!("gs://{}/counted", server.bucket()))
            .with_option("service_account_key", account)
    });
    counted.await.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn azure_is_asked_as_often_as_promised() {
    if test_servers::tools::without_services() {
        use std::io::Write as _;
        // Past the capture of the test harness; nothing can be done where it is closed.
        let _ = writeln!(std::io::stderr(), "NOT RUN: Azurite is not wanted");
        return;
    }
    let server = azurite::Azurite::start().await.unwrap();
    let mut counted = Counted::new(server.address(), |proxy| {
        ObjectMediaStore::builder()
            .with_url(format!("az://{}/counted", server.container()))
            .with_option("endpoint", azurite::endpoint_at(proxy.address()))
            .with_option("account", server.account())
            .with_option("access_key", server.access_key())
    })
    .await;
    // Nothing begins an upload there.
    counted.parts = 4;
    counted.check().await;
}
