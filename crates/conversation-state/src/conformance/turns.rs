//! Turns, their leases and their keys.

use std::time::Duration;

use conversation_types::TokenUsage;

use crate::conformance::harness::Harness;
use crate::conformance::steps::*;
use crate::error::StateErrorKind;
use crate::load::{LoadOptions, Window};
use crate::record::ConversationRecord;
use crate::store::StateStore;
use crate::turn::{PendingCall, TurnRecord, TurnStatus};
use crate::write::{Fence, LeaseChange, StateWrite, TurnFence};

pub(super) async fn a_turn_goes_from_begin_to_finish(harness: &dyn Harness) {
    let store = harness.open().await;
    let known = create(&*store, "a").await;
    let mut open = begin(&*store, &known, "t1").await;
    assert_eq!((open.applied.version, open.applied.head), (2, 1));
    let ends = open.applied.lease_expires_at.unwrap();
    assert!(ends > open.applied.now);

    let loaded = load(&*store, "a", Window::NewestTurns(1)).await;
    let current = loaded.current_turn().unwrap();
    assert_eq!(
        (current.status, current.epoch),
        (TurnStatus::Running, open.epoch)
    );
    let lease = current.lease.as_ref().unwrap();
    assert_eq!((lease.owner.as_str(), lease.epoch), ("owner-1", open.epoch));
    assert_eq!(lease.expires_at, ends);

    // A round, a checkpoint of the next answer, and its end in the place of the checkpoint.
    let round = open.write().with_append([assistant("round", "t1")]);
    open.apply(&*store, round).await;
    let partial = assistant("par", "t1");
    let checkpoint = open.write().with_append([partial.clone()]);
    open.apply(&*store, checkpoint).await;
    let mut turn = open.record.clone().with_status(TurnStatus::Complete);
    turn.usage = TokenUsage::new(5, 7);
    // What a put says about leases does not count.
    turn.epoch = 99;
    let whole = assistant("partial", "t1").with_id(partial.id);
    let finish = open.write().with_replace([whole]).with_turn(turn);
    let finished = open.apply(&*store, finish).await;
    assert_eq!((finished.version, finished.head), (5, 4));
    assert_eq!(finished.record.current_turn, None);
    assert_eq!(finished.lease_expires_at, None);

    let loaded = load(&*store, "a", Window::NewestTurns(1)).await;
    assert_eq!(texts(&loaded), ["question of t1", "round", "partial"]);
    let turn = loaded.turn(&turn_id("t1")).unwrap();
    assert_eq!(
        (turn.status, turn.epoch),
        (TurnStatus::Complete, open.epoch)
    );
    assert_eq!((turn.usage, &turn.lease), (TokenUsage::new(5, 7), &None));
    // The next turn has a higher epoch.
    let next = begin(&*store, &finished.record, "t2").await;
    assert!(next.epoch > open.epoch);
}

pub(super) async fn a_suspended_turn_holds_no_lease_and_goes_on(harness: &dyn Harness) {
    let store = harness.open().await;
    let known = create(&*store, "a").await;
    let mut open = begin(&*store, &known, "t1").await;
    let mut turn = open.record.clone().with_status(TurnStatus::Suspended);
    turn.pending = vec![PendingCall::new("token", "call")];
    let suspend = open.write().with_turn(turn);
    let suspended = open.apply(&*store, suspend).await;
    assert_eq!(suspended.record.current_turn, Some(turn_id("t1")));
    assert_eq!(suspended.lease_expires_at, None);
    assert_eq!(suspended.epoch, Some(open.epoch));
    // It still is the current turn, whatever time passes.
    harness.advance(LEASE * 2).await;
    let begin = begin_write(&suspended.record, "t2", "q");
    assert_kind(store.apply(begin).await, StateErrorKind::Conflict);
    let renew = StateWrite::new(&suspended.record, Fence::Turn(open.fence()))
        .with_lease(LeaseChange::Hold(LEASE));
    assert_kind(store.apply(renew).await, StateErrorKind::InvalidInput);
    // Any node goes on with it, under a new epoch.
    let resume = open
        .write()
        .with_turn(open.record.clone())
        .with_append([assistant("result", "t1")])
        .with_lease(take("owner-2"));
    let resumed = store.apply(resume).await.unwrap();
    assert!(resumed.epoch.unwrap() > open.epoch && resumed.lease_expires_at.is_some());
}

pub(super) async fn a_begin_over_a_current_turn_is_a_conflict(harness: &dyn Harness) {
    let store = harness.open().await;
    let known = create(&*store, "a").await;
    let open = begin(&*store, &known, "t1").await;
    let late = begin_write(&known, "t2", "q");
    assert_kind(store.apply(late.clone()).await, StateErrorKind::Conflict);
    let now = begin_write(&open.applied.record, "t2", "q");
    assert_kind(store.apply(now.clone()).await, StateErrorKind::Conflict);
    // For ever: also when the lease is over, and when the turn is.
    harness.advance(LEASE * 2).await;
    assert_kind(store.apply(now.clone()).await, StateErrorKind::Conflict);
    let finish = open.finish(TurnStatus::Complete, "a");
    store.apply(finish).await.unwrap();
    assert_kind(store.apply(now).await, StateErrorKind::Conflict);
    assert_kind(store.apply(late).await, StateErrorKind::Conflict);
}

