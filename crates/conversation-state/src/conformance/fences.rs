//! Conditions of writes, and what no condition allows.

use std::sync::Arc;

use conversation_types::{Message, RawJson};
use serde_json::json;

use crate::conformance::harness::Harness;
use crate::conformance::steps::*;
use crate::error::StateErrorKind;
use crate::limits::{MAX_METADATA_BYTES, MAX_PLANNER_BYTES};
use crate::load::Window;
use crate::outcome::NewConversation;
use crate::record::{ConversationRecord, ConversationStatus};
use crate::turn::{TurnRecord, TurnStatus};
use crate::update::{PlannerEntry, RecordUpdate};
use crate::write::{Fence, LeaseChange, StateWrite, Truncation, TruncationMode};

pub(super) async fn renewals_and_fields_leave_the_head_alone(harness: &dyn Harness) {
    let store = harness.open().await;
    let known = create(&*store, "a").await;
    let open = begin(&*store, &known, "t1").await;
    let question = load(&*store, "a", Window::All)
        .await
        .messages
        .remove(0)
        .message;
    let on = |record: &ConversationRecord, fence: Fence| StateWrite::new(record, fence);
    let mut known = open.applied.record.clone();
    for n in 0..3 {
        let renew = on(&known, Fence::Turn(open.fence())).with_lease(LeaseChange::Hold(LEASE));
        known = store.apply(renew).await.unwrap().record;
        let fields = RecordUpdate::new()
            .with_title(Some(format!("title {n}")))
            .with_metadata(json!({"n": n}).as_object().unwrap().clone())
            .with_tags(["tag"])
            .with_externalized_through(1)
            .with_prompt(Some(json!(n)))
            .with_children([id("child")]);
        let fields = on(&known, Fence::Version(known.version)).with_record(fields);
        known = store.apply(fields).await.unwrap().record;
        // Media goes out of a message that was kept inline.
        let backfill = on(&known, Fence::Version(known.version)).with_replace([question.clone()]);
        known = store.apply(backfill).await.unwrap().record;
        // What a turn has consumed so far.
        let mut turn = open.record.clone();
        turn.attempts = n;
        let usage = on(&known, Fence::Turn(open.fence())).with_turn(turn);
        known = store.apply(usage).await.unwrap().record;
    }
    assert_eq!(
        (known.head, known.version),
        (open.applied.head, open.applied.version + 12)
    );
    assert_eq!(known.title.as_deref(), Some("title 2"));
    assert_eq!(known.children, [id("child")]);
    // The owner goes on as if nothing had been written.
    store
        .apply(open.finish(TurnStatus::Complete, "a"))
        .await
        .unwrap();
}

pub(super) async fn a_write_on_another_version_changes_nothing(harness: &dyn Harness) {
    let store = harness.open().await;
    let known = create(&*store, "a").await;
    let known = run_turn(&*store, &known, "t1").await;
    let before = snapshot(&*store, "a").await;
    for other in [0, known.version - 1, known.version + 1, u64::MAX] {
        let title = RecordUpdate::new().with_title(Some("other".into()));
        let write = StateWrite::new(&known, Fence::Version(other)).with_record(title);
        assert_kind(store.apply(write).await, StateErrorKind::Conflict);
    }
    for other in [0, known.head - 1, known.head + 1, u64::MAX] {
        let fence = Fence::Head {
            head: other,
            turn: None,
        };
        let write = StateWrite::new(&known, fence).with_append([Message::user("x")]);
        assert_kind(store.apply(write).await, StateErrorKind::Conflict);
    }
    assert_eq!(snapshot(&*store, "a").await, before);
    let nobody = write(&record("nobody")).with_append([Message::user("x")]);
    assert_kind(store.apply(nobody).await, StateErrorKind::NotFound);
    assert!(
        store
            .load(&id("nobody"), Window::All.into())
            .await
            .unwrap()
            .is_none()
    );
}

