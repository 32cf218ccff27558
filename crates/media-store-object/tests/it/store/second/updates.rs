//! Changes of metadata, and holds.

use chrono::TimeDelta;
use media_storage::{
    Importer as _, Inventory as _, MediaStorage as _, MediaStorageExt as _, MetadataPatch,
    RetentionPolicy, Scope, StorageErrorKind, SweepDepth, SweepOptions,
};
use media_types::Mime;
use object_store::ObjectStoreExt as _;

use super::super::{Fate, FaultyBucket, MIB, Verb, about, full, holds, is_gone, listed, noise};
use super::imports::{elsewhere, import};
use super::{is_clean, of_user, open, put_for};

fn hold(hold: bool) -> MetadataPatch {
    MetadataPatch::new().with_hold(hold)
}

fn keep_days(days: u32) -> MetadataPatch {
    MetadataPatch::new().with_retention(RetentionPolicy::RetainDays(days))
}

fn user(user: &str) -> Scope {
    Scope::User(user.parse().unwrap())
}

fn names(bucket: &FaultyBucket, part: &str) -> Vec<String> {
    let mut names = bucket.names();
    names.retain(|name| name.contains(part));
    names
}

#[tokio::test]
async fn an_update_moves_hint_and_index_entry() {
    for deduplication in [true, false] {
        let bucket = FaultyBucket::new();
        let store = open(&bucket, deduplication).await;
        let metadata = of_user("conv-1", "user-1").with_retention(RetentionPolicy::RetainDays(9));
        let reference = put_for(&store, 1, metadata).await;
        let (hints, entries) = (names(&bucket, "/expiry/"), names(&bucket, "/user/"));
        assert_eq!((hints.len(), entries.len()), (1, 1));
        let patch = keep_days(3).with_user(Some("user-2".parse().unwrap()));
        store.update(&reference, patch).await.unwrap();
        let head = store.head(&reference).await.unwrap();
        assert_eq!(head.metadata.user().unwrap().as_str(), "user-2");
        let kept = head.expires_at().unwrap() - head.stored_at.unwrap();
        assert_eq!(kept, TimeDelta::days(3));
        for (part, before) in [("/expiry/", hints), ("/user/", entries)] {
            let after = names(&bucket, part);
            assert_eq!(after.len(), 1);
            assert_ne!(after, before);
        }
        for swept in [false, true] {
            if swept {
                assert_eq!(store.sweep(full()).await.unwrap().failed, 0);
            }
            assert_eq!(store.usage(user("user-1")).await.unwrap().references, 0);
            assert_eq!(store.usage(user("user-2")).await.unwrap().references, 1);
        }
        holds(&store, &reference, &noise(1, 1000)).await;
        let due = SweepOptions::new().with_now(chrono::Utc::now() + TimeDelta::days(4));
        assert_eq!(store.sweep(due).await.unwrap().expired, 1);
        is_gone(&store, &reference).await;
        is_clean(&store, &bucket).await;
    }
}

/// The hint of the earlier expiry could not be removed: it deletes nothing, and a sweep removes it.
#[tokio::test]
async fn a_hint_that_an_update_left_deletes_nothing_and_goes() {
    for depth in [SweepDepth::Due, SweepDepth::Full] {
        let bucket = FaultyBucket::new();
        let store = open(&bucket, true).await;
        let metadata = about("conv-1").with_retention(RetentionPolicy::RetainHours(3));
        let reference = put_for(&store, 1, metadata).await;
        bucket.judge(|request| {
            let removes = request.verb == Verb::Delete;
            (
                if removes {
                    Fate::FailBefore
                } else {
                    Fate::Pass
                },
                0,
            )
        });
        store.update(&reference, keep_days(3)).await.unwrap();
        bucket.heal();
        assert_eq!(names(&bucket, "/expiry/").len(), 2);
        let later = chrono::Utc::now() + TimeDelta::hours(5);
        let options = full().with_depth(depth).with_now(later);
        let report = store.sweep(options).await.unwrap();
        assert_eq!((report.expired, report.failed), (0, 0), "{report:?}");
        assert_eq!(names(&bucket, "/expiry/").len(), 1);
        holds(&store, &reference, &noise(1, 1000)).await;
        let due = SweepOptions::new().with_now(later + TimeDelta::days(3));
        assert_eq!(store.sweep(due).await.unwrap().expired, 1);
        is_clean(&store, &bucket).await;
    }
}