/// The write of somebody who found a turn whose owner does not renew its lease.
fn take_over(known: &ConversationRecord, open: &OpenTurn) -> StateWrite {
    let fence = Fence::TakeOver {
        head: known.head,
        turn: open.fence(),
        expires_at: open.applied.lease_expires_at.unwrap(),
    };
    let interrupted = open.record.clone().with_status(TurnStatus::Interrupted);
    StateWrite::new(known, fence)
        .with_turn(interrupted)
        .with_turn(TurnRecord::new(turn_id("t2")))
        .with_append([user("next", "t2")])
        .with_lease(take("owner-2"))
}

pub(super) async fn a_lease_is_taken_over_only_after_its_end(harness: &dyn Harness) {
    let store = harness.open().await;
    let known = create(&*store, "a").await;
    let open = begin(&*store, &known, "t1").await;
    let known = open.applied.record.clone();
    let write = take_over(&known, &open);
    let before = snapshot(&*store, "a").await;
    assert_kind(
        store.apply(write.clone()).await,
        StateErrorKind::Unavailable,
    );
    // A lease that somebody holds is not taken in another way either.
    let steal = open
        .write()
        .with_turn(open.record.clone())
        .with_lease(take("thief"));
    assert_kind(store.apply(steal).await, StateErrorKind::InvalidInput);
    assert_eq!(snapshot(&*store, "a").await, before);

    harness.advance(LEASE * 2).await;
    let taken = store.apply(write).await.unwrap();
    assert!(taken.epoch.unwrap() > open.epoch);
    assert_eq!(taken.record.current_turn, Some(turn_id("t2")));
    let loaded = load(&*store, "a", Window::All).await;
    let old = loaded.turn(&turn_id("t1")).unwrap();
    assert_eq!((old.status, &old.lease), (TurnStatus::Interrupted, &None));
    // Of two who take over, one does.
    let second = take_over(&known, &open);
    assert_kind(store.apply(second).await, StateErrorKind::Conflict);
}

pub(super) async fn a_renewed_lease_is_not_taken_over(harness: &dyn Harness) {
    let store = harness.open().await;
    let known = create(&*store, "a").await;
    let open = begin(&*store, &known, "t1").await;
    let write = take_over(&open.applied.record, &open);
    harness.advance(LEASE * 2).await;
    // The owner was slow, and nobody was there before it.
    let renewed = renew(&*store, &open, LEASE).await;
    assert_kind(store.apply(write.clone()).await, StateErrorKind::Conflict);
    harness.advance(LEASE * 2).await;
    assert_kind(store.apply(write).await, StateErrorKind::Conflict);
    let again = OpenTurn {
        applied: renewed,
        ..open
    };
    let write = take_over(&again.applied.record.clone(), &again);
    store.apply(write).await.unwrap();
}

async fn renew(
    store: &dyn StateStore,
    open: &OpenTurn,
    duration: Duration,
) -> crate::outcome::Applied {
    let renew = StateWrite::new(&open.applied.record, Fence::Turn(open.fence()))
        .with_lease(LeaseChange::Hold(duration));
    store.apply(renew).await.unwrap()
}

pub(super) async fn the_end_of_a_lease_never_moves_back(harness: &dyn Harness) {
    let store = harness.open().await;
    let known = create(&*store, "a").await;
    let open = begin(&*store, &known, "t1").await;
    let first = open.applied.lease_expires_at.unwrap();
    let renewed = renew(&*store, &open, LEASE * 2).await;
    let longer = renewed.lease_expires_at.unwrap();
    assert!(longer > first + LEASE / 2);
    let shorter = renew(&*store, &open, Duration::ZERO).await;
    assert!(shorter.lease_expires_at.unwrap() > longer);
    assert_eq!(shorter.head, open.applied.head);
    // Giving it up lets anybody go on at once, without waiting.
    let release = StateWrite::new(&shorter.record, Fence::Turn(open.fence()))
        .with_lease(LeaseChange::Release);
    let released = store.apply(release).await.unwrap();
    assert_eq!(released.lease_expires_at, None);
    let go_on = open
        .write()
        .with_turn(open.record.clone())
        .with_lease(take("owner-2"));
    assert!(store.apply(go_on).await.unwrap().epoch.unwrap() > open.epoch);
}

