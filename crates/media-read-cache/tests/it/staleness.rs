//! How long the store need not be asked again.

use std::time::Duration;

use media_read_cache::{CacheFill, ReadCache};
use media_storage::{
    MediaStorage as _, MediaStorageExt as _, RetrieveOptions, Scope, StorageErrorKind,
};
use media_types::Mime;

use super::{Fixture, get, noise, until};

/// A run of one writer and many reads: the disk serves almost all, and the store decides about each.
#[tokio::test(flavor = "multi_thread")]
async fn nine_of_ten_reads_come_from_the_disk() {
    let fixture = Fixture::new();
    let cache = fixture.builder().with_fill(CacheFill::ReadsAndStores);
    let cache = cache.build().await.unwrap();
    let (mut stored, mut kept) = (Vec::new(), 0);
    for seed in 0..50 {
        let bytes = noise(seed, 20_000);
        let reference = if seed % 5 == 0 {
            // Stored by another node.
            fixture.put(&bytes).await
        } else {
            let metadata = media_storage::MediaMetadata::new();
            let put = cache.store_bytes(Mime::IMAGE_PNG, bytes.clone(), metadata);
            let reference = put.await.unwrap();
            // A cache that is busy takes in nothing more, so each is waited for.
            kept += 1;
            until(&cache, |stats| stats.entries == kept).await;
            reference
        };
        stored.push((reference, bytes));
    }
    for round in 0..4 {
        for (n, (reference, bytes)) in stored.iter().enumerate() {
            assert!(get(&cache, reference).await == *bytes);
            if round == 0 && n % 5 == 0 {
                kept += 1;
                until(&cache, |stats| stats.entries == kept).await;
            }
        }
    }
    assert_eq!(kept, 50);
    let stats = cache.stats();
    assert_eq!((stats.hits, stats.misses), (190, 10));
    // Another node deletes what is on this disk.
    let (deleted, _) = &stored[7];
    fixture.store.delete(deleted).await.unwrap();
    let error = cache.retrieve(deleted).await.unwrap_err();
    assert_eq!(error.kind(), StorageErrorKind::NotFound);
}

/// A cache that need not ask the store again for an hour.
async fn stale_for_an_hour(fixture: &Fixture) -> ReadCache {
    let cache = fixture
        .builder()
        .with_max_staleness(Duration::from_secs(3600));
    cache.build().await.unwrap()
}

#[tokio::test]
async fn an_allowed_staleness_saves_questions_and_ends() {
    let fixture = Fixture::new();
    let cache = stale_for_an_hour(&fixture).await;
    let bytes = noise(1, 1000);
    let (one, two) = (fixture.put(&bytes).await, fixture.put(&bytes).await);
    get(&cache, &one).await;
    until(&cache, |stats| stats.entries == 1).await;
    get(&cache, &one).await;
    get(&cache, &two).await;
    let asked = fixture.store.heads();
    for _ in 0..10 {
        assert!(get(&cache, &one).await == bytes);
    }
    assert_eq!(fixture.store.heads(), asked, "the store is not asked again");
    // Another scope, or another claim, is another question.
    let scope = Scope::Conversation("conv-2".parse().unwrap());
    let foreign = RetrieveOptions::new().with_expected_scope(scope);
    let error = cache.retrieve_opts(&one, foreign).await.unwrap_err();
    assert_eq!(error.kind(), StorageErrorKind::NotFound);
    let forged = one.to_builder().with_size(7).build().unwrap();
    let error = cache.retrieve(&forged).await.unwrap_err();
    assert_eq!(error.kind(), StorageErrorKind::InvalidRef);
    // What this node deletes is gone at once.
    cache.delete(&one).await.unwrap();
    let error = cache.retrieve(&one).await.unwrap_err();
    assert_eq!(error.kind(), StorageErrorKind::NotFound);
    // What another node deletes stays until the time is over, or the cache is cleared.
    get(&cache, &two).await;
    until(&cache, |stats| stats.entries == 1).await;
    get(&cache, &two).await;
    fixture.store.delete(&two).await.unwrap();
    assert!(get(&cache, &two).await == bytes);
    cache.clear().await.unwrap();
    let error = cache.retrieve(&two).await.unwrap_err();
    assert_eq!(error.kind(), StorageErrorKind::NotFound);
}

#[tokio::test]
async fn a_scope_that_this_node_deletes_is_gone_at_once() {
    let fixture = Fixture::new();
    let cache = stale_for_an_hour(&fixture).await;
    let reference = fixture.put(&noise(1, 1000)).await;
    get(&cache, &reference).await;
    until(&cache, |stats| stats.entries == 1).await;
    // Remembered from here on, also where the bytes come from somewhere else.
    get(&cache, &reference).await;
    let scope = Scope::Conversation("conv-1".parse().unwrap());
    let inventory = cache.inventory().unwrap();
    assert_eq!(inventory.delete_scope(scope).await.unwrap().deleted, 1);
    let again = fixture.put(&noise(1, 1000)).await;
    get(&cache, &again).await;
    until(&cache, |stats| stats.entries == 1).await;
    let error = cache.retrieve(&reference).await.unwrap_err();
    assert_eq!(error.kind(), StorageErrorKind::NotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_from_before_a_deletion_is_not_remembered() {
    let fixture = Fixture::new();
    let cache = stale_for_an_hour(&fixture).await;
    let bytes = noise(1, 1000);
    // Both are the same bytes, which stay in the cache.
    let (deleted, kept) = (fixture.put(&bytes).await, fixture.put(&bytes).await);
    get(&cache, &kept).await;
    until(&cache, |stats| stats.entries == 1).await;
    let (arrived, go) = fixture.store.hold_head();
    let (reader, reference) = (cache.clone(), deleted.clone());
    let reading = tokio::spawn(async move { reader.retrieve(&reference).await.map(drop) });
    arrived.await.unwrap();
    cache.delete(&deleted).await.unwrap();
    go.send(()).unwrap();
    // Admitted before, it may be read or not.
    let _ = reading.await.unwrap();
    get(&cache, &kept).await;
    until(&cache, |stats| stats.entries == 1).await;
    let error = cache.retrieve(&deleted).await.unwrap_err();
    assert_eq!(error.kind(), StorageErrorKind::NotFound);
}