#[tokio::test]
async fn media_on_hold_outlives_its_time_until_it_is_released() {
    for deduplication in [true, false] {
        let bucket = FaultyBucket::new();
        let store = open(&bucket, deduplication).await;
        let metadata = about("conv-1").with_retention(RetentionPolicy::RetainHours(1));
        let reference = put_for(&store, 1, metadata).await;
        store.update(&reference, hold(true)).await.unwrap();
        let error = store.delete(&reference).await.unwrap_err();
        assert_eq!(error.kind(), StorageErrorKind::Held);
        let later = chrono::Utc::now() + TimeDelta::days(1);
        for options in [SweepOptions::new(), full(), full().with_capacity(0)] {
            let report = store.sweep(options.with_now(later)).await.unwrap();
            assert_eq!((report.references(), report.failed), (0, 0), "{report:?}");
            assert!(report.held > 0, "{report:?}");
        }
        let report = store.delete_scope(Scope::All).await.unwrap();
        assert_eq!((report.deleted, report.held), (0, 1));
        // A sidecar that is lost comes back with the hold.
        if deduplication {
            let sidecar = bucket.name_with(".meta");
            bucket.inner().delete(&sidecar).await.unwrap();
            let error = store.delete(&reference).await.unwrap_err();
            assert_eq!(error.kind(), StorageErrorKind::Held);
            assert_eq!(store.sweep(full().with_now(later)).await.unwrap().failed, 0);
        }
        holds(&store, &reference, &noise(1, 1000)).await;
        store.update(&reference, hold(false)).await.unwrap();
        let due = SweepOptions::new().with_now(later);
        assert_eq!(store.sweep(due).await.unwrap().expired, 1);
        is_clean(&store, &bucket).await;
    }
}

#[tokio::test]
async fn updates_at_the_same_time_are_all_kept() {
    for deduplication in [true, false] {
        for seed in 0..20 {
            let bucket = FaultyBucket::new();
            let store = open(&bucket, deduplication).await;
            let reference = put_for(&store, 1, of_user("conv-1", "user-1")).await;
            let mut turn = seed;
            bucket.judge(move |_| {
                turn = (turn * 7 + 3) % 101;
                (Fate::Pass, turn % 11)
            });
            let (held, kept, moved) = tokio::join!(
                store.update(&reference, hold(true)),
                store.update(&reference, keep_days(3)),
                store.update(
                    &reference,
                    MetadataPatch::new().with_user(Some("user-2".parse().unwrap()))
                ),
            );
            bucket.heal();
            held.and(kept).and(moved).unwrap();
            let head = store.head(&reference).await.unwrap();
            assert_eq!(head.metadata.user().unwrap().as_str(), "user-2");
            assert!(head.expires_at().is_some());
            let error = store.delete(&reference).await.unwrap_err();
            assert_eq!(error.kind(), StorageErrorKind::Held);
        }
    }
}

/// Each removes the index entry of the user before, which another may have written again.
#[tokio::test]
async fn media_that_goes_to_and_fro_between_users_stays_in_the_index() {
    for deduplication in [true, false] {
        for seed in 0..60 {
            let bucket = FaultyBucket::new();
            let store = open(&bucket, deduplication).await;
            let reference = put_for(&store, 1, of_user("conv-1", "user-1")).await;
            store.sweep(full()).await.unwrap();
            let mut turn = seed;
            bucket.judge(move |_| {
                turn = (turn * 31 + 17) % 103;
                (Fate::Pass, turn % 13)
            });
            let give = |user: &str| {
                let patch = MetadataPatch::new().with_user(Some(user.parse().unwrap()));
                store.update(&reference, patch)
            };
            let (one, two, three) = tokio::join!(give("user-2"), give("user-1"), give("user-2"));
            bucket.heal();
            one.and(two).and(three).unwrap();
            let head = store.head(&reference).await.unwrap();
            let owner = head.metadata.user().unwrap().as_str();
            assert_eq!(
                store.usage(user(owner)).await.unwrap().references,
                1,
                "{seed}"
            );
        }
    }
}

/// Each request of an update fails, or its answer is lost: the update is repeated, and nothing is lost.
#[tokio::test]
async fn an_update_that_was_interrupted_anywhere_is_finished_by_another() {
    for deduplication in [true, false] {
        for fate in [Fate::FailBefore, Fate::FailAfter] {
            for k in 1.. {
                let bucket = FaultyBucket::new();
                let store = open(&bucket, deduplication).await;
                let reference = put_for(&store, 1, of_user("conv-1", "user-1")).await;
                let mut seen = 0;
                bucket.judge(move |_| {
                    seen += 1;
                    (if seen == k { fate } else { Fate::Pass }, 0)
                });
                bucket.take_requests();
                let first = store.update(&reference, keep_days(3)).await;
                let requests = bucket.take_requests().len();
                bucket.heal();
                if let Err(error) = first {
                    assert_eq!(error.kind(), StorageErrorKind::Unavailable, "{error:?}");
                }
                let patch = MetadataPatch::new().with_user(Some("user-2".parse().unwrap()));
                store.update(&reference, patch).await.unwrap();
                store.update(&reference, keep_days(3)).await.unwrap();
                let head = store.head(&reference).await.unwrap();
                assert_eq!(head.metadata.user().unwrap().as_str(), "user-2");
                assert!(head.expires_at().is_some());
                assert_eq!(store.sweep(full()).await.unwrap().failed, 0);
                assert_eq!(store.usage(user("user-2")).await.unwrap().references, 1);
                is_clean(&store, &bucket).await;
                if requests < k {
                    break;
                }
            }
        }
    }
}

