//! The cache: loads once, keeps its bound, opens no door.

use std::sync::Arc;

use media_loader::{LoadOptions, MediaLoader};
use media_storage::{MediaStorageExt as _, Scope, StorageErrorKind};
use media_storage_testkit::{Call, Fault, Gate};
use media_types::{MediaContent, Mime, StorageReference};
use tokio::task::JoinSet;

use crate::{Store, png, stored, with_store};

fn cached(store: &Store, bytes: u64) -> MediaLoader {
    MediaLoader::builder()
        .with_storage(Arc::new(store.clone()))
        .with_cache(bytes)
        .build()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_tasks_load_at_once() {
    let (store, plain) = with_store();
    let mut contents = Vec::new();
    for n in 0..10 {
        contents.push(stored(&store, &png(10_000 + n)).await);
    }
    for loader in [plain, cached(&store, 1_000_000), cached(&store, 25_000)] {
        let mut tasks = JoinSet::new();
        for task in 0..100 {
            let (loader, content) = (loader.clone(), contents[task % 10].clone());
            tasks.spawn(async move {
                let read = loader.bytes(&content).await.unwrap();
                assert!(read == png(10_000 + task % 10));
            });
        }
        tasks.join_all().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn media_is_read_once_for_all_who_ask() {
    let (store, _) = with_store();
    let bytes = png(100_000);
    let content = stored(&store, &bytes).await;
    let loader = cached(&store, 1_000_000);
    let gate = Gate::new();
    store.inject(Fault::every(Call::Retrieve).hold(&gate));
    let mut tasks = JoinSet::new();
    for _ in 0..50 {
        let (loader, content, bytes) = (loader.clone(), content.clone(), bytes.clone());
        tasks.spawn(async move { assert!(loader.bytes(&content).await.unwrap() == bytes) });
    }
    gate.arrived().await;
    gate.open();
    tasks.join_all().await;
    assert_eq!(store.bytes_retrieved(), 100_000);
    // 50 questions whether it may be read, one read.
    assert_eq!(store.calls(Call::Retrieve), 51);

    // Equal bytes under another reference are there already.
    let twin = stored(&store, &bytes).await;
    assert!(loader.data_uri(&twin).await.is_ok());
    assert_eq!(store.bytes_retrieved(), 100_000);
}

#[tokio::test]
async fn without_a_cache_nothing_is_kept() {
    let (store, loader) = with_store();
    let content = stored(&store, &png(1000)).await;
    for _ in 0..3 {
        loader.bytes(&content).await.unwrap();
    }
    assert_eq!(store.bytes_retrieved(), 3000);
    assert_eq!(store.calls(Call::Retrieve), 3);
}

#[tokio::test]
async fn the_cache_opens_no_door() {
    let (store, _) = with_store();
    let loader = cached(&store, 1_000_000);
    let content = stored(&store, &png(1000)).await;
    let reference = content.reference().unwrap().clone();
    loader.bytes(&content).await.unwrap();

    // The hash of cached media under an id of other media.
    let other = stored(&store, &png(999)).await;
    let forged = StorageReference::builder("memory", other.reference().unwrap().id())
        .with_sha256(reference.sha256().unwrap());
    let forged = MediaContent::from_reference(Mime::IMAGE_PNG, forged.build().unwrap());
    let error = loader.bytes(&forged).await.unwrap_err();
    let kind = error.storage_error().unwrap().kind();
    assert_eq!(kind, StorageErrorKind::InvalidRef);

    let scope = Scope::User("user-2".parse().unwrap());
    let foreign = loader.with_options(LoadOptions::new().with_expected_scope(scope));
    assert!(foreign.bytes(&content).await.unwrap_err().is_missing());

    store.delete(&reference).await.unwrap();
    assert!(loader.bytes(&content).await.unwrap_err().is_missing());
}

#[tokio::test]
async fn failures_are_not_kept_and_large_media_passes_by() {
    let (store, _) = with_store();
    let loader = cached(&store, 5000);
    let content = stored(&store, &png(1000)).await;
    store.inject(Fault::nth(Call::Retrieve, 2).in_body(10));
    assert!(loader.bytes(&content).await.unwrap_err().is_retryable());
    assert!(loader.bytes(&content).await.is_ok());

    let large = stored(&store, &png(5001)).await;
    for _ in 0..2 {
        let before = store.bytes_retrieved();
        assert!(loader.bytes(&large).await.is_ok());
        assert_eq!(store.bytes_retrieved() - before, 5001);
    }
    let before = store.bytes_retrieved();
    assert!(loader.bytes(&content).await.is_ok());
    assert_eq!(store.bytes_retrieved(), before, "the small one stayed");
}
