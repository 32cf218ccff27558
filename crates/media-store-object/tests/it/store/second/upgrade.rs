//! Media of the first protocol in a store of the second.

use media_storage::{Inventory as _, MediaStorageExt as _, RetentionPolicy, Scope, SweepOptions};

use super::super::{FaultyBucket, about, full, holds, is_gone, listed, noise};
use super::{is_clean, of_user, open, put_for};

#[tokio::test]
async fn media_of_the_first_protocol_is_read_deleted_and_collected() {
    for deduplication in [true, false] {
        let bucket = FaultyBucket::new();
        let before = super::super::open(&bucket, deduplication).await;
        assert!(!before.refuses_late_writes());
        let mut old = Vec::new();
        for seed in 0..6 {
            old.push(put_for(&before, seed, of_user("conv-1", "user-1")).await);
        }
        let expiring = about("conv-1").with_retention(RetentionPolicy::RetainHours(1));
        put_for(&before, 9, expiring).await;
        let store = open(&bucket, deduplication).await;
        for (seed, reference) in old.iter().enumerate() {
            holds(&store, reference, &noise(seed as u64, 1000)).await;
        }
        // Never shared between the protocols.
        let new = put_for(&store, 0, of_user("conv-2", "user-1")).await;
        store.delete(&old[0]).await.unwrap();
        is_gone(&store, &old[0]).await;
        for _ in 0..2 {
            let report = store.sweep(full()).await.unwrap();
            assert_eq!((report.failed, report.orphans), (0, 0));
        }
        holds(&store, &new, &noise(0, 1000)).await;
        for (seed, reference) in old.iter().enumerate().skip(1) {
            holds(&store, reference, &noise(seed as u64, 1000)).await;
        }
        assert_eq!(listed(&store).await.len(), 7);
        let due = chrono::Utc::now() + chrono::TimeDelta::hours(2);
        let report = store
            .sweep(SweepOptions::new().with_now(due))
            .await
            .unwrap();
        assert_eq!(report.expired, 1);
        let scope = Scope::User("user-1".parse().unwrap());
        assert_eq!(store.usage(scope.clone()).await.unwrap().references, 6);
        assert_eq!(store.delete_scope(scope).await.unwrap().deleted, 6);
        is_clean(&store, &bucket).await;
    }
}

/// One process of the first protocol stores and deletes beside one of the second. It sees media of
/// the second as damaged, and leaves it alone.
#[tokio::test]
async fn one_process_of_each_protocol_work_beside_each_other() {
    let bucket = FaultyBucket::new();
    let old = super::super::open(&bucket, true).await;
    let new = open(&bucket, true).await;
    let mut kept = Vec::new();
    for seed in 0..20 {
        let of_old = put_for(&old, seed % 4, about("conv-1")).await;
        let of_new = put_for(&new, seed % 4, about("conv-1")).await;
        let error = old.retrieve(&of_new).await.unwrap_err();
        assert_eq!(error.kind(), media_storage::StorageErrorKind::Corrupted);
        holds(&new, &of_old, &noise(seed % 4, 1000)).await;
        if seed % 3 == 0 {
            old.delete(&of_old).await.unwrap();
            new.delete(&of_new).await.unwrap();
            is_gone(&new, &of_old).await;
        } else {
            kept.push((of_old, of_new, seed % 4));
        }
        if seed % 5 == 0 {
            new.sweep(full()).await.unwrap();
            old.sweep(SweepOptions::new()).await.unwrap();
        }
    }
    for (of_old, of_new, seed) in &kept {
        holds(&old, of_old, &noise(*seed, 1000)).await;
        holds(&new, of_new, &noise(*seed, 1000)).await;
    }
    is_clean(&new, &bucket).await;
}
