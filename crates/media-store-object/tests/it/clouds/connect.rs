//! Getting in by URL and options.

use std::time::Duration;

use media_storage::{
    MediaMetadata, MediaStorage as _, MediaStorageExt as _, Organization, StorageErrorKind,
};
use media_store_object::ObjectMediaStoreBuilder;
use media_types::Mime;
use test_servers::proxy::{Fault, RequestPattern, Script};

use super::{Broken, azure_at, azurite, gcs_at, gcs_server, s3_at, s3_server};
use crate::store::{MIB, holds, noise, put};

async fn works(builder: ObjectMediaStoreBuilder, word: &str) {
    for deduplication in [true, false] {
        let opened = builder.clone().with_deduplication(deduplication).build();
        let store = opened.await.unwrap();
        assert_eq!(store.backend(), word);
        assert_eq!(store.is_deduplicating(), deduplication);
        let bytes = noise(1, 1000);
        let reference = put(&store, &bytes).await;
        assert_eq!(reference.backend(), word);
        holds(&store, &reference, &bytes).await;
        store.delete(&reference).await.unwrap();
        store.delete(&reference).await.unwrap();
        let gone = store.retrieve(&reference).await.unwrap_err();
        assert_eq!(gone.kind(), StorageErrorKind::NotFound);
    }
}

#[tokio::test]
async fn s3_by_url_and_options() {
    let (server, _dir) = s3_server().await;
    works(s3_at(&server, &server.endpoint()), "s3").await;
}

#[tokio::test]
async fn gcs_by_url_and_options() {
    let (server, _dir) = gcs_server().await;
    works(gcs_at(&server), "gcs").await;
}

/// Services take keys of 1024 bytes. The longest prefix leaves room for the longest ids.
#[tokio::test]
async fn prefixes_may_be_as_long_as_keys_allow() {
    let (server, _dir) = s3_server().await;
    let at = |prefix: &str| {
        s3_at(&server, &server.endpoint()).with_url(format!("s3://{}/{prefix}", server.bucket()))
    };
    // Segments of 100 bytes, because the server keeps them as directories.
    let prefix = |len: usize| -> String {
        let cut = |n: usize| if n % 101 == 100 { '/' } else { 'p' };
        (0..len).map(cut).collect()
    };
    let refused = at(&prefix(513)).build().await.unwrap_err();
    assert_eq!(refused.kind(), StorageErrorKind::Config);
    assert!(refused.to_string().contains("512"), "{refused}");
    let inside = at("media/.store/v1").build().await.unwrap_err();
    assert_eq!(inside.kind(), StorageErrorKind::Config);
    assert!(inside.to_string().contains("reserved"), "{inside}");

    let store = at(&prefix(512)).with_organization(Organization::ByRun);
    let store = store.with_deduplication(true).build().await.unwrap();
    let bytes = noise(1, 1000);
    for (id, least) in [("x".repeat(120), 400), ("x".repeat(1024), 0)] {
        let metadata = MediaMetadata::new()
            .with_run(id.parse().unwrap())
            .with_session(id.parse().unwrap())
            .with_conversation(id.parse().unwrap());
        let stored = store.store_bytes(Mime::IMAGE_PNG, bytes.clone(), metadata);
        let reference = stored.await.unwrap();
        assert!(reference.id().len() >= least && 513 + reference.id().len() + 5 <= 1024);
        holds(&store, &reference, &bytes).await;
        store.delete(&reference).await.unwrap();
    }
}

#[tokio::test]
async fn azure_by_url_and_options() {
    let Some(server) = azurite("azure_by_url_and_options").await else {
        return;
    };
    works(azure_at(&server), "azure").await;
}

#[tokio::test]
async fn a_timeout_is_for_progress_and_not_for_the_body() {
    let broken = Broken::start().await;
    let limited = broken.builder().with_option("read_timeout", "1s");
    let store = limited.build().await.unwrap();
    let bytes = noise(2, 2 * MIB);
    let reference = put(&store, &bytes).await;
    // Four times as long as nothing may arrive.
    let slow = Fault::SlowResponse(MIB as u64 / 2);
    broken
        .proxy
        .set_script(Script::pass().always(RequestPattern::get(".png"), slow));
    holds(&store, &reference, &bytes).await;

    let hang = Script::pass().always(RequestPattern::any(), Fault::Hang);
    broken.proxy.set_script(hang);
    let begun = std::time::Instant::now();
    let error = store.retrieve(&reference).await.unwrap_err();
    assert_eq!(error.kind(), StorageErrorKind::Unavailable);
    assert!(error.is_retryable());
    assert!(begun.elapsed() < Duration::from_secs(120));
}

#[tokio::test]
async fn bodies_are_hashed_for_the_wire_only_where_nothing_else_protects_them() {
    let broken = Broken::start().await;
    let hashes = |store: &Broken| -> Vec<String> {
        let puts = store.proxy.exchanges().into_iter();
        puts.filter(|exchange| exchange.request.method() == "PUT")
            .filter_map(|exchange| {
                let header = exchange.request.header("x-amz-content-sha256");
                header.map(str::to_owned)
            })
            .collect()
    };
    let store = broken.builder().build().await.unwrap();
    put(&store, &noise(3, 100)).await;
    let plain = hashes(&broken);
    assert!(
        !plain.is_empty() && plain.iter().all(|hash| hash.len() == 64),
        "{plain:?}"
    );

    broken.proxy.clear();
    let unsigned = broken.builder().with_option("unsigned_payload", "true");
    let store = unsigned.build().await.unwrap();
    put(&store, &noise(4, 100)).await;
    let unsigned = hashes(&broken);
    assert!(!unsigned.is_empty() && unsigned.iter().all(|hash| hash == "UNSIGNED-PAYLOAD"));
}
