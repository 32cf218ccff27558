//! Sweeps and scope deletions that fail again and again, and stores that race for the same bytes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::join_all;
use media_storage::{
    Inventory as _, MediaStorageExt as _, RetentionPolicy, Scope, StorageErrorKind, SweepOptions,
};
use media_types::Mime;

use super::{Fate, FaultyBucket, Verb, about, holds, is_clean, noise, open, put};

/// All deletions fail from now on; the number of them that were tried.
fn fail_deletions(bucket: &FaultyBucket) -> Arc<AtomicUsize> {
    let tried = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&tried);
    bucket.judge(move |request| {
        if request.verb != Verb::Delete {
            return (Fate::Pass, 0);
        }
        counter.fetch_add(1, Ordering::SeqCst);
        (Fate::FailBefore, 0)
    });
    tried
}

#[tokio::test]
async fn a_sweep_ends_after_many_failures_in_a_row() {
    let bucket = FaultyBucket::new();
    let store = open(&bucket, false).await;
    let metadata = about("conv-1").with_retention(RetentionPolicy::RetainHours(1));
    let stored = join_all(
        (0..300).map(|seed| store.store_bytes(Mime::IMAGE_PNG, noise(seed, 10), metadata.clone())),
    );
    for reference in stored.await {
        reference.unwrap();
    }
    let due = SweepOptions::new().with_now(chrono::Utc::now() + chrono::TimeDelta::hours(2));
    let tried = fail_deletions(&bucket);
    let error = store.sweep(due).await.unwrap_err();
    assert_eq!(error.kind(), StorageErrorKind::Unavailable, "{error:?}");
    let tried = tried.load(Ordering::SeqCst);
    assert!((100..120).contains(&tried), "{tried}");
    bucket.heal();
    assert_eq!(store.sweep(due).await.unwrap().expired, 300);
    is_clean(&store, &bucket).await;
}

#[tokio::test]
async fn a_few_failures_are_counted_and_end_nothing() {
    let bucket = FaultyBucket::new();
    let store = open(&bucket, true).await;
    for seed in 0..60 {
        put(&store, &noise(seed, 10)).await;
    }
    fail_deletions(&bucket);
    let report = store.delete_scope(Scope::All).await.unwrap();
    assert_eq!((report.deleted, report.failed), (0, 60));
    bucket.heal();
    assert_eq!(store.delete_scope(Scope::All).await.unwrap().deleted, 60);
    is_clean(&store, &bucket).await;
}

#[tokio::test]
async fn a_scope_deletion_ends_after_many_failures_in_a_row() {
    let bucket = FaultyBucket::new();
    let store = open(&bucket, true).await;
    for seed in 0..200 {
        put(&store, &noise(seed, 10)).await;
    }
    let tried = fail_deletions(&bucket);
    let error = store.delete_scope(Scope::All).await.unwrap_err();
    assert_eq!(error.kind(), StorageErrorKind::Unavailable, "{error:?}");
    let tried = tried.load(Ordering::SeqCst);
    assert!((100..120).contains(&tried), "{tried}");
}

/// All read that there is no record before any of them writes one.
#[tokio::test]
async fn simultaneous_first_writers_leave_one_copy() {
    let bucket = FaultyBucket::new();
    let stores = join_all((0..5).map(|_| open(&bucket, true))).await;
    let bytes = noise(1, 3000);
    bucket.judge(|request| {
        let waits = request.verb == Verb::Put && request.key.contains("/rec/");
        (Fate::Pass, if waits { 500 } else { 0 })
    });
    let references = join_all(stores.iter().map(|store| put(store, &bytes))).await;
    bucket.heal();
    let is_blob = |name: &String| name.contains("/blob/");
    let blobs: Vec<String> = bucket.names().into_iter().filter(is_blob).collect();
    assert_eq!(blobs.len(), 1, "{blobs:?}");
    for (store, reference) in stores.iter().zip(&references) {
        holds(store, reference, &bytes).await;
    }
    assert_eq!(stores[0].usage(Scope::All).await.unwrap().references, 5);
    for reference in &references {
        stores[0].delete(reference).await.unwrap();
    }
    is_clean(&stores[0], &bucket).await;
}
