//! Media of the first protocol in a store of the second.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use media_storage::{Inventory as _, MediaStorageExt as _, RetentionPolicy, Scope, SweepOptions};

use super::super::{Fate, FaultyBucket, Verb, about, full, holds, is_gone, listed, noise};
use super::{is_clean, objects, of_user, open, put_for, traces};

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

/// Processes of both protocols store and delete media of a user beside each other, and one of their writes arrives once
/// more: any of the second after the user was deleted, any of the first before, since that one refuses none.
#[tokio::test]
async fn of_a_user_of_both_protocols_nothing_is_left_but_records_of_the_first() {
    for (deduplication, of_first) in [(true, true), (true, false), (false, true), (false, false)] {
        let mut late = 0;
        while leaves_records_of_the_first(deduplication, of_first, late).await {
            late += 1;
        }
        assert!(late >= 12, "{late}");
    }
}

/// Returns whether there were so many writes.
async fn leaves_records_of_the_first(deduplication: bool, of_first: bool, late: usize) -> bool {
    let what = format!("deduplication {deduplication}, of the first {of_first}, write {late}");
    let first = FaultyBucket::new();
    let second = first.beside();
    let old = super::super::open(&first, deduplication).await;
    let new = open(&second, deduplication).await;
    let kept = put_for(&new, 0, of_user("conv-kept", "user-kept")).await;
    let reached = copy_write(if of_first { &first } else { &second }, late);
    let (mut all, mut hashes) = (Vec::new(), Vec::new());
    for seed in 1..4 {
        for store in [&old, &new] {
            let metadata = of_user("conv-secret", "user-secret");
            let metadata = metadata.with_retention(RetentionPolicy::RetainHours(5));
            all.push(put_for(store, seed, metadata).await);
        }
        hashes.push(all[all.len() - 1].sha256().unwrap().to_hex());
    }
    old.delete(&all[0]).await.unwrap();
    new.delete(&all[1]).await.unwrap();
    new.delete(&all[2]).await.unwrap();
    if of_first {
        first.settle().await;
    }
    let scope = Scope::User("user-secret".parse().unwrap());
    let report = new.delete_scope(scope.clone()).await.unwrap();
    assert_eq!((report.failed, report.held), (0, 0), "{what}: {report:?}");
    second.settle().await;
    first.heal();
    second.heal();
    new.sweep(full()).await.unwrap();
    for reference in &all {
        is_gone(&new, reference).await;
    }
    assert_eq!(listed(&new).await.len(), 1, "{what}");
    assert_eq!(new.usage(scope).await.unwrap().references, 0, "{what}");
    // Tombstones, whose names contain ids, stay for seven days.
    second.age(chrono::TimeDelta::days(8));
    new.sweep(full()).await.unwrap();
    let left = traces(&second, &["conv-secret", "user-secret"]).await;
    assert!(left.is_empty(), "{what}: {left:#?}");
    let bytes: Vec<_> = (1..4).map(|seed| noise(seed, 1000)).collect();
    let left = objects(&second).await;
    assert!(!left.values().any(|body| bytes.contains(body)), "{what}");
    let hashes: Vec<&str> = hashes.iter().map(String::as_str).collect();
    let mut left = traces(&second, &hashes).await;
    left.retain(|name| !name.starts_with(".store/v1/rec/"));
    assert!(left.is_empty(), "{what}: {left:#?}");
    holds(&new, &kept, &noise(0, 1000)).await;
    reached.load(Ordering::SeqCst)
}

/// From now on, one of the writes happens again some time later. Returns whether it was reached.
fn copy_write(bucket: &FaultyBucket, number: usize) -> Arc<AtomicBool> {
    let reached = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&reached);
    let mut seen = 0;
    bucket.judge(move |request| {
        if !matches!(request.verb, Verb::Put | Verb::Delete) {
            return (Fate::Pass, 0);
        }
        seen += 1;
        if seen != number + 1 {
            return (Fate::Pass, 0);
        }
        flag.store(true, Ordering::SeqCst);
        (Fate::Copied, 0)
    });
    reached
}