/// A copy of any request of an update arrives after the media was deleted.
#[tokio::test]
async fn a_late_copy_of_an_update_brings_nothing_back() {
    for deduplication in [true, false] {
        for k in 1.. {
            let bucket = FaultyBucket::new();
            let store = open(&bucket, deduplication).await;
            let reference = put_for(&store, 1, of_user("conv-1", "user-1")).await;
            bucket.take_requests();
            let mut seen = 0;
            bucket.judge(move |request| {
                seen += usize::from(request.verb != Verb::Get);
                let copied = seen == k && request.verb != Verb::Get;
                (if copied { Fate::Copied } else { Fate::Pass }, 0)
            });
            let patch = keep_days(3).with_user(Some("user-2".parse().unwrap()));
            store.update(&reference, patch).await.unwrap();
            let writes = bucket.take_requests();
            let writes = writes.iter().filter(|request| request.verb != Verb::Get);
            let reached = writes.count() >= k;
            store.delete(&reference).await.unwrap();
            bucket.heal();
            bucket.settle().await;
            for _ in 0..2 {
                is_gone(&store, &reference).await;
                for owner in ["user-1", "user-2"] {
                    assert_eq!(store.usage(user(owner)).await.unwrap().references, 0);
                }
                store.sweep(full()).await.unwrap();
            }
            is_clean(&store, &bucket).await;
            if !reached {
                break;
            }
        }
    }
}

#[tokio::test]
async fn an_update_outlives_the_loss_of_the_sidecar() {
    let bucket = FaultyBucket::new();
    let store = open(&bucket, true).await;
    let reference = put_for(&store, 1, about("conv-1")).await;
    store.update(&reference, keep_days(3)).await.unwrap();
    let sidecar = bucket.name_with(".meta");
    bucket.inner().delete(&sidecar).await.unwrap();
    assert_eq!(store.sweep(full()).await.unwrap().failed, 0);
    let head = store.head(&reference).await.unwrap();
    assert!(head.expires_at().is_some());
    // A restored sidecar is changed like any other.
    store.update(&reference, hold(true)).await.unwrap();
    let error = store.delete(&reference).await.unwrap_err();
    assert_eq!(error.kind(), StorageErrorKind::Held);
}

#[tokio::test]
async fn media_on_hold_elsewhere_is_imported_on_hold_or_not_at_all() {
    for len in [1000, 9 * MIB] {
        let (entry, bytes) = elsewhere(len).await;
        let media = (entry.with_hold(true), bytes.clone());
        for deduplication in [true, false] {
            let store = open(&FaultyBucket::new(), deduplication).await;
            assert!(store.keeps_holds());
            let imported = import(&store, &media).await.unwrap();
            let error = store.delete(&imported.reference).await.unwrap_err();
            assert_eq!(error.kind(), StorageErrorKind::Held);
            assert!(listed(&store).await[0].hold);
            store
                .update(&imported.reference, hold(false))
                .await
                .unwrap();
            holds(&store, &imported.reference, &bytes).await;
            store.delete(&imported.reference).await.unwrap();
        }
        let bucket = FaultyBucket::new();
        let store = super::super::open(&bucket, true).await;
        assert!(!store.keeps_holds());
        let error = import(&store, &media).await.unwrap_err();
        assert_eq!(error.kind(), StorageErrorKind::Unsupported);
        assert!(listed(&store).await.is_empty());
    }
}

#[tokio::test]
async fn what_cannot_be_changed_says_why() {
    let bucket = FaultyBucket::new();
    let store = super::super::open(&bucket, true).await;
    let stored = store.store_bytes(Mime::IMAGE_PNG, noise(1, 1000), about("conv-1"));
    let reference = stored.await.unwrap();
    let error = store.update(&reference, hold(true)).await.unwrap_err();
    assert_eq!(error.kind(), StorageErrorKind::Unsupported);
    assert!(error.to_string().contains("first protocol"), "{error}");
    // The same media in a bucket that has moved on.
    let store = open(&bucket, true).await;
    let error = store.update(&reference, hold(true)).await.unwrap_err();
    assert_eq!(error.kind(), StorageErrorKind::Unsupported);
    assert!(error.to_string().contains("first protocol"), "{error}");
    let gone = put_for(&store, 2, about("conv-1")).await;
    store.delete(&gone).await.unwrap();
    let error = store.update(&gone, hold(true)).await.unwrap_err();
    assert_eq!(error.kind(), StorageErrorKind::NotFound);
}
