//! Duplicates, whose bytes are not read.

use chrono::TimeDelta;
use media_storage::{
    DuplicateOptions, Inventory as _, MediaStorage as _, MediaStorageExt as _, MetadataPatch,
    RetentionPolicy, Scope, StorageErrorKind,
};
use media_types::Mime;
use object_store::ObjectStoreExt as _;
use object_store::path::Path;

use super::super::{Fate, FaultyBucket, Verb, about, full, holds, is_gone, noise};
use super::{is_clean, of_user, open, put_for};

const LEN: usize = 100_000;

#[tokio::test]
async fn a_duplicate_moves_no_bytes_and_does_not_need_its_source() {
    for deduplication in [true, false] {
        let bucket = FaultyBucket::new();
        let store = open(&bucket, deduplication).await;
        let metadata = of_user("conv-1", "user-1").with_retention(RetentionPolicy::RetainDays(2));
        let stored = store.store_bytes(Mime::IMAGE_PNG, noise(1, LEN), metadata);
        let source = stored.await.unwrap();
        // Another process, which has confirmed nothing.
        let store = open(&bucket, deduplication).await;
        bucket.take_requests();
        let to = of_user("conv-2", "user-2").with_retention(RetentionPolicy::RetainDays(9));
        let options = DuplicateOptions::new(to);
        let copy = store.duplicate(&source, options).await.unwrap();
        let requests = bucket.take_requests();
        assert!(
            requests.iter().all(|request| request.body < 2000),
            "{requests:#?}"
        );
        let read = requests.iter().filter(|request| request.verb == Verb::Get);
        let read: Vec<_> = read.filter(|request| request.key == source.id()).collect();
        assert!(read.is_empty(), "{read:#?}");
        assert!(requests.len() <= 12, "{requests:#?}");
        let head = store.head(&copy).await.unwrap();
        assert_eq!(head.metadata.user().unwrap().as_str(), "user-2");
        // It expires no later than its source.
        assert!(head.expires_at().unwrap() - chrono::Utc::now() < TimeDelta::days(3));
        store.delete(&source).await.unwrap();
        store.sweep(full()).await.unwrap();
        holds(&store, &copy, &noise(1, LEN)).await;
        assert_eq!(store.usage(Scope::All).await.unwrap().blobs, 1);
        let user = Scope::User("user-2".parse().unwrap());
        assert_eq!(store.delete_scope(user).await.unwrap().deleted, 1);
        is_gone(&store, &copy).await;
        is_clean(&store, &bucket).await;
    }
}

#[tokio::test]
async fn only_media_of_the_expected_scope_is_duplicated() {
    for deduplication in [true, false] {
        let bucket = FaultyBucket::new();
        let store = open(&bucket, deduplication).await;
        let source = put_for(&store, 1, about("conv-1")).await;
        let names = bucket.names();
        let scope = Scope::Conversation("conv-2".parse().unwrap());
        let options = DuplicateOptions::new(about("conv-2")).with_expected_scope(scope);
        let error = store.duplicate(&source, options).await.unwrap_err();
        assert_eq!(error.kind(), StorageErrorKind::NotFound);
        assert_eq!(bucket.names(), names);
        store.delete(&source).await.unwrap();
        let options = DuplicateOptions::new(about("conv-2"));
        let error = store.duplicate(&source, options).await.unwrap_err();
        assert_eq!(error.kind(), StorageErrorKind::NotFound);
    }
}

/// The source is deleted, and its bytes are collected, while it is duplicated: the copy exists with its
/// bytes, or not at all.
#[tokio::test]
async fn a_duplicate_of_what_is_deleted_at_the_same_time_is_whole_or_absent() {
    for deduplication in [true, false] {
        let (mut made, mut missed) = (0, 0);
        for seed in 0..60 {
            let bucket = FaultyBucket::new();
            let store = open(&bucket, deduplication).await;
            let source = put_for(&store, 1, about("conv-1")).await;
            let mut turn = seed;
            bucket.judge(move |_| {
                turn = (turn * 29 + 7) % 101;
                (Fate::Pass, turn % 9)
            });
            let options = DuplicateOptions::new(about("conv-2"));
            let conversation = Scope::Conversation("conv-1".parse().unwrap());
            let (copied, deleted) = tokio::join!(
                store.duplicate(&source, options),
                store.delete_scope(conversation)
            );
            bucket.heal();
            assert_eq!(deleted.unwrap().failed, 0);
            match copied {
                Ok(copy) => {
                    holds(&store, &copy, &noise(1, 1000)).await;
                    made += 1;
                }
                Err(error) => {
                    assert_eq!(error.kind(), StorageErrorKind::NotFound, "{error:?}");
                    missed += 1;
                }
            }
            is_clean(&store, &bucket).await;
        }
        println!("{made} copies were made, {missed} were not");
    }
}

/// The bytes keep the headers that they were stored with, which allow caching.
#[tokio::test]
async fn a_duplicate_of_media_that_expires_since_an_update_has_headers_of_its_own() {
    let bucket = FaultyBucket::new();
    let store = open(&bucket, false).await;
    let brief = RetentionPolicy::RetainHours(1);
    let source = put_for(&store, 1, about("conv-1")).await;
    let patch = MetadataPatch::new().with_retention(brief);
    store.update(&source, patch).await.unwrap();
    let options = DuplicateOptions::new(about("conv-2"));
    let copy = store.duplicate(&source, options).await.unwrap();
    let stored = put_for(&store, 2, about("conv-2").with_retention(brief)).await;
    let mut headers = Vec::new();
    for reference in [&copy, &stored] {
        let path = Path::parse(reference.id()).unwrap();
        headers.push(bucket.inner().get(&path).await.unwrap().attributes);
    }
    assert_eq!(headers.first(), headers.last());
    holds(&store, &copy, &noise(1, 1000)).await;
}
