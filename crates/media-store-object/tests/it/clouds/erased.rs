//! Deleting the media of a user from an S3 bucket, with and without versions, behind a proxy that breaks requests.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _};
use media_storage::{
    Inventory as _, MediaMetadata, MediaStorageExt as _, MetadataPatch, Scope, StorageErrorKind,
    SweepDepth, SweepOptions,
};
use media_store_object::{ObjectMediaStore, ProtocolVersion};
use media_types::{Mime, StorageReference};
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::{ObjectStore as _, ObjectStoreExt as _};
use reqwest::Method;
use test_servers::proxy::{Fault, FaultProxy, RequestPattern, Script};
use test_servers::s3::{REGION, S3Options, S3Server};

use super::s3_at;
use crate::store::noise;

/// What becomes of requests while the media of a user is deleted and the bucket is swept.
fn faults() -> Vec<(&'static str, Script)> {
    let writes = [
        RequestPattern::method(Method::PUT),
        RequestPattern::method(Method::DELETE),
        RequestPattern::s3_bulk_delete(),
    ];
    let each = |fault: &Fault| {
        let mut script = Script::pass();
        for pattern in &writes {
            script = script.first(2, pattern.clone(), fault.clone());
        }
        script
    };
    vec![
        ("sound", Script::pass()),
        ("writes fail", each(&Fault::status(503))),
        ("answers of writes are lost", each(&Fault::DropResponse)),
        (
            "writes happen and fail",
            each(&Fault::status_after_forward(500)),
        ),
        (
            "listings and reads fail",
            Script::pass().first(3, RequestPattern::method(Method::GET), Fault::status(500)),
        ),
    ]
}

/// The bucket itself, past the proxy.
pub(super) fn beneath(server: &S3Server) -> AmazonS3 {
    let builder = AmazonS3Builder::new()
        .with_allow_http(true)
        .with_endpoint(server.endpoint())
        .with_region(REGION)
        .with_bucket_name(server.bucket())
        .with_access_key_id(server.access_key())
        .with_secret_access_key(server.secret_key());
    builder.build().unwrap()
}

/// Names of objects that contain one of these words, or whose body does or begins with one of these bodies.
async fn traces(bucket: &AmazonS3, words: &[String], bodies: &[Bytes]) -> Vec<String> {
    let listed: Vec<_> = bucket.list(None).try_collect().await.unwrap();
    let mut found = Vec::new();
    for meta in listed {
        let read = bucket.get(&meta.location).await.unwrap();
        let body = read.bytes().await.unwrap();
        let text = String::from_utf8_lossy(&body);
        let name = meta.location.to_string();
        let named = |word: &String| name.contains(word) || text.contains(word);
        if words.iter().any(named) || bodies.contains(&body) {
            found.push(name);
        }
    }
    found
}

async fn put(store: &ObjectMediaStore, seed: u64, user: &str) -> StorageReference {
    let metadata = MediaMetadata::new()
        .with_session("session-1".parse().unwrap())
        .with_conversation(format!("conv-of-{user}").parse().unwrap())
        .with_user(user.parse().unwrap());
    let stored = store.store_bytes(Mime::IMAGE_PNG, noise(seed, 1000), metadata);
    stored.await.unwrap()
}

async fn give(store: &ObjectMediaStore, reference: &StorageReference, user: &str) {
    let patch = MetadataPatch::new().with_user(Some(user.parse().unwrap()));
    media_storage::MediaStorage::update(store, reference, patch)
        .await
        .unwrap();
}

/// Deletes the media of one of two users, until nothing fails, and looks for what is left of it.
async fn check(server: &S3Server, deduplication: bool, versions: bool, script: Script) {
    let proxy = FaultProxy::start(server.address()).await.unwrap();
    let store = s3_at(server, &proxy.endpoint())
        .with_option("max_retries", "4")
        .with_protocol(ProtocolVersion::Second)
        .with_deduplication(deduplication);
    let store = store.build().await.unwrap();
    assert_eq!(store.keeps_versions(), versions);
    let full = SweepOptions::new()
        .with_depth(SweepDepth::Full)
        .with_grace(Duration::ZERO);
    let mut deleted = Vec::new();
    for seed in 1..4 {
        deleted.push(put(&store, seed, "user-secret").await);
    }
    let kept = put(&store, 1, "user-kept").await;
    let returned = put(&store, 9, "user-secret").await;
    store.sweep(full).await.unwrap();
    give(&store, &returned, "user-kept").await;
    give(&store, &returned, "user-secret").await;
    deleted.push(returned);

    proxy.set_script(script);
    let scope = Scope::User("user-secret".parse().unwrap());
    // What failed is reported, and repeated.
    for round in 0.. {
        let report = store.delete_scope(scope.clone()).await.unwrap();
        assert_eq!((report.held, report.unattributed), (0, 0));
        if report.failed == 0 {
            break;
        }
        assert!(round < 4, "{report:?}");
    }
    for round in 0.. {
        let report = store.sweep(full).await.unwrap();
        assert_eq!((report.held, report.unattributed), (0, 0));
        if report.failed == 0 {
            break;
        }
        assert!(round < 4, "{report:?}");
    }
    assert!(proxy.idle(Duration::from_secs(60)).await);
    proxy.set_script(Script::pass());

    for reference in &deleted {
        let error = store.retrieve_bytes(reference, 1000).await.unwrap_err();
        assert_eq!(error.kind(), StorageErrorKind::NotFound, "{error:?}");
    }
    assert_eq!(store.usage(scope.clone()).await.unwrap().references, 0);
    assert_eq!(store.list(scope).count().await, 0);
    let read = store.retrieve_bytes(&kept, 1000).await.unwrap();
    assert_eq!(read, noise(1, 1000));
    // Names of tombstones have the ids of directories for seven days, and nothing else has.
    let hashes = deleted.iter().skip(1);
    let hashes = hashes.map(|reference| reference.sha256().unwrap().to_hex());
    let words: Vec<_> = hashes.chain(["user-secret\"".to_owned()]).collect();
    let bodies: Vec<_> = [2, 3, 9].map(|seed| noise(seed, 1000)).into();
    let left = traces(&beneath(server), &words, &bodies).await;
    assert!(left.is_empty(), "{left:#?}");
    store.delete_scope(Scope::All).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_is_erased_from_buckets_with_and_without_versions_whatever_fails() {
    let (mut cases, mut erased) = (0, 0);
    for versions in [false, true] {
        for deduplication in [true, false] {
            for (name, script) in faults() {
                cases += 1;
                let dir = tempfile::tempdir().unwrap();
                let options = S3Options::default();
                let options = match versions {
                    true => options.with_versioning(),
                    false => options,
                };
                let server = S3Server::start_with(dir.path(), options).await.unwrap();
                println!("versions {versions}, shared {deduplication}, {name}");
                check(&server, deduplication, versions, script).await;
                erased += 1;
            }
        }
    }
    println!("users erased from buckets behind a proxy: {erased} of {cases}, 0 came back");
}
