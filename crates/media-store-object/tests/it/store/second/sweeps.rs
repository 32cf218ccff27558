//! Full sweeps by listings: everything that is lost, left or damaged is found.

use media_storage::{Inventory as _, MediaStorageExt as _, RetentionPolicy, Scope, SweepOptions};
use media_types::Mime;
use object_store::ObjectStoreExt as _;
use object_store::path::Path;

use super::super::{Fate, FaultyBucket, about, full, holds, is_gone, listed, noise};
use super::{is_clean, of_user, open, put_for};

async fn remove(bucket: &FaultyBucket, part: &str) {
    let path = bucket.name_with(part);
    bucket.inner().delete(&path).await.unwrap();
}

#[tokio::test]
async fn a_lost_sidecar_is_restored_and_a_lost_marker_ends_the_reference() {
    let bucket = FaultyBucket::new();
    let store = open(&bucket, true).await;
    let reference = put_for(&store, 1, about("conv-1")).await;
    let other = put_for(&store, 2, about("conv-1")).await;
    let sidecar = Path::parse(format!("{}.meta", reference.id())).unwrap();
    bucket.inner().delete(&sidecar).await.unwrap();
    store.sweep(full()).await.unwrap();
    assert!(bucket.names().contains(&sidecar.to_string()));
    holds(&store, &reference, &noise(1, 1000)).await;
    assert_eq!(listed(&store).await.len(), 2);

    let token = other.file_name().split(['-', '.']).nth(1).unwrap();
    remove(&bucket, &format!("/{token}")).await;
    is_gone(&store, &other).await;
    let report = store.sweep(full()).await.unwrap();
    assert_eq!((report.orphans, report.failed), (1, 0));
    holds(&store, &reference, &noise(1, 1000)).await;
    is_clean(&store, &bucket).await;
}

#[tokio::test]
async fn lost_hints_and_entries_are_written_again_and_idle_ones_removed() {
    for deduplication in [true, false] {
        let bucket = FaultyBucket::new();
        let store = open(&bucket, deduplication).await;
        let metadata = of_user("conv-1", "user-1").with_retention(RetentionPolicy::RetainHours(1));
        put_for(&store, 1, metadata.clone()).await;
        let (hint, entry) = (bucket.name_with("/expiry/"), bucket.name_with("/v2/user/"));
        for lost in [&hint, &entry] {
            bucket.inner().delete(lost).await.unwrap();
        }
        store.sweep(full()).await.unwrap();
        assert_eq!(bucket.name_with("/expiry/"), hint);
        assert_eq!(bucket.name_with("/v2/user/"), entry);
        let idle = entry.to_string().replace("conv-1", "conv-9");
        let idle = Path::parse(idle).unwrap();
        bucket.inner().put(&idle, Vec::new().into()).await.unwrap();
        store.sweep(full()).await.unwrap();
        assert_eq!(bucket.name_with("/v2/user/"), entry);
        let due = chrono::Utc::now() + chrono::TimeDelta::hours(2);
        let report = store
            .sweep(SweepOptions::new().with_now(due))
            .await
            .unwrap();
        assert_eq!((report.expired, report.freed_bytes), (1, 1000));
        is_clean(&store, &bucket).await;
    }
}

#[tokio::test]
async fn leftovers_of_stores_that_died_go() {
    for deduplication in [true, false] {
        for k in 0..10 {
            let bucket = FaultyBucket::new();
            let store = open(&bucket, deduplication).await;
            let kept = put_for(&store, 2, about("conv-1")).await;
            let mut seen = 0;
            bucket.judge(move |_| {
                seen += 1;
                (
                    if seen > k {
                        Fate::FailBefore
                    } else {
                        Fate::Pass
                    },
                    0,
                )
            });
            let metadata = of_user("conv-1", "user-1");
            let bytes = noise(1, 3000);
            let stored = store
                .store_bytes(Mime::IMAGE_PNG, bytes.clone(), metadata)
                .await;
            bucket.heal();
            let young = SweepOptions::new().with_depth(media_storage::SweepDepth::Full);
            let before = bucket.names();
            store.sweep(young).await.unwrap();
            let after = bucket.names();
            assert!(before.iter().all(|name| after.contains(name)));
            let report = store.sweep(full()).await.unwrap();
            assert_eq!(report.failed, 0);
            holds(&store, &kept, &noise(2, 1000)).await;
            match stored {
                Ok(reference) => holds(&store, &reference, &bytes).await,
                Err(_) => {
                    let entries = listed(&store).await;
                    assert!(entries.len() <= 2, "{entries:?}");
                }
            }
            let usage = store.usage(Scope::All).await.unwrap();
            assert_eq!(usage.blobs, usage.references, "{usage:?}");
            is_clean(&store, &bucket).await;
        }
    }
}

#[tokio::test]
async fn tombstones_stay_for_seven_days() {
    let bucket = FaultyBucket::new();
    let store = open(&bucket, true).await;
    put_for(&store, 1, about("conv-2")).await;
    let reference = put_for(&store, 1, about("conv-1")).await;
    store.delete(&reference).await.unwrap();
    let sidecar = format!("{}.meta", reference.id());
    bucket.age(chrono::TimeDelta::days(6));
    store.sweep(full()).await.unwrap();
    assert!(bucket.names().contains(&sidecar));
    bucket.age(chrono::TimeDelta::days(8));
    store.sweep(full()).await.unwrap();
    assert!(!bucket.names().contains(&sidecar));
    let markers = bucket
        .names()
        .into_iter()
        .filter(|name| name.contains("/ref/"));
    assert_eq!(markers.count(), 1);
    is_clean(&store, &bucket).await;
}

#[tokio::test]
async fn listings_in_no_order_change_nothing() {
    for deduplication in [true, false] {
        let bucket = FaultyBucket::new();
        bucket.list_unordered();
        let store = open(&bucket, deduplication).await;
        let mut kept = Vec::new();
        for n in 0..30 {
            kept.push((put_for(&store, n, of_user("conv-1", "user-1")).await, n));
        }
        for (reference, _) in kept.split_off(20) {
            store.delete(&reference).await.unwrap();
        }
        let report = store.sweep(full()).await.unwrap();
        assert_eq!((report.failed, report.orphans), (0, 0), "{report:?}");
        let usage = store.usage(Scope::All).await.unwrap();
        assert_eq!((usage.references, usage.blobs), (20, 20), "{usage:?}");
        assert_eq!(usage.logical_bytes, 20_000);
        assert_eq!(listed(&store).await.len(), 20);
        for (reference, n) in &kept {
            holds(&store, reference, &noise(*n, 1000)).await;
        }
        is_clean(&store, &bucket).await;
    }
}
