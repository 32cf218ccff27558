//! What is to be gone is gone from the disk.

use futures_util::StreamExt as _;
use media_storage::{MediaMetadata, MediaStorage as _, MediaStorageExt as _, Scope};
use media_types::Mime;

use super::{Fixture, LARGE, MIB, files, get, noise, until};

#[tokio::test(flavor = "multi_thread")]
async fn deleting_takes_the_bytes_along() {
    let fixture = Fixture::new();
    let cache = fixture.cache().await;
    let bytes = noise(1, 1000);
    let (one, two) = (fixture.put(&bytes).await, fixture.put(&bytes).await);
    get(&cache, &one).await;
    until(&cache, |stats| stats.entries == 1).await;
    cache.delete(&one).await.unwrap();
    assert!(fixture.files().is_empty());
    assert_eq!(cache.stats().bytes, 0);
    assert!(get(&cache, &two).await == bytes, "the other one is well");
}

#[tokio::test(flavor = "multi_thread")]
async fn deleted_media_does_not_enter_while_it_is_read() {
    let fixture = Fixture::new();
    let cache = fixture.cache().await;
    let bytes = noise(1, LARGE);
    let reference = fixture.put(&bytes).await;
    let mut body = cache.retrieve(&reference).await.unwrap().body.into_stream();
    body.next().await.unwrap().unwrap();
    cache.delete(&reference).await.unwrap();
    while let Some(piece) = body.next().await {
        piece.unwrap();
    }
    until(&cache, |stats| stats.abandoned == 1 && stats.bytes == 0).await;
    assert!(fixture.files().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scope_takes_its_copies_along_and_no_others() {
    let fixture = Fixture::new();
    let first = fixture.cache().await;
    let (bytes, kept) = (noise(1, 1000), noise(3, 1000));
    let reference = fixture.put(&bytes).await;
    get(&first, &reference).await;
    until(&first, |stats| stats.entries == 1).await;
    // What another process left, and what a running one has.
    let (ended, running) = (fixture.cache().await, fixture.cache().await);
    get(&ended, &reference).await;
    until(&ended, |stats| stats.entries == 1).await;
    fixture.close_slot(ended, "1").await;
    let metadata = MediaMetadata::new().with_conversation("conv-2".parse().unwrap());
    let other = first
        .store_bytes(Mime::IMAGE_PNG, kept.clone(), metadata)
        .await
        .unwrap();
    get(&first, &other).await;
    until(&first, |stats| stats.entries == 2).await;

    let scope = Scope::Conversation("conv-1".parse().unwrap());
    let inventory = first.inventory().unwrap();
    let report = inventory.delete_scope(scope.clone()).await.unwrap();
    assert_eq!((report.deleted, report.cached_copies), (1, 2));
    assert_eq!((report.failed, report.other_caches), (0, 1));
    assert_eq!(first.stats().entries, 1);
    assert!(files(&fixture.dir().join("1")).is_empty());
    assert!(get(&first, &other).await == kept);
    let report = inventory.delete_scope(scope).await.unwrap();
    assert_eq!((report.deleted, report.cached_copies), (0, 0));
    drop(running);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scope_that_is_deleted_is_gone_after_clear() {
    let fixture = Fixture::new();
    let cache = fixture.cache().await;
    let reference = fixture.put(&noise(1, 1000)).await;
    get(&cache, &reference).await;
    until(&cache, |stats| stats.entries == 1).await;
    // A body on its way, and a file that another process left.
    let large = fixture.put(&noise(2, LARGE)).await;
    let mut body = cache.retrieve(&large).await.unwrap().body.into_stream();
    body.next().await.unwrap().unwrap();
    let other = fixture.cache().await;
    get(&other, &reference).await;
    until(&other, |stats| stats.entries == 1).await;
    fixture.close_slot(other, "1").await;
    let neighbour = fixture.cache().await;
    assert_eq!(neighbour.stats().entries, 1, "it took what was left");
    assert_eq!(cache.clear().await.unwrap(), 1);
    assert_eq!(neighbour.stats().entries, 1);
    fixture.close_slot(neighbour, "1").await;

    let scope = Scope::Conversation("conv-1".parse().unwrap());
    let inventory = cache.inventory().unwrap();
    assert_eq!(inventory.delete_scope(scope).await.unwrap().deleted, 2);
    assert_eq!(cache.clear().await.unwrap(), 0);
    assert!(fixture.files().is_empty());
    assert!(files(&fixture.dir().join("1")).is_empty());
    let mut read = 0;
    while let Some(piece) = body.next().await {
        read += piece.unwrap().len();
    }
    assert!(read > 3 * MIB, "its reader goes on");
    until(&cache, |stats| stats.bytes == 0).await;
    assert!(fixture.files().is_empty());
}
