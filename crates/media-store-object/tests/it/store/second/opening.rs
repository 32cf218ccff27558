//! Opening a bucket by the second protocol: its key, its description.

use std::collections::BTreeMap;

use bytes::Bytes;
use media_storage::{MediaStorageExt as _, StorageErrorKind};
use object_store::ObjectStoreExt as _;
use object_store::path::Path;

use super::super::{Fate, FaultyBucket, Verb, holds, noise, put};
use super::{builder, objects, open};

/// What describes a store.
const OF_STORE: [&str; 2] = [".store/format.json", ".store/v2/key"];

async fn description(bucket: &FaultyBucket) -> BTreeMap<String, Bytes> {
    let mut objects = objects(bucket).await;
    objects.retain(|name, _| OF_STORE.contains(&name.as_str()));
    objects
}

#[tokio::test]
async fn the_bucket_decides_by_which_protocol_it_is_used() {
    let bucket = FaultyBucket::new();
    let store = open(&bucket, true).await;
    let bytes = noise(1, 500);
    let reference = put(&store, &bytes).await;
    let unaware = super::super::open(&bucket, true).await;
    assert!(unaware.refuses_late_writes());
    holds(&unaware, &reference, &bytes).await;
    unaware.delete(&reference).await.unwrap();
    assert!(store.retrieve(&reference).await.is_err());
    assert!(!bucket.names().iter().any(|name| name.contains("/v1/")));
}

#[tokio::test]
async fn only_an_empty_store_is_taken_for_one_whose_index_is_complete() {
    let is_noted = |bucket: &FaultyBucket| {
        bucket
            .names()
            .iter()
            .any(|name| name.ends_with("user-complete"))
    };
    let empty = FaultyBucket::new();
    // What a process that died while it opened the store has left.
    let probe = Path::from(".store/v1/probe/left");
    empty.inner().put(&probe, "x".into()).await.unwrap();
    open(&empty, true).await;
    assert!(is_noted(&empty));
    let used = FaultyBucket::new();
    let earlier = Path::from("media/conv-1/something.png");
    used.inner().put(&earlier, "x".into()).await.unwrap();
    open(&used, true).await;
    assert!(!is_noted(&used));
    // One that opens it later does not know either.
    open(&used, true).await;
    assert!(!is_noted(&used));
}

#[tokio::test]
async fn a_missing_or_other_key_is_an_error_at_opening() {
    let bucket = FaultyBucket::new();
    open(&bucket, true).await;
    let error = builder(&bucket, true).with_name_key([7; 32]).build().await;
    let error = error.unwrap_err();
    assert_eq!(error.kind(), StorageErrorKind::Config);
    assert!(error.to_string().contains("is not the one"), "{error}");
    let key = Path::from(".store/v2/key");
    bucket.inner().delete(&key).await.unwrap();
    let error = builder(&bucket, true).build().await.unwrap_err();
    assert_eq!(error.kind(), StorageErrorKind::Config);
    assert!(error.to_string().contains("is missing"), "{error}");
    assert!(
        !bucket.names().contains(&key.to_string()),
        "no other key is made"
    );
}

#[tokio::test]
async fn an_operator_keeps_the_key() {
    let bucket = FaultyBucket::new();
    let store = builder(&bucket, true).with_name_key([7; 32]);
    let reference = put(&store.clone().build().await.unwrap(), &noise(1, 500)).await;
    assert!(!bucket.names().iter().any(|name| name == ".store/v2/key"));
    holds(&store.build().await.unwrap(), &reference, &noise(1, 500)).await;
    assert!(builder(&bucket, true).build().await.is_err());
}

#[tokio::test]
async fn many_nodes_that_open_a_new_bucket_agree_on_its_key() {
    let bucket = FaultyBucket::new();
    bucket.judge(|_| (super::super::Fate::Pass, 3));
    let opened = futures_util::future::join_all((0..6).map(|_| open(&bucket, true))).await;
    bucket.heal();
    let bytes = noise(1, 500);
    for store in &opened {
        put(store, &bytes).await;
    }
    let blobs = bucket
        .names()
        .into_iter()
        .filter(|name| name.contains("/blob/"));
    assert_eq!(blobs.count(), 1);
}

/// A credential that may put, and not get, is told so: what it cannot see may exist.
#[tokio::test]
async fn a_key_that_cannot_be_read_is_never_replaced() {
    for conditional in [true, false] {
        let bucket = FaultyBucket::new();
        let bytes = noise(1, 500);
        let reference = put(&open(&bucket, false).await, &bytes).await;
        let before = description(&bucket).await;
        assert_eq!(before.len(), 2);
        if !conditional {
            bucket.ignore_conditions_of("");
        }
        bucket.judge(|request| {
            let hidden = request.verb == Verb::Get && OF_STORE.contains(&request.key.as_str());
            let fate = if hidden { Fate::Refused } else { Fate::Pass };
            (fate, 0)
        });
        for given in [false, true] {
            let mut blind = builder(&bucket, false);
            if given {
                blind = blind.with_name_key([7; 32]);
            }
            let error = blind.build().await.unwrap_err();
            assert_eq!(error.kind(), StorageErrorKind::Permission, "{error}");
            assert_eq!(description(&bucket).await, before, "{conditional} {given}");
        }
        bucket.heal();
        // A bucket that is described is used by the second protocol whatever the service supports.
        let store = builder(&bucket, false).build().await.unwrap();
        assert_eq!(store.refuses_late_writes(), conditional);
        holds(&store, &reference, &bytes).await;
    }
}

/// Nodes that open a new bucket at once could not agree on a key that one of them makes.
#[tokio::test]
async fn without_conditional_writes_a_new_bucket_needs_a_key_that_is_given() {
    for given in [false, true] {
        let bucket = FaultyBucket::new();
        bucket.ignore_conditions_of("");
        bucket.judge(|_| (Fate::Pass, 3));
        let mut opening = builder(&bucket, true);
        if given {
            opening = opening.with_name_key([7; 32]);
        }
        let opened = futures_util::future::join_all((0..6).map(|_| opening.clone().build())).await;
        bucket.heal();
        let names: Vec<_> = description(&bucket).await.into_keys().collect();
        let described = if given { &OF_STORE[..1] } else { &[] };
        assert_eq!(names, described);
        let bytes = noise(1, 500);
        let opened: Vec<_> = opened.into_iter().map(Result::unwrap).collect();
        for store in &opened {
            assert!(!store.refuses_late_writes() && !store.is_deduplicating());
            let reference = put(store, &bytes).await;
            for other in &opened {
                holds(other, &reference, &bytes).await;
            }
        }
    }
}
