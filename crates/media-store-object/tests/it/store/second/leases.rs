//! The lease of the process that sweeps regularly.

use std::sync::Arc;
use std::time::Duration;

use media_storage::{Inventory as _, MediaStorageExt as _};
use object_store::ObjectStoreExt as _;
use object_store::path::Path;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

use super::super::{Fate, FaultyBucket, Verb, full, holds, is_gone, noise};
use super::{is_clean, of_user, open, put_for};

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test(start_paused = true)]
async fn one_process_sweeps_until_it_releases_its_lease() {
    let bucket = FaultyBucket::new();
    let (one, other) = (open(&bucket, true).await, open(&bucket, true).await);
    let lease = one.sweep_lease().await.unwrap().unwrap();
    for _ in 0..10 {
        assert!(other.sweep_lease().await.unwrap().is_none());
        tokio::time::sleep(MINUTE).await;
    }
    drop(lease);
    tokio::time::sleep(Duration::from_millis(1)).await;
    let lease = other.sweep_lease().await.unwrap();
    assert!(lease.is_some());
    assert!(one.sweep_lease().await.unwrap().is_none());
}

/// The process that held the lease died. Others have only their own clocks.
#[tokio::test(start_paused = true)]
async fn a_lease_that_nobody_renews_is_taken_over_after_five_minutes() {
    let bucket = FaultyBucket::new();
    let path = Path::from(".store/v2/sweep-lease");
    bucket.inner().put(&path, "somebody".into()).await.unwrap();
    let (one, other) = (open(&bucket, true).await, open(&bucket, true).await);
    assert!(one.sweep_lease().await.unwrap().is_none());
    tokio::time::sleep(4 * MINUTE).await;
    assert!(one.sweep_lease().await.unwrap().is_none());
    // This one has not seen it before.
    assert!(other.sweep_lease().await.unwrap().is_none());
    tokio::time::sleep(2 * MINUTE).await;
    let lease = one.sweep_lease().await.unwrap();
    assert!(lease.is_some());
    tokio::time::sleep(10 * MINUTE).await;
    assert!(other.sweep_lease().await.unwrap().is_none());
}

/// The holder does not learn that a renewal was written.
#[tokio::test(start_paused = true)]
async fn a_lease_is_kept_after_a_renewal_whose_answer_was_lost() {
    let bucket = FaultyBucket::new();
    let one = open(&bucket, true).await;
    let other = open(&bucket.beside(), true).await;
    let lease = one.sweep_lease().await.unwrap().unwrap();
    let mut lost = false;
    bucket.judge(move |request| {
        let renews = request.verb == Verb::Put && request.key.ends_with("sweep-lease");
        let loses = renews && !std::mem::replace(&mut lost, true);
        (if loses { Fate::FailAfter } else { Fate::Pass }, 0)
    });
    for _ in 0..15 {
        assert!(other.sweep_lease().await.unwrap().is_none());
        tokio::time::sleep(MINUTE).await;
    }
    drop(lease);
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert!(other.sweep_lease().await.unwrap().is_some());
}

/// The lease was taken over while its holder was suspended.
#[tokio::test(start_paused = true)]
async fn a_holder_learns_with_its_next_renewal_that_another_has_its_lease() {
    let bucket = FaultyBucket::new();
    let one = open(&bucket, true).await;
    let mut lease = one.sweep_lease().await.unwrap().unwrap();
    let lost = timeout(10 * MINUTE, lease.lost()).await;
    assert!(lost.is_err(), "it was renewed");
    let path = Path::from(".store/v2/sweep-lease");
    bucket.inner().put(&path, "somebody".into()).await.unwrap();
    timeout(MINUTE, lease.lost()).await.unwrap();
    // Both times.
    timeout(MINUTE, lease.lost()).await.unwrap();
    lease.release().await;
    assert!(one.sweep_lease().await.unwrap().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_holder_that_cannot_renew_gives_up_before_another_takes_over() {
    let bucket = FaultyBucket::new();
    let one = open(&bucket, true).await;
    let other = open(&bucket.beside(), true).await;
    let mut lease = one.sweep_lease().await.unwrap().unwrap();
    assert!(other.sweep_lease().await.unwrap().is_none());
    let begun = Instant::now();
    bucket.judge(|request| {
        let renews = request.key.ends_with("sweep-lease");
        (if renews { Fate::FailBefore } else { Fate::Pass }, 0)
    });
    lease.lost().await;
    assert!(begun.elapsed() > 2 * MINUTE, "one failure is not enough");
    assert!(begun.elapsed() < 5 * MINUTE);
    assert!(other.sweep_lease().await.unwrap().is_none());
}

/// A sweep is suspended before each of its requests, while another process sweeps, stores and deletes.
#[tokio::test]
async fn a_sweep_that_goes_on_after_another_has_swept_loses_nothing() {
    for deduplication in [true, false] {
        for k in 1.. {
            let bucket = FaultyBucket::new();
            let (one, other) = (
                open(&bucket, deduplication).await,
                open(&bucket.beside(), deduplication).await,
            );
            let old = put_for(&other, 1, of_user("conv-1", "user-1")).await;
            let shared = put_for(&other, 2, of_user("conv-1", "user-1")).await;
            let gone = put_for(&other, 3, of_user("conv-1", "user-1")).await;
            other.delete(&gone).await.unwrap();
            let reached = Arc::new(Notify::new());
            let (notify, mut seen) = (Arc::clone(&reached), 0);
            bucket.judge(move |_| {
                seen += 1;
                let held = seen == k;
                if held {
                    notify.notify_one();
                }
                (Fate::Pass, if held { 20_000 } else { 0 })
            });
            let mut sweeping = {
                let one = one.clone();
                tokio::spawn(async move { one.sweep(full()).await })
            };
            let ended = tokio::select! {
                biased;
                () = reached.notified() => None,
                swept = &mut sweeping => Some(swept),
            };
            let through = ended.is_some();
            assert_eq!(other.sweep(full()).await.unwrap().failed, 0);
            let new = put_for(&other, 3, of_user("conv-2", "user-2")).await;
            let again = put_for(&other, 2, of_user("conv-2", "user-2")).await;
            other.delete(&shared).await.unwrap();
            other.sweep(full()).await.unwrap();
            let swept = match ended {
                Some(swept) => swept,
                None => sweeping.await,
            };
            assert_eq!(swept.unwrap().unwrap().failed, 0, "{deduplication} {k}");
            bucket.heal();
            for (reference, seed) in [(&old, 1), (&new, 3), (&again, 2)] {
                holds(&other, reference, &noise(seed, 1000)).await;
            }
            is_gone(&other, &gone).await;
            is_gone(&other, &shared).await;
            is_clean(&one, &bucket).await;
            if through {
                break;
            }
        }
    }
}
