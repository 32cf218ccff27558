//! Deleting conversations.

use std::time::Duration;

use conversation_types::Message;

use crate::conformance::harness::Harness;
use crate::conformance::steps::*;
use crate::error::StateErrorKind;
use crate::list::ConversationFilter;
use crate::load::Window;
use crate::outcome::NewConversation;
use crate::record::ConversationStatus;
use crate::store::StateStore;
use crate::turn::TurnStatus;
use crate::update::RecordUpdate;
use crate::write::{Fence, StateWrite};

pub(super) async fn a_tombstone_stops_every_write(harness: &dyn Harness) {
    let store = harness.open().await;
    let known = create(&*store, "a").await;
    let begun = begin_write(&known, "t1", "q");
    let applied = store.apply(begun.clone()).await.unwrap();
    let open = OpenTurn {
        record: begun.turns[0].clone(),
        epoch: applied.epoch.unwrap(),
        applied,
    };
    let marked = store.tombstone(&id("a"), LEASE).await.unwrap().unwrap();
    assert_eq!(marked.status, ConversationStatus::Deleting);
    assert_eq!(marked.version, open.applied.version + 1);
    let again = store.tombstone(&id("a"), LEASE).await.unwrap().unwrap();
    assert_eq!(again, marked);
    let active = RecordUpdate::new().with_status(ConversationStatus::Active);
    let version = |version| StateWrite::new(&marked, Fence::Version(version));
    for write in [
        open.finish(TurnStatus::Complete, "a"),
        StateWrite::new(&marked, open.head()).with_append([Message::user("x")]),
        version(marked.version).with_record(active),
        version(marked.version).with_record(RecordUpdate::new().with_title(None)),
    ] {
        assert_kind(store.apply(write).await, StateErrorKind::Conflict);
    }
    // What had been written before is known to have been.
    assert!(store.apply(begun).await.unwrap().replayed);
    let loaded = load(&*store, "a", Window::All).await;
    assert_eq!((loaded.record, loaded.messages.len()), (marked, 1));
    let other = NewConversation::new(record("a"));
    assert_kind(store.create(other).await, StateErrorKind::Conflict);
}

pub(super) async fn a_deleted_id_stays_refused_for_its_time(harness: &dyn Harness) {
    let store = harness.open().await;
    create(&*store, "a").await;
    let keep = Duration::from_secs(3600);
    // Also where no conversation is there yet.
    for name in ["a", "b"] {
        let held = store.tombstone(&id(name), keep).await.unwrap();
        assert_eq!(held.is_some(), name == "a");
        store.purge(&id(name)).await.unwrap();
        let new = NewConversation::new(record(name));
        assert_kind(store.create(new).await, StateErrorKind::Conflict);
        assert!(
            store
                .load(&id(name), Window::All.into())
                .await
                .unwrap()
                .is_none()
        );
        let late = write(&record(name)).with_append([Message::user("x")]);
        assert_kind(store.apply(late).await, StateErrorKind::NotFound);
    }
    // A shorter time takes nothing away from a longer one.
    store
        .tombstone(&id("a"), Duration::from_secs(1))
        .await
        .unwrap();
    harness.advance(keep / 2).await;
    let new = NewConversation::new(record("a"));
    assert_kind(store.create(new.clone()).await, StateErrorKind::Conflict);
    harness.advance(keep).await;
    store.create(new).await.unwrap();
}

pub(super) async fn purging_removes_everything(harness: &dyn Harness) {
    let store = harness.open().await;
    for name in ["a", "b"] {
        let tagged = record(name).with_tags(["tag"]);
        let new = NewConversation::new(tagged).with_key(Some(format!("key {name}")));
        let known = store.create(new).await.unwrap().into_record();
        let known = run_turn(&*store, &known, "t1").await;
        let media = write(&known).with_append([message_with(name), message_with("shared")]);
        store.apply(media).await.unwrap();
    }
    store.tombstone(&id("a"), Duration::ZERO).await.unwrap();
    let before = snapshot(&*store, "b").await;
    for _ in 0..2 {
        store.purge(&id("a")).await.unwrap();
        assert!(
            store
                .load(&id("a"), Window::All.into())
                .await
                .unwrap()
                .is_none()
        );
    }
    let keys = ["a", "b", "shared"].map(reference_key);
    assert_eq!(store.references(&keys).await.unwrap(), [false, true, true]);
    assert!(
        store
            .referenced_by(&id("a"), None, 9)
            .await
            .unwrap()
            .is_empty()
    );
    for filter in [
        ConversationFilter::new().with_tag("tag"),
        ConversationFilter::new().with_user("user-1".parse().unwrap()),
        ConversationFilter::new(),
    ] {
        let page = store.list(&filter).await.unwrap();
        assert_eq!(page.records.len(), 1);
    }
    assert_eq!(snapshot(&*store, "b").await, before);
    // The id is free once its tombstone is over, and nothing of the old one comes back.
    harness.advance(Duration::from_secs(1)).await;
    let new = NewConversation::new(record("a")).with_key(Some("key a".into()));
    let known = store.create(new).await.unwrap().into_record();
    assert_eq!((known.version, known.tags.len()), (1, 0));
    let known = run_turn(&*store, &known, "t1").await;
    assert_eq!(known.message_count, 2);
    assert_eq!(
        load(&*store, "a", Window::NewestTurns(9))
            .await
            .messages
            .len(),
        2
    );
    purge_of_a_long_one(&*store).await;
}

async fn purge_of_a_long_one(store: &dyn StateStore) {
    let mut known = create(store, "long").await;
    for part in 0..3 {
        let messages = (0..1000).map(|n| Message::user(format!("{part} {n}")));
        known = store
            .apply(write(&known).with_append(messages))
            .await
            .unwrap()
            .record;
    }
    assert_eq!(known.message_count, 3000);
    store.purge(&id("long")).await.unwrap();
    assert!(
        store
            .load(&id("long"), Window::All.into())
            .await
            .unwrap()
            .is_none()
    );
    create(store, "long").await;
    assert!(history(store, "long").await.is_empty());
}
