//! Messages that are replaced and cut off.

use conversation_types::Message;

use crate::conformance::harness::Harness;
use crate::conformance::steps::*;
use crate::error::StateErrorKind;
use crate::load::{LoadOptions, Window};
use crate::turn::{PendingCall, TurnRecord, TurnStatus};
use crate::update::RecordUpdate;
use crate::write::{Truncation, TruncationMode};

pub(super) async fn replaced_messages_keep_their_place(harness: &dyn Harness) {
    let store = harness.open().await;
    let known = create(&*store, "a").await;
    let messages = ["a", "b", "c", "d"].map(Message::user);
    let known = store
        .apply(write(&known).with_append(messages.clone()))
        .await
        .unwrap()
        .record;
    let other = create(&*store, "b").await;
    let same = [Message::user("b").with_id(messages[1].id.clone())];
    store.apply(write(&other).with_append(same)).await.unwrap();

    let replaced = [("B", 1), ("D", 3)]
        .map(|(text, n): (&str, usize)| Message::user(text).with_id(messages[n].id.clone()));
    let replace = write(&known).with_replace(replaced);
    let known = store.apply(replace).await.unwrap().record;
    assert_eq!((known.version, known.message_count), (3, 4));
    assert_eq!(history(&*store, "a").await, ["a", "B", "c", "D"]);
    assert_eq!(history(&*store, "b").await, ["b"]);
    // All or nothing.
    let before = snapshot(&*store, "a").await;
    let half = [
        Message::user("A").with_id(messages[0].id.clone()),
        Message::user("new"),
    ];
    let half = write(&known).with_replace(half);
    assert_kind(store.apply(half).await, StateErrorKind::InvalidInput);
    assert_eq!(snapshot(&*store, "a").await, before);
}

