//! What a store has to bear.

use conversation_types::{Message, RawJson, Role};
use serde_json::json;

use crate::conformance::harness::Harness;
use crate::conformance::steps::*;
use crate::load::Window;
use crate::outcome::NewConversation;
use crate::record::ConversationRecord;
use crate::turn::TurnRecord;
use crate::update::RecordUpdate;
use crate::write::{Fence, StateWrite};

pub(super) async fn what_this_version_does_not_know_survives(harness: &dyn Harness) {
    let store = harness.open().await;
    // A record and a turn of a later version.
    let mut later = serde_json::to_value(record("a")).unwrap();
    later["later"] = json!({"deep": [1, null, 1.5]});
    let later: ConversationRecord = serde_json::from_value(later).unwrap();
    let known = store
        .create(NewConversation::new(later))
        .await
        .unwrap()
        .into_record();
    let mut turn = serde_json::to_value(TurnRecord::new(turn_id("t1"))).unwrap();
    turn["later"] = json!("x");
    let turn: TurnRecord = serde_json::from_value(turn).unwrap();
    let text = r#"{"id":"m1","turn":"t1","role":"user","content":[{"type":"text","text":"x","more":{"a" : 1.50}},{"type":"hologram" ,"x":1}],"created_at":"2026-01-02T03:04:05.678Z","later":[1 , 2]}"#;
    let message: Message = serde_json::from_str(text).unwrap();
    let begin = write(&known)
        .with_turn(turn)
        .with_append([message])
        .with_lease(take("owner"));
    store.apply(begin).await.unwrap();
    foreign_writes(&*store, "a", 2).await;
    let loaded = load(&*store, "a", Window::All).await;
    assert_eq!(
        loaded.record.extra["later"],
        json!({"deep": [1, null, 1.5]})
    );
    assert_eq!(loaded.turns[0].extra["later"], "x");
    assert_eq!(
        serde_json::to_string(&loaded.messages[0].message).unwrap(),
        text
    );
}

pub(super) async fn unreadable_messages_are_never_rewritten(harness: &dyn Harness) {
    let store = harness.open().await;
    let known = create(&*store, "a").await;
    let text = r#"{ "role":"oracle","content" : [{"storage_reference":{"id":"s/c/deep.png","backend":"file"}}] }"#;
    let unreadable = Message::unknown(RawJson::from_text(text).unwrap(), "a later version");
    let messages = [Message::user("a"), unreadable.clone(), Message::user("b")];
    let known = store
        .apply(write(&known).with_append(messages))
        .await
        .unwrap()
        .record;
    for round in 0..2 {
        let loaded = load(&*store, "a", Window::All).await;
        assert_eq!(loaded.messages.len(), 3);
        let read = &loaded.messages[1].message;
        assert_eq!((read.role, &read.id), (Role::Unknown, &unreadable.id));
        assert!(read.unreadable_reason().is_some());
        assert_eq!(serde_json::to_string(read).unwrap(), text);
        let named = store.references(&[reference_key("deep")]).await.unwrap();
        assert_eq!(named, [true]);
        if round == 0 {
            // Somebody who rewrites what was read leaves it as it is.
            let all = loaded.messages.into_iter().map(|stored| stored.message);
            let rewrite = StateWrite::new(&known, Fence::Version(known.version))
                .with_replace(all)
                .with_record(RecordUpdate::new().with_externalized_through(3));
            store.apply(rewrite).await.unwrap();
        }
    }
}

pub(super) async fn sixteen_mebibytes_of_text_survive(harness: &dyn Harness) {
    let store = harness.open().await;
    assert!(store.limits().max_message_bytes >= 16 << 20);
    let known = create(&*store, "a").await;
    let unit = "text \u{0}\u{1f600}\"\\ ";
    let text = unit.repeat((16 << 20) / unit.len());
    let large = Message::user(text.as_str());
    let limits = store.limits();
    let size = serde_json::to_string(&large).unwrap().len();
    if size <= limits.max_message_bytes {
        let known = store
            .apply(write(&known).with_append([large]))
            .await
            .unwrap()
            .record;
        assert!(history(&*store, "a").await == [text], "the text is another");
        let next = write(&known).with_append([Message::user("next")]);
        store.apply(next).await.unwrap();
    }
    // Beyond the limit nothing is written.
    let known = create(&*store, "b").await;
    let beyond = Message::user("x".repeat(limits.max_message_bytes));
    let refused = store.apply(write(&known).with_append([beyond])).await;
    assert_kind(refused, crate::error::StateErrorKind::TooLarge);
    assert!(history(&*store, "b").await.is_empty());
}
