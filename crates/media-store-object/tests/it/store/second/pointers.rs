//! Hints and index entries of media that goes from one user, or hour, to another.

use chrono::TimeDelta;
use media_storage::{
    Inventory as _, MediaStorage as _, MetadataPatch, RetentionPolicy, Scope, SweepOptions,
};
use media_types::StorageReference;
use object_store::path::Path;
use object_store::{ObjectStoreExt as _, PutPayload};

use super::super::{Fate, FaultyBucket, Verb, full, holds, is_gone, noise};
use super::imports::{elsewhere_with, import};
use super::{ObjectMediaStore, is_clean, of_user, open, put_for};

fn user(user: &str) -> Scope {
    Scope::User(user.parse().unwrap())
}

fn names(bucket: &FaultyBucket, part: &str) -> Vec<String> {
    let mut names = bucket.names();
    names.retain(|name| name.contains(part));
    names
}

async fn give(store: &ObjectMediaStore, reference: &StorageReference, user: &str, hours: u32) {
    let patch = MetadataPatch::new()
        .with_user(Some(user.parse().unwrap()))
        .with_retention(RetentionPolicy::RetainHours(hours));
    store.update(reference, patch).await.unwrap();
}

/// Fails the removals of an update, or lets each happen once more later.
fn removals(bucket: &FaultyBucket, fate: Fate) {
    bucket.judge(move |request| match request.verb {
        Verb::Delete => (fate, 0),
        _ => (Fate::Pass, 0),
    });
}

/// Media goes to another user and hour, and back. Only then the copies of the first removals arrive.
#[tokio::test]
async fn a_late_removal_takes_nothing_that_a_later_update_has_written() {
    for deduplication in [true, false] {
        for by_user in [true, false] {
            let bucket = FaultyBucket::new();
            let store = open(&bucket, deduplication).await;
            let kept = RetentionPolicy::RetainHours(5);
            let metadata = of_user("conv-1", "user-1").with_retention(kept);
            let reference = put_for(&store, 1, metadata).await;
            store.sweep(full()).await.unwrap();
            assert_eq!(names(&bucket, "user-complete").len(), 1);
            removals(&bucket, Fate::Copied);
            give(&store, &reference, "user-2", 50).await;
            bucket.heal();
            assert_eq!(bucket.late(), 2);
            give(&store, &reference, "user-1", 5).await;
            bucket.settle().await;
            assert_eq!(store.usage(user("user-1")).await.unwrap().references, 1);
            assert_eq!(names(&bucket, "/expiry/").len(), 1);
            match by_user {
                true => {
                    let report = store.delete_scope(user("user-1")).await.unwrap();
                    assert_eq!((report.deleted, report.failed), (1, 0));
                }
                false => {
                    let later = chrono::Utc::now() + TimeDelta::hours(7);
                    let due = SweepOptions::new().with_now(later);
                    assert_eq!(store.sweep(due).await.unwrap().expired, 1);
                }
            }
            is_gone(&store, &reference).await;
            is_clean(&store, &bucket).await;
        }
    }
}

/// Two entries and two hints of the same media that lead nowhere are found like one.
#[tokio::test]
async fn whatever_number_of_entries_and_hints_is_left_a_full_sweep_removes_them() {
    for deduplication in [true, false] {
        let bucket = FaultyBucket::new();
        let store = open(&bucket, deduplication).await;
        let kept = RetentionPolicy::RetainHours(5);
        let metadata = of_user("conv-1", "user-1").with_retention(kept);
        let reference = put_for(&store, 1, metadata).await;
        removals(&bucket, Fate::FailBefore);
        give(&store, &reference, "user-2", 50).await;
        give(&store, &reference, "user-3", 90).await;
        bucket.heal();
        for part in ["/user/", "/expiry/"] {
            assert_eq!(names(&bucket, part).len(), 3);
        }
        assert_eq!(store.sweep(full()).await.unwrap().failed, 0);
        for part in ["/user/", "/expiry/"] {
            assert_eq!(names(&bucket, part).len(), 1);
        }
        assert_eq!(store.usage(user("user-3")).await.unwrap().references, 1);
        holds(&store, &reference, &noise(1, 1000)).await;
        is_clean(&store, &bucket).await;
    }
}

/// Earlier versions wrote entries and hints without a number, of imports and of what was updated too.
#[tokio::test]
async fn entries_and_hints_of_earlier_versions_lead_to_their_media() {
    for by_user in [true, false] {
        let kept = RetentionPolicy::RetainHours(5);
        let metadata = of_user("conv-1", "user-1").with_retention(kept);
        let source = elsewhere_with(1000, metadata).await;
        let bucket = FaultyBucket::new();
        let store = open(&bucket, true).await;
        import(&store, &source).await.unwrap();
        store.sweep(full()).await.unwrap();
        for part in ["/v2/user/", "/v2/expiry/"] {
            let named = bucket.name_with(part);
            let (plain, _) = named.as_ref().rsplit_once('.').unwrap();
            let body = bucket.inner().get(&named).await.unwrap();
            let body = PutPayload::from(body.bytes().await.unwrap());
            let plain = Path::from(plain);
            bucket.inner().put(&plain, body).await.unwrap();
            bucket.inner().delete(&named).await.unwrap();
        }
        assert_eq!(store.usage(user("user-1")).await.unwrap().references, 1);
        if by_user {
            let report = store.delete_scope(user("user-1")).await.unwrap();
            assert_eq!((report.deleted, report.failed), (1, 0));
        } else {
            // The first sweep gives the hint its name of now.
            let later = chrono::Utc::now() + TimeDelta::hours(7);
            let due = full().with_now(later);
            let mut expired = 0;
            for _ in 0..2 {
                expired += store.sweep(due).await.unwrap().expired;
            }
            assert_eq!(expired, 1);
        }
        is_gone(&store, &source.0.reference).await;
        assert_eq!(store.sweep(full()).await.unwrap().failed, 0);
        for part in ["/v2/user/", "/v2/expiry/"] {
            assert!(names(&bucket, part).is_empty(), "{part}");
        }
        is_clean(&store, &bucket).await;
    }
}
