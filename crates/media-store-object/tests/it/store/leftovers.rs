//! What writers that stopped in the middle leave, and what sweeps make of it.

use std::time::Duration;

use futures_util::FutureExt as _;
use media_storage::{
    Inventory as _, MediaStorageExt as _, RetentionPolicy, SweepDepth, SweepOptions,
};
use media_types::Mime;
use object_store::ObjectStoreExt as _;
use object_store::path::Path;

use super::{Fate, FaultyBucket, about, full, holds, is_clean, listed, noise, open, put};

/// Everything after the k-th request fails, as after the end of the process.
fn stop_after(bucket: &FaultyBucket, k: usize) {
    let mut n = 0;
    bucket.judge(move |_| {
        n += 1;
        (if n > k { Fate::FailBefore } else { Fate::Pass }, 0)
    });
}

#[tokio::test]
async fn leftovers_go_after_the_grace_and_in_one_sweep() {
    let bytes = noise(1, 3000);
    for deduplication in [true, false] {
        for k in 1..6 {
            let bucket = FaultyBucket::new();
            let store = open(&bucket, deduplication).await;
            let kept = put(&store, &noise(2, 100)).await;
            stop_after(&bucket, k);
            let metadata = about("conv-1").with_retention(RetentionPolicy::RetainHours(1));
            let stored = store.store_bytes(Mime::IMAGE_PNG, bytes.clone(), metadata);
            let stored = stored.await;
            bucket.heal();
            let before = bucket.names();
            let young = SweepOptions::new().with_depth(SweepDepth::Full);
            let report = store.sweep(young).await.unwrap();
            assert_eq!((report.orphans, report.staging, report.blobs), (0, 0, 0));
            let after = bucket.names();
            let kept_all = before.iter().all(|name| after.contains(name));
            assert!(kept_all, "within the grace nothing goes");
            let dry = store.sweep(full().with_dry_run()).await.unwrap();
            assert_eq!(bucket.names(), after);
            let report = store.sweep(full()).await.unwrap();
            assert_eq!(dry, report, "after {k} requests");
            holds(&store, &kept, &noise(2, 100)).await;
            match &stored {
                Ok(reference) => store.delete(reference).await.unwrap(),
                Err(_) => assert_eq!(listed(&store).await.len(), 1, "after {k} requests"),
            }
            store.delete(&kept).await.unwrap();
            is_clean(&store, &bucket).await;
        }
    }
}

#[tokio::test]
async fn media_without_sidecar_goes_after_the_grace() {
    let bucket = FaultyBucket::new();
    let store = open(&bucket, false).await;
    let reference = put(&store, &noise(1, 3000)).await;
    let sidecar = Path::parse(format!("{}.meta", reference.id())).unwrap();
    bucket.inner().delete(&sidecar).await.unwrap();
    let young = full().with_grace(Duration::from_secs(60));
    assert_eq!(store.sweep(young).await.unwrap().freed_bytes, 0);
    let report = store.sweep(full()).await.unwrap();
    assert_eq!((report.staging, report.freed_bytes), (1, 3000));
    is_clean(&store, &bucket).await;
}

/// The service stamps objects with another time than that of this process: the grace goes by the
/// service.
#[tokio::test]
async fn a_clock_that_is_far_off_cuts_no_grace() {
    for (deduplication, requests) in [(true, 3), (false, 1)] {
        for hours in [-100, 0, 100] {
            let bucket = FaultyBucket::new();
            let store = open(&bucket, deduplication).await;
            let kept = put(&store, &noise(2, 100)).await;
            stop_after(&bucket, requests);
            let stored = store.store_bytes(Mime::IMAGE_PNG, noise(1, 3000), about("conv-1"));
            stored.await.unwrap_err();
            bucket.heal();
            bucket.set_clock(chrono::TimeDelta::hours(hours));
            let before = bucket.names();
            let young = SweepOptions::new().with_depth(SweepDepth::Full);
            store.sweep(young).await.unwrap();
            assert_eq!(bucket.names(), before, "{hours} hours off");
            store.sweep(full()).await.unwrap();
            assert!(bucket.names().len() < before.len(), "{hours} hours off");
            holds(&store, &kept, &noise(2, 100)).await;
            store.delete(&kept).await.unwrap();
            is_clean(&store, &bucket).await;
        }
    }
}

#[tokio::test]
async fn lost_hints_are_made_again() {
    let bucket = FaultyBucket::new();
    let store = open(&bucket, true).await;
    let metadata = about("conv-1").with_retention(RetentionPolicy::RetainHours(1));
    let stored = store.store_bytes(Mime::IMAGE_PNG, noise(1, 100), metadata);
    let reference = stored.await.unwrap();
    let hint = bucket.name_with("/expiry/");
    bucket.inner().delete(&hint).await.unwrap();
    let due = chrono::Utc::now() + chrono::TimeDelta::hours(2);
    let report = store
        .sweep(SweepOptions::new().with_now(due))
        .await
        .unwrap();
    assert_eq!(report.expired, 0, "nothing leads there");
    store.sweep(full()).await.unwrap();
    assert_eq!(bucket.name_with("/expiry/"), hint);
    let report = store
        .sweep(SweepOptions::new().with_now(due))
        .await
        .unwrap();
    assert_eq!((report.expired, report.freed_bytes), (1, 100));
    assert!(store.retrieve(&reference).now_or_never().unwrap().is_err());
    is_clean(&store, &bucket).await;
}
