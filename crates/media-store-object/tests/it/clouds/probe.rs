//! What is tried when a store is opened.

use std::sync::Arc;

use futures_util::future::join_all;
use futures_util::stream::BoxStream;
use media_storage::{MediaStorageExt as _, StorageErrorKind as Kind, Verification};
use media_store_object::{ObjectMediaStore, ProtocolVersion};
use media_types::Mime;
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use test_servers::proxy::{Answer, Fault, FaultProxy, RequestPattern, Script};
use test_servers::s3::{S3Options, S3Server};

use super::{Broken, azure_at, azurite, gcs_at, gcs_server, s3_at};
use crate::store::{about, holds, noise, put};

fn of_probes(broken: &Broken) -> Vec<String> {
    let exchanges = broken.proxy.exchanges().into_iter();
    exchanges
        .filter(|exchange| exchange.request.target().contains("probe"))
        .map(|exchange| exchange.request.method().to_string())
        .collect()
}

#[tokio::test]
async fn a_few_requests_decide_and_leave_nothing() {
    for (protocol, puts) in [(ProtocolVersion::First, 4), (ProtocolVersion::Second, 6)] {
        let broken = Broken::start().await;
        let builder = broken.builder().with_protocol(protocol);
        let store = builder.with_deduplication(true).build().await.unwrap();
        assert!(store.is_deduplicating());
        let mut expected = vec!["PUT"; puts];
        expected.extend(["GET", "DELETE", "DELETE"]);
        assert_eq!(of_probes(&broken), expected);
    }
    let broken = Broken::start().await;
    // Those of the probe of this opening, at most: nothing lies there any more.
    let builder = broken.builder().with_protocol(ProtocolVersion::First);
    builder.build().await.unwrap();
    assert_eq!(of_probes(&broken), ["GET"]);
    let listing = broken.proxy.exchanges();
    let listing = listing
        .iter()
        .find(|exchange| exchange.request.target().contains("probe"));
    assert!(listing.unwrap().response_bytes < 500, "nothing was listed");
}

#[tokio::test]
async fn a_service_that_ignores_conditions_is_found_out() {
    let dir = tempfile::tempdir().unwrap();
    let options = S3Options::default().ignoring_conditions();
    let server = S3Server::start_with(dir.path(), options).await.unwrap();
    let builder = s3_at(&server, &server.endpoint()).with_deduplication(true);
    let store = builder
        .with_verification(Verification::HashAndSize)
        .build()
        .await
        .unwrap();
    assert!(!store.is_deduplicating());
    let bytes = noise(1, 1000);
    let (one, other) = (put(&store, &bytes).await, put(&store, &bytes).await);
    holds(&store, &one, &bytes).await;
    holds(&store, &other, &bytes).await;
}

/// Without conditional writes, a copy of a write can arrive after its deletion: each is sent once, and the
/// store begins again under another reference.
#[tokio::test]
async fn a_service_that_ignores_conditions_is_sent_each_write_once() {
    let dir = tempfile::tempdir().unwrap();
    let options = S3Options::default().ignoring_conditions();
    let server = S3Server::start_with(dir.path(), options).await.unwrap();
    let proxy = FaultProxy::start(server.address()).await.unwrap();
    let builder = s3_at(&server, &proxy.endpoint());
    let builder = builder
        .with_option("max_retries", "3")
        .with_name_key([7; 32])
        .with_protocol(ProtocolVersion::Second);
    let store = builder.build().await.unwrap();
    assert!(!store.refuses_late_writes());
    proxy.clear();
    let sidecars = RequestPattern::put(".meta");
    proxy.set_script(Script::pass().first(2, sidecars, Fault::status_after_forward(503)));
    let bytes = noise(1, 1000);
    let reference = put(&store, &bytes).await;
    holds(&store, &reference, &bytes).await;
    let exchanges = proxy.exchanges();
    let mut targets: Vec<_> = exchanges
        .iter()
        .filter(|exchange| exchange.request.method() == "PUT")
        .map(|exchange| exchange.request.target().to_owned())
        .collect();
    let all = targets.len();
    targets.sort_unstable();
    targets.dedup();
    assert_eq!((all, targets.len()), (6, 6), "{targets:#?}");
}

/// Hints and index entries bring nothing back by themselves.
#[tokio::test]
async fn a_service_that_ignores_conditions_is_sent_index_entries_again() {
    let dir = tempfile::tempdir().unwrap();
    let options = S3Options::default().ignoring_conditions();
    let server = S3Server::start_with(dir.path(), options).await.unwrap();
    let proxy = FaultProxy::start(server.address()).await.unwrap();
    let builder = s3_at(&server, &proxy.endpoint());
    let builder = builder
        .with_option("max_retries", "3")
        .with_name_key([7; 32])
        .with_protocol(ProtocolVersion::Second);
    let store = builder.build().await.unwrap();
    assert!(!store.refuses_late_writes());
    let entries = RequestPattern::put("/.store/v2/user/");
    proxy.set_script(Script::pass().first(3, entries, Fault::status(503)));
    let metadata = about("conv-1").with_user("user-1".parse().unwrap());
    let bytes = noise(1, 1000);
    let stored = store.store_bytes(Mime::IMAGE_PNG, bytes.clone(), metadata);
    holds(&store, &stored.await.unwrap(), &bytes).await;
}