pub(super) async fn cut_off_messages_are_kept_on_a_branch(harness: &dyn Harness) {
    let store = harness.open().await;
    let mut known = create(&*store, "a").await;
    for n in 0..3 {
        known = run_turn(&*store, &known, &format!("t{n}")).await;
    }
    let loaded = load(&*store, "a", Window::All).await;
    let update = RecordUpdate::new().with_externalized_through(6);
    // An edit: what follows the first turn goes, and another turn begins.
    let cut = Truncation::new(
        Some(loaded.messages[1].message.id.clone()),
        TruncationMode::KeepAsBranch,
    );
    let edit = begin_write(&known, "t3", "edited")
        .with_truncate(cut)
        .with_record(update);
    let applied = store.apply(edit).await.unwrap();
    let edited = &applied.record;
    assert_eq!((edited.branch, edited.message_count), (1, 3));
    assert!(edited.externalized_through <= 3);
    let q0 = ["question of t0", "answer of t0", "edited"];
    assert_eq!(history(&*store, "a").await, q0);
    assert_eq!(texts(&load(&*store, "a", Window::NewestTurns(9)).await), q0);
    assert_eq!(
        texts(&load(&*store, "a", Window::NewestTurns(1)).await),
        ["edited"]
    );
    // They are there when they are asked for, and found.
    let options = LoadOptions::new(Window::All).with_branches(true);
    let all = store.load(&id("a"), options).await.unwrap().unwrap();
    let places: Vec<(u32, u64)> = all
        .messages
        .iter()
        .map(|m| (m.branch, m.position))
        .collect();
    assert_eq!(
        places,
        [(0, 0), (0, 1), (0, 2), (1, 2), (1, 3), (1, 4), (1, 5)]
    );
    let cut_off = &loaded.messages[4].message;
    let place = store
        .find_message(&id("a"), &cut_off.id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!((place.branch, place.position), (1, 4));
    let turn = load(&*store, "a", Window::Turn(turn_id("t2"))).await;
    assert_eq!(texts(&turn), ["question of t2", "answer of t2"]);
    // A second cut has a branch of its own.
    let open = OpenTurn {
        record: TurnRecord::new(turn_id("t3")),
        epoch: applied.epoch.unwrap(),
        applied,
    };
    let failed = open.record.clone().with_status(TurnStatus::Failed);
    let end = open.write().with_turn(failed);
    let known = store.apply(end).await.unwrap().record;
    let everything = Truncation::new(None, TruncationMode::KeepAsBranch);
    let cut = write(&known).with_truncate(everything);
    let known = store.apply(cut).await.unwrap().record;
    assert_eq!((known.branch, known.message_count), (2, 0));
    assert!(history(&*store, "a").await.is_empty());
    let known = run_turn(&*store, &known, "t4").await;
    assert_eq!(history(&*store, "a").await.len(), 2);
    assert_eq!(known.message_count, 2);
}

pub(super) async fn removed_messages_are_gone_with_their_turns(harness: &dyn Harness) {
    let store = harness.open().await;
    let known = create(&*store, "a").await;
    let known = run_turn(&*store, &known, "t0").await;
    let mut begin = begin_write(&known, "t1", "question");
    begin.turns[0].idempotency_key = Some("key".into());
    let applied = store.apply(begin).await.unwrap();
    let open = OpenTurn {
        record: TurnRecord::new(turn_id("t1")),
        epoch: applied.epoch.unwrap(),
        applied,
    };
    let known = store
        .apply(open.finish(TurnStatus::Failed, "half"))
        .await
        .unwrap()
        .record;
    let loaded = load(&*store, "a", Window::All).await;
    // An open turn cannot be cut off from under its owner.
    let after = |n: usize| Some(loaded.messages[n].message.id.clone());
    let cut = Truncation::new(after(1), TruncationMode::Remove);
    let known = store
        .apply(write(&known).with_truncate(cut))
        .await
        .unwrap()
        .record;
    assert_eq!((known.message_count, known.branch), (2, 0));
    let options = LoadOptions::new(Window::All)
        .with_branches(true)
        .with_turn(turn_id("t1"))
        .with_key("key");
    let left = store.load(&id("a"), options).await.unwrap().unwrap();
    assert_eq!(left.messages.len(), 2);
    assert!(left.turn(&turn_id("t1")).is_none() && left.keyed_turn.is_none());
    let gone = &loaded.messages[3].message.id;
    assert_eq!(store.find_message(&id("a"), gone).await.unwrap(), None);
    // A message that is gone is no place to cut at.
    let cut = Truncation::new(after(3), TruncationMode::Remove);
    let refused = store.apply(write(&known).with_truncate(cut)).await;
    assert_kind(refused, StateErrorKind::InvalidInput);
    let known = run_turn(&*store, &known, "t2").await;
    assert_eq!(known.message_count, 4);
    assert_eq!(
        load(&*store, "a", Window::NewestTurns(1))
            .await
            .messages
            .len(),
        2
    );
}

pub(super) async fn a_turn_that_ends_with_its_cut_goes_with_it(harness: &dyn Harness) {
    let store = harness.open().await;
    for (name, mode) in [
        ("a", TruncationMode::KeepAsBranch),
        ("b", TruncationMode::Remove),
    ] {
        let known = create(&*store, name).await;
        let known = run_turn(&*store, &known, "t0").await;
        let mut open = begin(&*store, &known, "t1").await;
        let mut waits = open.record.clone().with_status(TurnStatus::Suspended);
        waits.pending = vec![PendingCall::new("token", "call")];
        let suspend = open.write().with_turn(waits.clone());
        open.apply(&*store, suspend).await;
        let before = load(&*store, name, Window::All).await;
        let cut = Truncation::new(Some(before.messages[1].message.id.clone()), mode);
        let edit = open
            .write()
            .with_truncate(cut)
            .with_append([user("edited", "t2")])
            .with_turn(waits.with_status(TurnStatus::Interrupted))
            .with_turn(TurnRecord::new(turn_id("t2")))
            .with_lease(take("owner-1"));
        let edited = store.apply(edit).await.unwrap().record;
        assert_eq!(edited.current_turn, Some(turn_id("t2")));
        let newest = load(&*store, name, Window::NewestTurns(2)).await;
        assert_eq!(texts(&newest), ["question of t0", "answer of t0", "edited"]);
        let turns: Vec<&str> = newest.turns.iter().map(|turn| turn.id.as_str()).collect();
        assert_eq!(turns, ["t0", "t2"]);
        let cut_off = load(&*store, name, Window::Turn(turn_id("t1"))).await;
        let status = cut_off.turn(&turn_id("t1")).map(|turn| turn.status);
        let texts = texts(&cut_off);
        match mode {
            TruncationMode::Remove => assert_eq!((texts.len(), status), (0, None)),
            _ => {
                assert_eq!(texts, ["question of t1"]);
                assert_eq!(status, Some(TurnStatus::Interrupted));
                assert_eq!(cut_off.messages[0].branch, 1);
            }
        }
    }
}
