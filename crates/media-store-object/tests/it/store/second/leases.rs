//! The lease of the process that sweeps regularly.

use std::time::Duration;

use media_storage::Inventory as _;
use object_store::ObjectStoreExt as _;
use object_store::path::Path;

use super::super::{Fate, FaultyBucket, Verb};
use super::open;

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
