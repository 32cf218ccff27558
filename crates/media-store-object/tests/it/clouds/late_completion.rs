//! The request that completes an upload in parts arrives late: after its copy was acknowledged and the
//! media deleted, or after the store gave up and its scope was deleted.

use std::time::Duration;

use media_storage::{
    Inventory as _, MediaBody, MediaMetadata, MediaStorage as _, MediaStorageExt as _, MediaUpload,
    Scope, StorageErrorKind, SweepDepth, SweepOptions,
};
use media_store_object::{ObjectMediaStore, ObjectMediaStoreBuilder, ProtocolVersion};
use media_types::Mime;
use reqwest::Method;
use test_servers::azurite::endpoint_at;
use test_servers::proxy::{Answer, Fault, FaultProxy, Gate, RequestPattern, Script};

use super::{azurite, gcs_server, s3_server};
use crate::store::{MIB, noise};

/// The requests that complete an upload.
fn completions(service: &str) -> RequestPattern {
    match service {
        "azure" => RequestPattern::method(Method::PUT).with_query("comp=blocklist"),
        _ => RequestPattern::method(Method::POST).with_query("uploadId="),
    }
}

fn upload() -> MediaUpload {
    let metadata = MediaMetadata::new()
        .with_session("session-1".parse().unwrap())
        .with_conversation("conv-1".parse().unwrap())
        .with_user("user-1".parse().unwrap());
    let body = MediaBody::from_bytes(noise(3, 5 * MIB + 100));
    MediaUpload::new(Mime::IMAGE_PNG, body, metadata)
}

async fn is_empty(store: &ObjectMediaStore) {
    let scope = Scope::User("user-1".parse().unwrap());
    assert_eq!(store.usage(scope).await.unwrap().references, 0);
    let sweep = SweepOptions::new()
        .with_depth(SweepDepth::Full)
        .with_grace(Duration::ZERO);
    for _ in 0..2 {
        assert_eq!(store.sweep(sweep).await.unwrap().failed, 0);
        let usage = store.usage(Scope::All).await.unwrap();
        assert_eq!((usage.references, usage.stored_bytes), (0, 0), "{usage:?}");
    }
}

/// Stores and deletes while the first completion is held; then lets it go.
async fn check(service: &str, proxy: &FaultProxy, builder: ObjectMediaStoreBuilder) {
    let builder = builder
        .with_protocol(ProtocolVersion::Second)
        .with_part_size(5 * MIB)
        .with_option("allow_http", "true");
    for (shares, retries) in [(true, "3"), (false, "3"), (false, "0")] {
        let store = builder
            .clone()
            .with_option("max_retries", retries)
            .with_deduplication(shares);
        let store = store.build().await.unwrap();
        assert!(store.refuses_late_writes());
        let gate = Gate::new();
        let held = Fault::AnswerThenForward(Answer::new(500), gate.clone());
        let held = match retries {
            "0" => Script::pass().always(completions(service), held),
            _ => Script::pass().first(1, completions(service), held),
        };
        proxy.set_script(held);
        let stored = store.store(upload()).await;
        gate.reached(1).await;
        match stored {
            Ok(reference) => {
                assert_eq!(retries, "3", "{service}: acknowledged without an answer");
                store.delete(&reference).await.unwrap();
                gate.release();
                assert!(proxy.idle(Duration::from_secs(60)).await);
                let error = store.retrieve(&reference).await.unwrap_err();
                assert_eq!(error.kind(), StorageErrorKind::NotFound);
            }
            Err(error) => {
                assert_eq!(error.kind(), StorageErrorKind::Unavailable, "{error:?}");
                let scope = Scope::User("user-1".parse().unwrap());
                store.delete_scope(scope).await.unwrap();
                gate.release();
                assert!(proxy.idle(Duration::from_secs(60)).await);
            }
        }
        is_empty(&store).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_late_completion_brings_nothing_back_on_s3() {
    let (server, _dir) = s3_server().await;
    let proxy = FaultProxy::start(server.address()).await.unwrap();
    let builder = ObjectMediaStore::builder()
        .with_url(format!("s3://{}/late", server.bucket()))
        .with_option("endpoint", proxy.endpoint())
        .with_option("access_key_id", server.access_key())
        .with_option("secret_access_key", server.secret_key());
    check("s3", &proxy, builder).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_late_completion_brings_nothing_back_on_gcs() {
    let (server, _dir) = gcs_server().await;
    let proxy = FaultProxy::start(server.address()).await.unwrap();
    let account = server.service_account_at(&proxy.endpoint());
    let builder = ObjectMediaStore::builder()
        .with_url(format!("gs://{}/late", server.bucket()))
        .with_option("service_account_key", account);
    check("gcs", &proxy, builder).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_late_completion_brings_nothing_back_on_azure() {
    let Some(server) = azurite("a late completion").await else {
        return;
    };
    let proxy = FaultProxy::start(server.address()).await.unwrap();
    let builder = ObjectMediaStore::builder()
        .with_url(format!("az://{}/late", server.container()))
        .with_option("endpoint", endpoint_at(proxy.address()))
        .with_option("account", server.account())
        .with_option("access_key", server.access_key());
    check("azure", &proxy, builder).await;
}
