//! Fences of users and named leases.

use std::time::Duration;

use crate::conformance::harness::Harness;
use crate::conformance::steps::*;
use crate::error::StateErrorKind;
use crate::store::StateStore;

const HOUR: Duration = Duration::from_secs(3600);

pub(super) async fn fences_of_users_end(harness: &dyn Harness) {
    let store = harness.open().await;
    let hashes: [&[u8]; 3] = [&[0, 1, 2], &[0, 1, 3], &[]];
    for hash in hashes {
        assert_eq!(store.user_fence(hash).await.unwrap(), None);
    }
    store.fence_user(hashes[0], HOUR).await.unwrap();
    store.fence_user(hashes[1], HOUR * 3).await.unwrap();
    // A shorter one takes nothing away.
    store.fence_user(hashes[1], Duration::ZERO).await.unwrap();
    let now = store.now().await.unwrap();
    let until = store.user_fence(hashes[0]).await.unwrap().unwrap();
    assert!(until > now && until <= now + HOUR);
    harness.advance(HOUR * 2).await;
    assert_eq!(store.user_fence(hashes[0]).await.unwrap(), None);
    assert!(store.user_fence(hashes[1]).await.unwrap().is_some());
    for _ in 0..2 {
        store.lift_fence(hashes[1]).await.unwrap();
        assert_eq!(store.user_fence(hashes[1]).await.unwrap(), None);
    }
    let long = store.fence_user(&[0; 65], HOUR).await;
    assert_kind(long, StateErrorKind::InvalidInput);
}

pub(super) async fn a_named_lease_has_one_owner(harness: &dyn Harness) {
    let (store, other) = (harness.open().await, harness.open().await);
    let acquire = |owner: &'static str| acquire(&*other, owner);
    assert!(store.acquire_lease("upkeep", "a", HOUR).await.unwrap());
    assert!(!acquire("b").await);
    assert!(store.acquire_lease("other", "b", HOUR).await.unwrap());
    // Its owner extends it.
    harness.advance(HOUR / 2).await;
    assert!(acquire("a").await);
    harness.advance(HOUR * 3 / 4).await;
    assert!(!acquire("b").await);
    // Nobody else gives it up.
    other.release_lease("upkeep", "b").await.unwrap();
    assert!(!acquire("b").await);
    store.release_lease("upkeep", "a").await.unwrap();
    store.release_lease("upkeep", "a").await.unwrap();
    assert!(acquire("b").await);
    harness.advance(HOUR * 2).await;
    assert!(acquire("c").await);
    assert!(!acquire("b").await);
}

async fn acquire(store: &dyn StateStore, owner: &str) -> bool {
    store.acquire_lease("upkeep", owner, HOUR).await.unwrap()
}