pub(super) async fn of_racing_writes_one_wins(harness: &dyn Harness) {
    const RACERS: usize = 8;
    let store = harness.open().await;
    let mut known = create(&*store, "a").await;
    for round in 0..5 {
        let write = |n: usize, known: &ConversationRecord| match round % 2 {
            0 => write(known).with_append([Message::user(format!("{round} {n}"))]),
            _ => StateWrite::new(known, Fence::Version(known.version))
                .with_record(RecordUpdate::new().with_title(Some(format!("{round} {n}")))),
        };
        let mut tasks = Vec::new();
        for n in 0..RACERS {
            // Half of them as other processes would.
            let store = match n % 2 {
                0 => Arc::clone(&store),
                _ => harness.open().await,
            };
            let write = write(n, &known);
            tasks.push(Box::pin(async move { store.apply(write).await }));
        }
        let mut winner = None;
        for outcome in join_all(tasks).await {
            match outcome {
                Ok(applied) => assert!(winner.replace(applied).is_none(), "two winners"),
                Err(error) => assert_eq!(error.kind(), StateErrorKind::Conflict, "{error:?}"),
            }
        }
        let winner = winner.expect("a winner").record;
        assert_eq!(winner.version, known.version + 1);
        known = winner;
    }
    assert_eq!(history(&*store, "a").await.len(), 3);
    // Of those who begin a turn at once, one does.
    let begins = (0..RACERS).map(|n| store.apply(begin_write(&known, &format!("t{n}"), "q")));
    let outcomes = join_all(begins.collect()).await;
    assert_eq!(outcomes.into_iter().filter(Result::is_ok).count(), 1);
}

/// Runs futures at once, and returns their outcomes in order.
async fn join_all<F: Future + Unpin>(mut futures: Vec<F>) -> Vec<F::Output> {
    let mut outcomes: Vec<Option<F::Output>> = futures.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        for (future, outcome) in futures.iter_mut().zip(&mut outcomes) {
            if outcome.is_none()
                && let std::task::Poll::Ready(done) = std::pin::Pin::new(future).poll(context)
            {
                *outcome = Some(done);
            }
        }
        match outcomes.iter().all(Option::is_some) {
            true => std::task::Poll::Ready(()),
            false => std::task::Poll::Pending,
        }
    })
    .await;
    outcomes.into_iter().flatten().collect()
}

