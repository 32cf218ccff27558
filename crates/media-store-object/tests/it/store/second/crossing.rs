//! Updates that cross, and what they leave in the index of users and among the hints.

use chrono::TimeDelta;
use media_storage::{
    Inventory as _, MediaStorage as _, MediaStorageExt as _, MetadataPatch, RetentionPolicy, Scope,
    SweepOptions,
};

use super::super::{Fate, FaultyBucket, Verb, full};
use super::{is_clean, of_user, open, put_for};

fn give(user: &str, days: u32) -> MetadataPatch {
    MetadataPatch::new()
        .with_user(Some(user.parse().unwrap()))
        .with_retention(RetentionPolicy::RetainDays(days))
}

fn user(user: &str) -> Scope {
    Scope::User(user.parse().unwrap())
}

/// One gives the media away. The other gives it back: it writes hint and entry before the first one removes
/// those of the same user and hour, then what leads to them, and dies.
#[tokio::test]
async fn two_updates_that_cross_and_a_crash_lose_neither_user_nor_expiry() {
    for deduplication in [true, false] {
        let bucket = FaultyBucket::new();
        let store = open(&bucket, deduplication).await;
        let metadata = of_user("conv-1", "user-1").with_retention(RetentionPolicy::RetainDays(9));
        let reference = put_for(&store, 1, metadata).await;
        store.sweep(full()).await.unwrap();
        let beside = bucket.beside();
        let other = open(&beside, deduplication).await;
        bucket.judge(|request| {
            let removes = request.verb == Verb::Delete;
            (Fate::Pass, if removes { 500 } else { 0 })
        });
        let decides = if deduplication { "/ref/" } else { ".meta" };
        let (mut begun, mut dead) = (false, false);
        beside.judge(move |request| {
            if dead {
                return (Fate::FailBefore, 0);
            }
            let first = !std::mem::replace(&mut begun, true);
            let writes = |part| request.verb == Verb::Put && request.key.contains(part);
            dead = writes(".meta");
            let turns = match first {
                true => 100,
                false if writes(decides) => 3000,
                false => 0,
            };
            (Fate::Pass, turns)
        });
        let (away, back) = tokio::join!(
            store.update(&reference, give("user-2", 3)),
            other.update(&reference, give("user-1", 9)),
        );
        away.unwrap();
        // It has only failed to remove what it replaced.
        back.unwrap();
        bucket.heal();
        let head = store.head(&reference).await.unwrap();
        let owner = user(head.metadata.user().unwrap().as_str());
        assert_eq!(store.usage(owner).await.unwrap().references, 1);
        let later = head.expires_at().unwrap() + TimeDelta::hours(1);
        let due = SweepOptions::new().with_now(later);
        assert_eq!(store.sweep(due).await.unwrap().expired, 1);
        is_clean(&store, &bucket).await;
    }
}

/// Whichever of the two entries is listed first.
#[tokio::test]
async fn an_index_entry_that_an_update_left_goes_with_a_full_sweep() {
    for deduplication in [true, false] {
        for (from, to) in [("user-1", "user-2"), ("user-2", "user-1")] {
            let bucket = FaultyBucket::new();
            let store = open(&bucket, deduplication).await;
            let reference = put_for(&store, 1, of_user("conv-1", from)).await;
            bucket.judge(|request| {
                let fate = match request.verb {
                    Verb::Delete => Fate::FailBefore,
                    _ => Fate::Pass,
                };
                (fate, 0)
            });
            store.update(&reference, give(to, 9)).await.unwrap();
            bucket.heal();
            let entries = || {
                let mut names = bucket.names();
                names.retain(|name| name.contains("/user/"));
                names.len()
            };
            assert_eq!(entries(), 2);
            assert_eq!(store.sweep(full()).await.unwrap().failed, 0);
            assert_eq!(entries(), 1);
            assert_eq!(store.usage(user(to)).await.unwrap().references, 1);
            is_clean(&store, &bucket).await;
        }
    }
}
