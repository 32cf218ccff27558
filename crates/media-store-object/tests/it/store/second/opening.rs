//! Opening a bucket by the second protocol: its key, its description.

use media_storage::{MediaStorageExt as _, StorageErrorKind};
use object_store::ObjectStoreExt as _;
use object_store::path::Path;

use super::super::{FaultyBucket, holds, noise, put};
use super::{builder, open};

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
