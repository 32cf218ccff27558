//! What listeners and the log are told, and what never.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use conversation_sdk::{Event, InMemoryStateStore, Listener, StateErrorKind};
use media_storage::{InMemoryStorage, StorageErrorKind};
use media_storage_testkit::{Call, Fault, FaultyStorage};
use media_types::base64;
use tracing::instrument::WithSubscriber;

use crate::support::trace::Traced;
use crate::support::{
    FaultyState, Heard, KIB, Scripted, StateFault, builder, config, pack, picture, picture_bytes,
};

#[tokio::test]
async fn a_turn_is_told_in_order_with_sizes_and_times() {
    let (provider, store, heard) = (Scripted::new(), InMemoryStorage::new(), Heard::default());
    let manager = builder(&provider, &store)
        .with_listener(heard.clone())
        .build()
        .unwrap();
    let mut conversation = manager.new_conversation(&pack(), config()).await.unwrap();
    conversation
        .send_with_media("x", [picture(1, 200 * KIB)])
        .await
        .unwrap();
    let names = heard.names();
    assert_eq!((names[0], *names.last().unwrap()), ("stored", "saved"));
    assert!(
        names[1..names.len() - 1]
            .iter()
            .all(|name| *name == "retrieved"),
        "{names:?}"
    );
    let events = heard.events();
    let Event::MediaStored {
        size,
        metadata,
        reference,
        ..
    } = &events[0]
    else {
        panic!("{events:?}");
    };
    assert_eq!(*size, 200 * KIB as u64);
    assert_eq!(metadata.conversation(), Some(conversation.id()));
    assert_eq!(reference.size(), Some(*size));
    let Some(Event::TurnSaved {
        messages, usage, ..
    }) = events.last()
    else {
        panic!("{events:?}");
    };
    assert_eq!((*messages, usage.input_tokens), (2, 10));
}

/// Falls over at every event.
#[derive(Debug)]
struct Panics;

impl Listener for Panics {
    fn on_event(&self, _: &Event) {
        panic!("the listener fell over");
    }
}

#[tokio::test]
async fn a_listener_that_panics_changes_nothing() {
    let (provider, store, heard) = (Scripted::new(), InMemoryStorage::new(), Heard::default());
    let manager = builder(&provider, &store)
        .with_listener(Panics)
        .with_listener(heard.clone())
        .build()
        .unwrap();
    let mut conversation = manager.new_conversation(&pack(), config()).await.unwrap();
    let response = conversation
        .send_with_media("x", [picture(1, 200 * KIB)])
        .await
        .unwrap();
    assert_eq!(crate::support::references(response.messages()).len(), 1);
    assert!(heard.names().contains(&"saved"));
}

#[tokio::test]
async fn neither_log_nor_debug_nor_errors_hold_bytes_or_words() {
    let traced = Traced::default();
    // With a single subscriber, what is traced first on another thread would be off everywhere.
    let _second = tracing::Dispatch::new(Traced::default());
    let shown = async {
        let mut shown = String::new();
        let store = FaultyStorage::new(InMemoryStorage::new());
        let state = FaultyState::new(InMemoryStateStore::new());
        let heard = Heard::default();
        let manager = conversation_sdk::ConversationManager::builder()
            .with_provider(Scripted::new())
            .with_media_storage(store.clone())
            .with_state_store(state.clone())
            .with_listener(heard.clone())
            .build()
            .unwrap();
        let mut conversation = manager
            .new_conversation(&pack(), config().with_variable("mood", "s3cret mood"))
            .await
            .unwrap();
        let media = || [picture(1, 200 * KIB), picture(2, 3 * KIB)];
        let response = conversation
            .send_with_media("private words", media())
            .await
            .unwrap();
        shown.push_str(&format!("{:?}", response.media()));
        store.inject(Fault::nth(Call::Store, 3).fail(StorageErrorKind::DiskSpace));
        let response = conversation
            .send_with_media("private words", media())
            .await
            .unwrap();
        shown.push_str(&format!("{:?}", response.kept_inline()));
        state.inject(StateFault::AppendBefore);
        let error = conversation
            .send_with_media("private words", media())
            .await
            .unwrap_err();
        assert_eq!(
            error.state_error().unwrap().kind(),
            StateErrorKind::Unavailable
        );
        shown.push_str(&format!("{error} {error:?} {conversation:?} {manager:?}"));
        shown.push_str(&format!("{:?}", heard.events()));
        conversation.end().await.unwrap();
        manager
            .delete_conversation(&conversation.id().clone())
            .await
            .unwrap();
        shown
    }
    .with_subscriber(traced.clone())
    .await;
    let log = traced.text();
    for word in [
        "turn",
        "media stored",
        "media opened",
        "media stays inline",
        "media deleted",
    ] {
        assert!(log.contains(word), "{word} is not in the log:\n{log}");
    }
    for text in [log, shown] {
        for seed in [1, 2] {
            let encoded = base64::encode(&picture_bytes(seed, 3 * KIB));
            assert!(!text.contains(&encoded[12..40]));
            let listed = format!("{:?}", &picture_bytes(seed, 3 * KIB)[8..16]);
            assert!(!text.contains(listed.trim_matches(['[', ']'])));
        }
        assert!(
            !text.contains("private words") && !text.contains("s3cret"),
            "{text}"
        );
    }
}
