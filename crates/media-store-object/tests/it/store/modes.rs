//! Stores that differ in how they were opened, on one bucket; services that cannot do everything.

use std::sync::Arc;

use media_storage::{
    Inventory as _, MediaStorage as _, MediaStorageExt as _, Scope, StorageErrorKind,
};
use media_store_object::ObjectMediaStore;
use media_types::Mime;
use object_store::prefix::PrefixStore;

use super::{FaultyBucket, about, full, holds, is_clean, is_gone, listed, noise, open, put};

#[tokio::test]
async fn each_reads_and_deletes_what_the_other_stored() {
    let bucket = FaultyBucket::new();
    let (sharing, single) = (open(&bucket, true).await, open(&bucket, false).await);
    let bytes = noise(1, 3000);
    let shared = [put(&sharing, &bytes).await, put(&sharing, &bytes).await];
    let own = [put(&single, &bytes).await, put(&single, &bytes).await];
    for store in [&sharing, &single] {
        for reference in shared.iter().chain(&own) {
            holds(store, reference, &bytes).await;
        }
        assert_eq!(listed(store).await.len(), 4);
        let usage = store.usage(Scope::All).await.unwrap();
        assert_eq!((usage.references, usage.blobs), (4, 3));
        assert_eq!((usage.logical_bytes, usage.stored_bytes), (12_000, 9000));
        store.sweep(full()).await.unwrap();
    }
    assert_eq!(single.usage(Scope::All).await.unwrap().copies, 0);
    assert_eq!(sharing.usage(Scope::All).await.unwrap().copies, 2);
    single.delete(&shared[0]).await.unwrap();
    sharing.delete(&own[0]).await.unwrap();
    for store in [&sharing, &single] {
        is_gone(store, &shared[0]).await;
        is_gone(store, &own[0]).await;
        holds(store, &shared[1], &bytes).await;
        holds(store, &own[1], &bytes).await;
    }
    single.delete_scope(Scope::All).await.unwrap();
    is_clean(&single, &bucket).await;
}

#[tokio::test]
async fn listings_in_no_order_change_nothing() {
    let bucket = FaultyBucket::new();
    bucket.list_unordered();
    let store = open(&bucket, true).await;
    let single = open(&bucket, false).await;
    let mut kept = Vec::new();
    for n in 0..40 {
        let bytes = noise(n % 7, 100 + (n % 7) as usize);
        kept.push((put(&store, &bytes).await, bytes.clone()));
        kept.push((put(&single, &bytes).await, bytes));
    }
    let usage = store.usage(Scope::All).await.unwrap();
    assert_eq!((usage.references, usage.blobs), (80, 47));
    let gone = kept.split_off(20);
    for (reference, _) in &gone {
        store.delete(reference).await.unwrap();
    }
    let dry = store.sweep(full().with_dry_run()).await.unwrap();
    let report = store.sweep(full()).await.unwrap();
    assert_eq!((dry, report.failed), (report, 0));
    for (reference, bytes) in &kept {
        holds(&store, reference, bytes).await;
    }
    assert_eq!(listed(&store).await.len(), 20);
    assert_eq!(store.delete_scope(Scope::All).await.unwrap().deleted, 20);
    is_clean(&store, &bucket).await;
}

#[tokio::test]
async fn what_cannot_be_built_says_why() {
    let builder = || ObjectMediaStore::builder().with_object_store(Arc::new(FaultyBucket::new()));
    for (refused, word) in [
        (ObjectMediaStore::builder(), "URL"),
        (builder().with_url("s3://bucket"), "object store"),
        (builder().with_part_size(1 << 20), "5 MiB"),
        (builder().with_parts_in_flight(0), "part"),
        (builder().with_name("a/b"), "name"),
    ] {
        let error = refused.build().await.unwrap_err();
        assert_eq!(error.kind(), StorageErrorKind::Config, "{error}");
        assert!(error.to_string().contains(word), "{error}");
    }
}

#[tokio::test]
async fn keys_are_under_the_prefix_and_as_documented() {
    let bucket = FaultyBucket::new();
    let store = ObjectMediaStore::builder()
        .with_object_store(Arc::new(PrefixStore::new(bucket.clone(), "tenant-1")))
        .with_deduplication(true)
        .with_name("eu-1")
        .build()
        .await
        .unwrap();
    let metadata = about("../conv").with_session("a b".parse().unwrap());
    let reference = store.store_bytes(Mime::IMAGE_PNG, noise(1, 10), metadata);
    let reference = reference.await.unwrap();
    assert!(reference.id().starts_with("a%20b/%2E.%2Fconv/"));
    assert_eq!(reference.store_name(), store.name());
    let names = bucket.names();
    assert!(names.iter().all(|name| name.starts_with("tenant-1/")));
    assert!(names.contains(&format!("tenant-1/{}.meta", reference.id())));
}

/// A stream that is to be shared and is longer than a part goes by a temporary file.
#[tokio::test]
async fn a_spool_that_cannot_be_is_told() {
    let bucket = FaultyBucket::new();
    let directory = tempfile::tempdir().unwrap();
    let spool = directory.path().join("spool");
    let store = ObjectMediaStore::builder()
        .with_object_store(Arc::new(bucket.clone()))
        .with_deduplication(true)
        .with_spool_directory(&spool)
        .build()
        .await
        .unwrap();
    let bytes = noise(1, 9 * super::MIB);
    let upload = || {
        let body = futures_util::stream::iter([Ok(bytes.clone())]);
        let body = media_storage::MediaBody::from_stream(None, body);
        media_storage::MediaUpload::new(Mime::IMAGE_PNG, body, about("conv-1"))
    };
    let error = store.store(upload()).await.unwrap_err();
    assert_eq!(error.kind(), StorageErrorKind::Config, "{error}");
    assert!(error.to_string().contains("temporary file"), "{error}");
    std::fs::create_dir(&spool).unwrap();
    let reference = store.store(upload()).await.unwrap();
    holds(&store, &reference, &bytes).await;
    assert_eq!(std::fs::read_dir(&spool).unwrap().count(), 0);
    store.delete(&reference).await.unwrap();
    is_clean(&store, &bucket).await;
}
