//! Creating and finding conversations.

use crate::conformance::harness::Harness;
use crate::conformance::steps::*;
use crate::error::StateErrorKind;
use crate::load::Window;
use crate::outcome::{Created, NewConversation};

pub(super) async fn a_conversation_is_created_once(harness: &dyn Harness) {
    let store = harness.open().await;
    let options = Window::All.into();
    assert!(store.load(&id("a"), options).await.unwrap().is_none());
    let new = NewConversation::new(record("a").with_title(Some("first".into())));
    let Created::New(created) = store.create(new.clone()).await.unwrap() else {
        panic!("a new conversation");
    };
    assert_eq!(
        (created.version, created.head, created.message_count),
        (1, 0, 0)
    );
    assert_eq!(created.incarnation, new.record.incarnation);
    assert!(created.created_at <= store.now().await.unwrap());
    // A repetition finds it, also after others have written.
    foreign_writes(&*store, "a", 3).await;
    let Created::New(again) = store.create(new).await.unwrap() else {
        panic!("the same conversation");
    };
    assert_eq!((again.version, again.incarnation), (4, created.incarnation));
    // Another write does not.
    let other = NewConversation::new(record("a"));
    assert_kind(store.create(other).await, StateErrorKind::Conflict);
    assert_eq!(load(&*store, "a", Window::MetadataOnly).await.record, again);
}

pub(super) async fn a_key_belongs_to_one_conversation_of_a_user(harness: &dyn Harness) {
    let store = harness.open().await;
    let keyed = |name: &str, user: Option<&str>| {
        let user = user.map(|user| user.parse().unwrap());
        NewConversation::new(record(name).with_user(user)).with_key(Some("key".into()))
    };
    let new = |created: Created| matches!(created, Created::New(_));
    let first = store.create(keyed("a", Some("u1"))).await.unwrap();
    assert!(new(first.clone()));
    // The same key of the same user gives the conversation and creates none.
    let second = store.create(keyed("b", Some("u1"))).await.unwrap();
    assert_eq!(second, Created::Existing(first.into_record()));
    assert!(
        store
            .load(&id("b"), Window::All.into())
            .await
            .unwrap()
            .is_none()
    );
    // Keys of other users are other keys, and so are those of nobody.
    assert!(new(store.create(keyed("c", Some("u2"))).await.unwrap()));
    assert!(new(store.create(keyed("d", None)).await.unwrap()));
    let nobody = store.create(keyed("e", None)).await.unwrap();
    assert_eq!(nobody.into_record().id, id("d"));
    // A conversation that is deleted gives its key free.
    store.tombstone(&id("a"), LEASE).await.unwrap();
    let again = store.create(keyed("f", Some("u1"))).await.unwrap();
    assert_eq!(again.into_record().id, id("f"));
}

pub(super) async fn identity_and_state_survive_reopening(harness: &dyn Harness) {
    let store = harness.open().await;
    let info = store.info().await.unwrap();
    let known = create(&*store, "a").await;
    let known = run_turn(&*store, &known, "t1").await;
    let before = snapshot(&*store, "a").await;
    drop(store);
    let store = harness.open().await;
    assert_eq!(store.info().await.unwrap(), info);
    assert_eq!(snapshot(&*store, "a").await, before);
    let known = run_turn(&*store, &known, "t2").await;
    assert_eq!(known.message_count, 4);
    // Two handles see each other.
    let other = harness.open().await;
    assert_eq!(load(&*other, "a", Window::All).await.record, known);
}

pub(super) async fn ids_are_data(harness: &dyn Harness) {
    let store = harness.open().await;
    let long = "x".repeat(1024);
    let names = [
        "..",
        "a/b",
        "a:b",
        "{a}",
        "'; DROP TABLE messages; --",
        "a%b",
        "A",
        "a",
        "caf\u{e9}",
        "cafe\u{301}",
        "a\u{0}b",
        "a\u{0}c",
        "a b",
        "*",
        &long,
    ];
    for name in names {
        let known = create(&*store, name).await;
        let mut message = conversation_types::Message::user(name);
        message.id = name[..name.len().min(128)].parse().unwrap();
        store
            .apply(write(&known).with_append([message]))
            .await
            .unwrap();
    }
    for name in names {
        assert_eq!(history(&*store, name).await, [name]);
        let message = name[..name.len().min(128)].parse().unwrap();
        let place = store.find_message(&id(name), &message).await.unwrap();
        assert_eq!(place.unwrap().position, 0);
    }
    store.purge(&id("a")).await.unwrap();
    assert_eq!(history(&*store, "A").await, ["A"]);
    assert_eq!(history(&*store, "a\u{0}b").await, ["a\u{0}b"]);
}
