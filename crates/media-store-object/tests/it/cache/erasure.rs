//! What is to be gone is gone from the disk.

use futures_util::StreamExt as _;
use media_storage::{MediaStorage as _, MediaStorageExt as _, Scope};

use super::{LARGE, MIB, Place, files, get, noise, until};

#[tokio::test(flavor = "multi_thread")]
async fn deleting_takes_the_bytes_along() {
    let place = Place::new();
    let cache = place.cache().await;
    let bytes = noise(1, 1000);
    let (one, two) = (place.put(&bytes).await, place.put(&bytes).await);
    get(&cache, &one).await;
    until(&cache, |stats| stats.entries == 1).await;
    cache.delete(&one).await.unwrap();
    assert!(place.files().is_empty());
    assert_eq!(cache.stats().bytes, 0);
    assert!(get(&cache, &two).await == bytes, "the other one is well");
}

#[tokio::test(flavor = "multi_thread")]
async fn deleted_media_does_not_enter_while_it_is_read() {
    let place = Place::new();
    let cache = place.cache().await;
    let bytes = noise(1, LARGE);
    let reference = place.put(&bytes).await;
    let mut body = cache.retrieve(&reference).await.unwrap().body.into_stream();
    body.next().await.unwrap().unwrap();
    cache.delete(&reference).await.unwrap();
    while let Some(piece) = body.next().await {
        piece.unwrap();
    }
    until(&cache, |stats| stats.abandoned == 1 && stats.bytes == 0).await;
    assert!(place.files().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scope_that_is_deleted_is_gone_after_clear() {
    let place = Place::new();
    let cache = place.cache().await;
    let reference = place.put(&noise(1, 1000)).await;
    get(&cache, &reference).await;
    until(&cache, |stats| stats.entries == 1).await;
    // A body on its way, and a file that another process left.
    let large = place.put(&noise(2, LARGE)).await;
    let mut body = cache.retrieve(&large).await.unwrap().body.into_stream();
    body.next().await.unwrap().unwrap();
    let other = place.cache().await;
    get(&other, &reference).await;
    until(&other, |stats| stats.entries == 1).await;
    place.close_slot(other, "1").await;
    let neighbour = place.cache().await;
    assert_eq!(neighbour.stats().entries, 1, "it took what was left");
    assert_eq!(cache.clear().await.unwrap(), 1);
    assert_eq!(neighbour.stats().entries, 1);
    place.close_slot(neighbour, "1").await;

    let scope = Scope::Conversation("conv-1".parse().unwrap());
    let inventory = cache.inventory().unwrap();
    assert_eq!(inventory.delete_scope(scope).await.unwrap().deleted, 2);
    assert_eq!(cache.clear().await.unwrap(), 0);
    assert!(place.files().is_empty());
    assert!(files(&place.dir().join("1")).is_empty());
    let mut read = 0;
    while let Some(piece) = body.next().await {
        read += piece.unwrap().len();
    }
    assert!(read > 3 * MIB, "its reader goes on");
    until(&cache, |stats| stats.bytes == 0).await;
    assert!(place.files().is_empty());
}
