//! The guard of reconciliation.

use std::sync::Arc;
use std::time::Duration;

use conversation_lifecycle::ReconcileOptions;
use conversation_state::{InMemoryStateStore, ReferenceKey};
use media_storage::InMemoryStorage;

use crate::support::Rig;

/// A store with so many named media items, and so many that nothing names.
async fn rig(named: usize, orphans: usize) -> Rig {
    let rig = Rig::new(|builder| builder);
    let mut last = None;
    for _ in 0..named {
        last = Some(rig.conversation("u1").await.0);
    }
    for _ in 0..orphans {
        rig.media(last.as_ref().unwrap(), "orphan").await;
    }
    rig
}

fn now() -> ReconcileOptions {
    ReconcileOptions::new().with_grace(Duration::ZERO)
}

#[tokio::test]
async fn a_few_orphans_of_a_tiny_store_need_no_force() {
    let rig = rig(2, 3).await;
    let report = rig.lifecycle.reconcile(&now()).await.unwrap();
    assert!(!report.is_guarded());
    assert_eq!(report.deleted(), 3);
    assert_eq!(rig.stored().await, 2);
}

#[tokio::test]
async fn the_floor_is_a_number_of_deletions_and_can_be_taken_away() {
    let rig = rig(4, 17).await;
    let report = rig.lifecycle.reconcile(&now()).await.unwrap();
    assert!(
        report.is_guarded(),
        "17 are more than the 16 that always may go"
    );
    assert_eq!((report.deleted(), report.stores[0].due), (0, 17));
    let most = rig.lifecycle.reconcile(&now().with_guard_floor(17)).await;
    assert_eq!(most.unwrap().deleted(), 17);

    rig.media(&rig.conversation("u1").await.0, "orphan").await;
    let strict = now().with_guard_floor(0);
    let report = rig.lifecycle.reconcile(&strict).await.unwrap();
    assert!(report.is_guarded());
    let report = rig.lifecycle.reconcile(&strict.with_force(true)).await;
    assert_eq!(report.unwrap().deleted(), 1);
}

#[tokio::test]
async fn a_share_below_a_tenth_is_never_guarded() {
    let rig = rig(10, 1).await;
    let report = rig.lifecycle.reconcile(&now().with_guard_floor(0)).await;
    assert_eq!(report.unwrap().deleted(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_was_unnamed_is_forgotten_with_its_conversation_and_its_user() {
    let state = Arc::new(InMemoryStateStore::with_clock(Rig::clock()));
    let rig = Rig::with_state(state, Arc::new(InMemoryStorage::new()), |builder| builder);
    for whole_user in [false, true] {
        let record = rig.conversation("u1").await.0;
        let key = [ReferenceKey::from(&rig.media(&record, "orphan").await)];
        let first = rig.state.observe_unnamed(&key).await.unwrap();
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!(rig.state.observe_unnamed(&key).await.unwrap(), first);
        match whole_user {
            true => {
                let erased = rig.lifecycle.erase_user(&"u1".parse().unwrap()).await;
                assert!(erased.unwrap().is_complete());
            }
            false => {
                let deleted = rig.lifecycle.delete_conversation(&record.id).await;
                assert!(deleted.unwrap().is_complete());
            }
        }
        let again = rig.state.observe_unnamed(&key).await.unwrap();
        assert!(again > first, "{again:?}");
    }
}