pub(super) async fn refused_writes_change_nothing(harness: &dyn Harness) {
    let store = harness.open().await;
    let known = create(&*store, "a").await;
    let open = begin(&*store, &known, "t1").await;
    let known = open.applied.record.clone();
    let message = load(&*store, "a", Window::All)
        .await
        .messages
        .remove(0)
        .message;
    let before = snapshot(&*store, "a").await;
    let version = || StateWrite::new(&known, Fence::Version(known.version));
    let turn = || StateWrite::new(&known, Fence::Turn(open.fence()));
    let cut = || Truncation::new(None, TruncationMode::Remove);
    let status = |status| RecordUpdate::new().with_status(status);
    let done = || open.record.clone().with_status(TurnStatus::Complete);
    let new_turn = || TurnRecord::new(turn_id("t2"));
    for (name, write) in [
        (
            "history by version",
            version().with_append([Message::user("x")]),
        ),
        ("history by turn", turn().with_append([Message::user("x")])),
        ("cut by version", version().with_truncate(cut())),
        ("cut by turn", turn().with_truncate(cut())),
        ("replace by turn", turn().with_replace([message.clone()])),
        ("lease by version", version().with_lease(take("x"))),
        (
            "renewal by version",
            version().with_lease(LeaseChange::Hold(LEASE)),
        ),
        ("taking by turn", turn().with_lease(take("x"))),
        ("end by version", version().with_turn(done())),
        ("end by turn", turn().with_turn(done())),
        ("new turn by version", version().with_turn(new_turn())),
        (
            "status by turn",
            turn().with_record(status(ConversationStatus::Ended)),
        ),
        (
            "deletion",
            version().with_record(status(ConversationStatus::Deleting)),
        ),
        ("two open turns", open.write().with_turn(new_turn())),
        (
            "a turn twice",
            open.write().with_turn(done()).with_turn(done()),
        ),
        ("an open turn cut off", open.write().with_truncate(cut())),
        (
            "a message again",
            open.write().with_append([message.clone()]),
        ),
        ("a message twice", {
            let twice = Message::user("x");
            open.write().with_append([twice.clone(), twice])
        }),
        (
            "an unknown turn",
            open.write().with_append([user("x", "nobody")]),
        ),
        (
            "an unknown message",
            open.write().with_replace([Message::user("x")]),
        ),
        (
            "cancel of nobody",
            turn().with_cancel_turn(turn_id("nobody")),
        ),
        ("a key twice", {
            let keyed = |name| {
                TurnRecord::new(turn_id(name))
                    .with_status(TurnStatus::Failed)
                    .with_idempotency_key(Some("k".into()))
            };
            open.write().with_turn(keyed("t3")).with_turn(keyed("t4"))
        }),
    ] {
        let error = store.apply(write).await.expect_err(name);
        assert_eq!(
            error.kind(),
            StateErrorKind::InvalidInput,
            "{name}: {error:?}"
        );
        assert_eq!(snapshot(&*store, "a").await, before, "{name}");
    }
    // Without a turn there is no lease.
    let idle = create(&*store, "b").await;
    let lease = write(&idle).with_lease(take("x"));
    assert_kind(store.apply(lease).await, StateErrorKind::InvalidInput);
}

pub(super) async fn values_beyond_their_limits_are_refused(harness: &dyn Harness) {
    let store = harness.open().await;
    let known = create(&*store, "a").await;
    let before = snapshot(&*store, "a").await;
    let fields =
        |update| StateWrite::new(&known, Fence::Version(known.version)).with_record(update);
    let long = |bytes: usize| "x".repeat(bytes);
    let entry = |bytes| PlannerEntry::new("k", RawJson::from(json!(long(bytes))));
    let keyed = TurnRecord::new(turn_id("t")).with_idempotency_key(Some(long(257)));
    let children = (0..2000).map(|n| id(&format!("child-{n}")));
    for (name, write) in [
        (
            "title",
            fields(RecordUpdate::new().with_title(Some(long(MAX_METADATA_BYTES)))),
        ),
        ("metadata", {
            let mut metadata = serde_json::Map::new();
            metadata.insert("x".into(), long(MAX_METADATA_BYTES).into());
            fields(RecordUpdate::new().with_metadata(metadata))
        }),
        (
            "tags",
            fields(RecordUpdate::new().with_tags((0..65).map(|n| n.to_string()))),
        ),
        ("tag", fields(RecordUpdate::new().with_tags([long(129)]))),
        (
            "children",
            fields(RecordUpdate::new().with_children(children)),
        ),
        (
            "planner",
            write(&known).with_planner(entry(MAX_PLANNER_BYTES)),
        ),
        ("key", write(&known).with_turn(keyed)),
    ] {
        let error = store.apply(write).await.expect_err(name);
        assert_eq!(error.kind(), StateErrorKind::TooLarge, "{name}: {error:?}");
        assert!(error.is_definite() && !error.is_retryable());
        assert_eq!(snapshot(&*store, "a").await, before, "{name}");
    }
    let large = record("b").with_title(Some(long(MAX_METADATA_BYTES)));
    let refused = store.create(NewConversation::new(large)).await;
    assert_kind(refused, StateErrorKind::TooLarge);
    // What just fits is taken.
    let fits = fields(RecordUpdate::new().with_title(Some(long(MAX_METADATA_BYTES - 20))))
        .with_planner(entry(MAX_PLANNER_BYTES - 2));
    store.apply(fits).await.unwrap();
}
