//! The index of references.

use std::time::Duration;

use conversation_types::{Message, OmissionReason, OmittedMedia, OpaqueData, Part, RawJson};
use serde_json::json;

use crate::conformance::harness::Harness;
use crate::conformance::steps::*;
use crate::limits::UNNAMED_KEPT_FOR;
use crate::load::Window;
use crate::reference::ReferenceKey;
use crate::store::StateStore;
use crate::write::{Fence, StateWrite, Truncation, TruncationMode};

async fn named(store: &dyn StateStore, names: &[&str]) -> Vec<bool> {
    let keys: Vec<ReferenceKey> = names.iter().map(|name| reference_key(name)).collect();
    store.references(&keys).await.unwrap()
}

pub(super) async fn messages_are_found_by_their_references(harness: &dyn Harness) {
    let store = harness.open().await;
    let known = create(&*store, "a").await;
    let nested = json!({"type": "later", "deep": [{"storage_reference": reference("nested")}]});
    let omitted = OmittedMedia::new(&picture("omitted"), OmissionReason::Refused, "");
    let opaque = OpaqueData::Stored(reference("opaque"));
    let mut message = message_with("media");
    message.content.extend([
        omitted.into(),
        Part::reasoning("", Some(("openai".into(), opaque))),
        serde_json::from_value(nested).unwrap(),
    ]);
    message.extra.insert(
        "storage_reference",
        RawJson::from(json!(reference("extra"))),
    );
    let twice = Message::user(vec![picture("media").into(), picture("media").into()]);
    let names = ["media", "omitted", "opaque", "nested", "extra", "nobody"];
    let all = [true, true, true, true, true, false];
    let write_both = write(&known).with_append([message.clone(), twice.clone()]);
    let known = store.apply(write_both).await.unwrap().record;
    assert_eq!(named(&*store, &names).await, all);
    // Backend and store are part of the name.
    let key = reference_key("media");
    let other_store = ReferenceKey::new("file", Some("eu".into()), key.id.clone());
    let other_backend = ReferenceKey::new("s3", None, key.id.clone());
    let found = store
        .references(&[other_store, key, other_backend])
        .await
        .unwrap();
    assert_eq!(found, [false, true, false]);

    // On a branch they are named; a replacement names something else.
    let cut = Truncation::new(None, TruncationMode::KeepAsBranch);
    let known = store
        .apply(write(&known).with_truncate(cut))
        .await
        .unwrap()
        .record;
    assert_eq!(named(&*store, &names).await, all);
    let replaced = message_with("new").with_id(message.id.clone());
    let replace = StateWrite::new(&known, Fence::Version(known.version)).with_replace([replaced]);
    let known = store.apply(replace).await.unwrap().record;
    let left = named(&*store, &["new", "media", "omitted", "nested"]).await;
    assert_eq!(
        left,
        [true, true, false, false],
        "the other message still names it"
    );
    let other = create(&*store, "b").await;
    let added = write(&other).with_append([message_with("new")]);
    let other = store.apply(added).await.unwrap().record;
    // Of what is removed, nothing is named, unless something else names it.
    let last = write(&known).with_append([message_with("last")]);
    let known = store.apply(last).await.unwrap().record;
    let cut = |record| write(record).with_truncate(Truncation::new(None, TruncationMode::Remove));
    store.apply(cut(&known)).await.unwrap();
    assert_eq!(named(&*store, &["last", "new"]).await, [false, true]);
    store.apply(cut(&other)).await.unwrap();
    assert_eq!(
        named(&*store, &["new"]).await,
        [true],
        "on a branch of the first"
    );
    store.purge(&id("a")).await.unwrap();
    assert_eq!(named(&*store, &["new", "media"]).await, [false, false]);
    assert!(store.references(&[]).await.unwrap().is_empty());
}

pub(super) async fn references_of_a_conversation_are_paged(harness: &dyn Harness) {
    let store = harness.open().await;
    let known = create(&*store, "a").await;
    let messages = (0..25).map(|n| message_with(&format!("m{:02}", n % 20)));
    let known = store
        .apply(write(&known).with_append(messages))
        .await
        .unwrap()
        .record;
    let middle = load(&*store, "a", Window::Range(9..10)).await;
    let after = Some(middle.messages[0].message.id.clone());
    let cut = Truncation::new(after, TruncationMode::KeepAsBranch);
    store.apply(write(&known).with_truncate(cut)).await.unwrap();
    let other = create(&*store, "b").await;
    store
        .apply(write(&other).with_append([message_with("other")]))
        .await
        .unwrap();

    let expected: Vec<_> = (0..20)
        .map(|n| reference_key(&format!("m{n:02}")))
        .collect();
    for limit in [1, 7, 20, 100] {
        let mut found: Vec<ReferenceKey> = Vec::new();
        loop {
            let page = store
                .referenced_by(&id("a"), found.last(), limit)
                .await
                .unwrap();
            assert!(page.len() <= limit);
            if page.is_empty() {
                break;
            }
            found.extend(page);
        }
        assert_eq!(found, expected);
    }
    let nobody = store.referenced_by(&id("nobody"), None, 9).await.unwrap();
    assert!(nobody.is_empty());
}

pub(super) async fn unnamed_references_are_remembered_until_named(harness: &dyn Harness) {
    let store = harness.open().await;
    let keys = ["a", "b", "c"].map(reference_key);
    let first = store.observe_unnamed(&keys[..2]).await.unwrap();
    let hour = Duration::from_secs(3600);
    harness.advance(hour).await;
    let second = store.observe_unnamed(&keys).await.unwrap();
    assert_eq!(second[..2], first);
    assert!(second[2] >= first[0] + hour);
    // What a message names is forgotten, and what somebody asks to forget.
    let known = create(&*store, "a").await;
    store
        .apply(write(&known).with_append([message_with("a")]))
        .await
        .unwrap();
    store.forget_unnamed(&keys[1..2]).await.unwrap();
    store.forget_unnamed(&keys[1..2]).await.unwrap();
    harness.advance(hour).await;
    let third = store.observe_unnamed(&keys).await.unwrap();
    assert!(third[0] > second[0] && third[1] > second[1]);
    assert_eq!(third[2], second[2]);
}

pub(super) async fn what_was_unnamed_long_ago_is_forgotten(harness: &dyn Harness) {
    let store = harness.open().await;
    let keys = ["a", "b", "c"].map(reference_key);
    let first = store.observe_unnamed(&keys[..1]).await.unwrap();
    let many = (0..1500).map(|n| reference_key(&format!("many {n}")));
    let many: Vec<ReferenceKey> = many.collect();
    let of_many = store.observe_unnamed(&many).await.unwrap();
    let hour = Duration::from_secs(3600);
    harness.advance(UNNAMED_KEPT_FOR - hour).await;
    let second = store.observe_unnamed(&keys[..2]).await.unwrap();
    assert_eq!(second[0], first[0]);
    harness.advance(2 * hour).await;
    store.observe_unnamed(&keys[2..]).await.unwrap();
    let third = store.observe_unnamed(&keys[..2]).await.unwrap();
    assert!(third[0] > second[0], "{third:?}");
    assert_eq!(third[1], second[1]);
    let again = store.observe_unnamed(&many).await.unwrap();
    let is_new = |(again, first)| again > first;
    assert!(again.iter().zip(&of_many).all(is_new));
}
