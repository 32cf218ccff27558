//! Answers that are lost, late or repeated.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use conversation_types::Message;

use crate::conformance::faulty::{Fault, FaultyState, Operation};
use crate::conformance::harness::Harness;
use crate::conformance::steps::*;
use crate::error::{StateError, StateErrorKind};
use crate::outcome::{Applied, NewConversation};
use crate::store::StateStore;
use crate::turn::TurnStatus;
use crate::write::StateWrite;

/// Repeats a write until its outcome is clear, as those who use a store do.
async fn until_clear(store: &dyn StateStore, write: &StateWrite) -> Result<Applied, StateError> {
    loop {
        match store.apply(write.clone()).await {
            Err(error) if error.is_retryable() => {}
            outcome => return outcome,
        }
    }
}

pub(super) async fn a_lost_answer_is_found_by_repetition(harness: &dyn Harness) {
    let store = FaultyState::new(harness.open().await);
    store.inject(Operation::Create, Fault::LostAnswer);
    let new = NewConversation::new(record("a"));
    assert_kind(store.create(new.clone()).await, StateErrorKind::Unavailable);
    let mut known = store.create(new).await.unwrap().into_record();
    for (n, faults) in [
        vec![Fault::Before],
        vec![Fault::LostAnswer],
        vec![Fault::LostAnswer, Fault::Before, Fault::LostAnswer],
    ]
    .into_iter()
    .enumerate()
    {
        for fault in faults {
            store.inject(Operation::Apply, fault);
        }
        let write = begin_write(&known, &format!("t{n}"), "q");
        let applied = until_clear(&store, &write).await.unwrap();
        let open = OpenTurn {
            record: write.turns[0].clone(),
            epoch: applied.epoch.unwrap(),
            applied,
        };
        // Somebody else writes before the repetition.
        store.inject(Operation::Apply, Fault::LostAnswer);
        let finish = open.finish(TurnStatus::Complete, "a");
        assert_kind(
            store.apply(finish.clone()).await,
            StateErrorKind::Unavailable,
        );
        foreign_writes(&store, "a", 2).await;
        let finished = until_clear(&store, &finish).await.unwrap();
        assert!(finished.replayed);
        known = finished.record;
        assert_eq!(known.message_count, (n as u64 + 1) * 2);
    }
}

pub(super) async fn a_late_write_after_a_conflict_stays_out(harness: &dyn Harness) {
    let store = FaultyState::new(harness.open().await);
    let known = create(&store, "a").await;
    let mut late = Vec::new();
    for write in [
        begin_write(&known, "t1", "late"),
        write(&known).with_append([Message::user("late")]),
    ] {
        store.inject(Operation::Apply, Fault::Late);
        assert_kind(
            store.apply(write.clone()).await,
            StateErrorKind::Unavailable,
        );
        late.push(write);
    }
    // Others go on, and the writers are told that their writes have not happened.
    let known = run_turn(&store, &known, "t2").await;
    for write in &late {
        assert_kind(store.apply(write.clone()).await, StateErrorKind::Conflict);
    }
    let before = snapshot(&store, "a").await;
    for outcome in store.release_late().await {
        assert_kind(outcome, StateErrorKind::Conflict);
    }
    assert_eq!(snapshot(&store, "a").await, before);
    run_turn(&store, &known, "t3").await;
    for write in late {
        assert_kind(store.apply(write).await, StateErrorKind::Conflict);
    }
    assert_eq!(history(&store, "a").await.len(), 4);
}

pub(super) async fn a_write_that_arrives_twice_is_applied_once(harness: &dyn Harness) {
    let store = FaultyState::new(harness.open().await);
    store.inject_lasting(Operation::Apply, Fault::Twice);
    store.inject_lasting(Operation::Create, Fault::Twice);
    let known = create(&store, "a").await;
    let known = run_turn(&store, &known, "t1").await;
    run_turn(&store, &known, "t2").await;
    let before = snapshot(&store, "a").await;
    let outcomes = store.release_late().await;
    assert_eq!(outcomes.len(), 5);
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    assert_eq!(snapshot(&store, "a").await, before);
}

pub(super) async fn a_dropped_write_is_done_or_not_done(harness: &dyn Harness) {
    let store = FaultyState::new(harness.open().await).with_yields(2);
    let mut known = create(&store, "a").await;
    let (mut done, mut not_done) = (0, 0);
    for polls in 0..12 {
        let write = write(&known).with_append(["x", "y"].map(Message::user));
        {
            let mut call = pin!(store.apply(write.clone()));
            let mut context = Context::from_waker(Waker::noop());
            for _ in 0..polls {
                if let Poll::Ready(outcome) = call.as_mut().poll(&mut context) {
                    outcome.unwrap();
                    break;
                }
            }
        }
        // Whatever became of it, the repetition makes it clear.
        let applied = store.apply(write).await.unwrap();
        match applied.replayed {
            true => done += 1,
            false => not_done += 1,
        }
        assert_eq!(applied.record.message_count, known.message_count + 2);
        known = applied.record;
    }
    assert!(not_done > 0, "{done} done, {not_done} not done");
    assert_eq!(history(&store, "a").await.len(), 24);
}