#[tokio::test]
async fn a_service_without_conditional_writes_is_found_out() {
    let broken = Broken::start().await;
    let unknown = Fault::Answer(Answer::new(501).with_code("NotImplemented"));
    for header in ["if-none-match", "if-match"] {
        let pattern = RequestPattern::put("").with_header(header);
        broken
            .proxy
            .set_script(Script::pass().always(pattern, unknown.clone()));
        let store = broken
            .builder()
            .with_deduplication(true)
            .build()
            .await
            .unwrap();
        assert!(!store.is_deduplicating(), "{header}");
    }
    let files = tempfile::tempdir().unwrap();
    let files = LocalFileSystem::new_with_prefix(files.path()).unwrap();
    let builder = ObjectMediaStore::builder().with_object_store(Arc::new(files));
    let store = builder.with_deduplication(true).build().await.unwrap();
    assert!(!store.is_deduplicating());
}

/// A service that knows `If-None-Match` and takes no notice of `If-Match`.
#[derive(Debug, Default)]
struct Careless(InMemory);

impl std::fmt::Display for Careless {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Careless")
    }
}

#[async_trait::async_trait]
impl ObjectStore for Careless {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        mut options: PutOptions,
    ) -> Result<PutResult> {
        if let PutMode::Update(_) = options.mode {
            options.mode = PutMode::Overwrite;
        }
        self.0.put_opts(location, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.0.put_multipart_opts(location, options).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.0.get_opts(location, options).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        self.0.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.0.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.0.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.0.copy_opts(from, to, options).await
    }
}

#[tokio::test]
async fn a_service_that_replaces_stale_versions_is_found_out() {
    let builder = ObjectMediaStore::builder().with_object_store(Arc::new(Careless::default()));
    let store = builder.with_deduplication(true).build().await.unwrap();
    assert!(!store.is_deduplicating());
}

#[tokio::test]
async fn lost_answers_do_not_mislead() {
    let broken = Broken::start().await;
    for nth in 1..=4 {
        let pattern = RequestPattern::put("probe");
        let script = Script::pass().nth(nth, pattern, Fault::status_after_forward(500));
        broken.proxy.set_script(script);
        match broken.builder().with_deduplication(true).build().await {
            Ok(store) => assert!(store.is_deduplicating(), "{nth}"),
            Err(error) => assert_eq!(error.kind(), Kind::Unavailable, "{nth}"),
        }
    }
}

#[tokio::test]
async fn a_conflict_that_passes_does_not_mislead() {
    let broken = Broken::start().await;
    for (header, status) in [("if-match", 409), ("if-match", 412), ("if-none-match", 409)] {
        let pattern = RequestPattern::put("probe").with_header(header);
        let script = Script::pass().nth(1, pattern, Fault::status(status));
        broken.proxy.set_script(script);
        let builder = broken.builder().with_option("max_retries", "0");
        match builder.with_deduplication(true).build().await {
            Ok(store) => assert!(store.is_deduplicating(), "{header} {status}"),
            Err(error) => assert_eq!(error.kind(), Kind::Unavailable, "{header} {status}"),
        }
    }
}

#[tokio::test]
async fn probes_at_once_do_not_disturb_each_other() {
    let broken = Broken::start().await;
    let open = || broken.builder().with_deduplication(true).build();
    for store in join_all((0..12).map(|_| open())).await {
        assert!(store.unwrap().is_deduplicating());
    }
}

#[tokio::test]
async fn the_other_clouds_carry_it() {
    let (server, _dir) = gcs_server().await;
    let store = gcs_at(&server)
        .with_deduplication(true)
        .build()
        .await
        .unwrap();
    assert!(store.is_deduplicating());
    if let Some(server) = azurite("the_other_clouds_carry_it").await {
        let store = azure_at(&server)
            .with_deduplication(true)
            .build()
            .await
            .unwrap();
        assert!(store.is_deduplicating());
    }
}

#[tokio::test]
async fn what_a_probe_wrote_is_removed_in_any_store() {
    let bucket = Arc::new(InMemory::new());
    let builder = ObjectMediaStore::builder().with_object_store(Arc::<InMemory>::clone(&bucket));
    builder.with_deduplication(true).build().await.unwrap();
    let listed: Vec<_> = futures_util::TryStreamExt::try_collect(bucket.list(None))
        .await
        .unwrap();
    let left: Vec<_> = listed.iter().map(|meta| meta.location.as_ref()).collect();
    assert!(left.iter().all(|name| !name.contains("probe")), "{left:?}");
}