pub(super) async fn an_owner_whose_epoch_was_taken_writes_no_more(harness: &dyn Harness) {
    let store = harness.open().await;
    let known = create(&*store, "a").await;
    let open = begin(&*store, &known, "t1").await;
    harness.advance(LEASE * 2).await;
    // Somebody goes on with the same turn.
    let known = open.applied.record.clone();
    let fence = Fence::TakeOver {
        head: known.head,
        turn: open.fence(),
        expires_at: open.applied.lease_expires_at.unwrap(),
    };
    let go_on = StateWrite::new(&known, fence)
        .with_turn(open.record.clone())
        .with_lease(take("owner-2"));
    let taken = store.apply(go_on).await.unwrap();
    let before = snapshot(&*store, "a").await;
    let renew = StateWrite::new(&taken.record, Fence::Turn(open.fence()))
        .with_lease(LeaseChange::Hold(LEASE));
    assert_kind(store.apply(renew).await, StateErrorKind::Conflict);
    let finish = open.finish(TurnStatus::Complete, "late");
    assert_kind(store.apply(finish).await, StateErrorKind::Conflict);
    // Also if it has read the new head.
    let mut stale = open.clone();
    stale.applied = taken.clone();
    let finish = stale.finish(TurnStatus::Complete, "late");
    assert_kind(store.apply(finish).await, StateErrorKind::Conflict);
    assert_eq!(snapshot(&*store, "a").await, before);
    // Once the turn is over, and no other has begun, what it has can still be added.
    let new = OpenTurn {
        record: open.record.clone(),
        epoch: taken.epoch.unwrap(),
        applied: taken,
    };
    let ended = store
        .apply(new.finish(TurnStatus::Interrupted, ""))
        .await
        .unwrap();
    let late = write(&ended.record).with_append([assistant("late", "t1")]);
    store.apply(late).await.unwrap();
}

pub(super) async fn an_idempotency_key_names_one_turn(harness: &dyn Harness) {
    let store = harness.open().await;
    let known = create(&*store, "a").await;
    let keyed = |known: &ConversationRecord, turn: &str| {
        let mut write = begin_write(known, turn, "q");
        write.turns[0].idempotency_key = Some("key".into());
        write
    };
    let begun = store.apply(keyed(&known, "t1")).await.unwrap();
    let open = OpenTurn {
        record: TurnRecord::new(turn_id("t1")).with_idempotency_key(Some("key".into())),
        epoch: begun.epoch.unwrap(),
        applied: begun.clone(),
    };
    // While it runs, and after: the key is found, and not a conflict.
    for _ in 0..2 {
        for record in [&known, &begun.record] {
            let error = store.apply(keyed(record, "t2")).await.unwrap_err();
            assert_eq!(error.kind(), StateErrorKind::KeyTaken, "{error:?}");
            assert_eq!(error.turn(), Some(&turn_id("t1")));
        }
        let finish = open.finish(TurnStatus::Complete, "a");
        let _ = store.apply(finish).await;
    }
    let options = LoadOptions::default().with_key("key");
    let loaded = store.load(&id("a"), options).await.unwrap().unwrap();
    assert_eq!(loaded.keyed_turn.map(|turn| turn.id), Some(turn_id("t1")));
    let options = LoadOptions::default().with_key("other");
    let loaded = store.load(&id("a"), options).await.unwrap().unwrap();
    assert_eq!(loaded.keyed_turn, None);
    // Keys belong to their conversation.
    let other = create(&*store, "b").await;
    store.apply(keyed(&other, "t1")).await.unwrap();
}

pub(super) async fn a_wish_to_cancel_stays(harness: &dyn Harness) {
    let store = harness.open().await;
    let known = create(&*store, "a").await;
    let mut open = begin(&*store, &known, "t1").await;
    // Anybody may ask, without knowing the history.
    let fence = || Fence::Turn(TurnFence::new(turn_id("t1"), open.epoch));
    let ask = StateWrite::new(&known, fence()).with_cancel_turn(turn_id("t1"));
    let asked = store.apply(ask).await.unwrap();
    assert!(asked.cancel_requested);
    assert_eq!(asked.head, open.applied.head, "the owner is not disturbed");
    let round = open
        .write()
        .with_append([assistant("round", "t1")])
        .with_turn(open.record.clone());
    assert!(open.apply(&*store, round).await.cancel_requested);
    assert!(renew(&*store, &open, LEASE).await.cancel_requested);
    let finish = open.finish(TurnStatus::Interrupted, "a");
    let ended = open.apply(&*store, finish).await;
    let turn = load(&*store, "a", Window::Turn(turn_id("t1"))).await;
    assert!(turn.turn(&turn_id("t1")).unwrap().cancel_requested);
    // A new start is not cancelled; asking for the end of what has ended changes nothing.
    let ask = write(&ended.record).with_cancel_turn(turn_id("t1"));
    let ended = store.apply(ask).await.unwrap();
    let retry = write(&ended.record)
        .with_turn(open.record.clone())
        .with_lease(take("owner-1"));
    let retried = store.apply(retry).await.unwrap();
    assert!(!retried.cancel_requested && retried.epoch.unwrap() > open.epoch);
}
