//! Conversations that keep their media for a time of their own.

use std::sync::Arc;

use conversation_providers::testing::{ScriptedAnswer, ScriptedProvider};
use conversation_sdk::{
    ConversationManager, ManagerConfig, Message, Owner, Start, StateStore, Window,
};
use media_storage::{InMemoryStorage, MediaStorageExt, RetentionPolicy};

use crate::support::{KIB, image, references};

const OF_THE_MANAGER: RetentionPolicy = RetentionPolicy::RetainDays(30);
const OWN: RetentionPolicy = RetentionPolicy::RetainHours(5);

fn node(state: &Arc<dyn StateStore>, store: &InMemoryStorage) -> ConversationManager {
    let provider = ScriptedProvider::new().with_handler(|_| ScriptedAnswer::new().text("ok"));
    ConversationManager::builder()
        .with_provider(provider)
        .with_media_storage(store.clone())
        .with_state_store(Arc::clone(state))
        .with_config(ManagerConfig::new().with_media_default_policy(OF_THE_MANAGER))
        .build()
        .unwrap()
}

/// The retention of the media of the last message that has any.
async fn last(store: &InMemoryStorage, messages: &[Message]) -> Option<RetentionPolicy> {
    let reference = references(messages).pop().unwrap();
    let media = store.retrieve(&reference).await.unwrap();
    media.metadata.retention()
}

async fn keeps_its_own(state: Arc<dyn StateStore>) {
    let store = InMemoryStorage::new();
    let manager = node(&state, &store);
    let other = Start::new().with_user("ada");
    let mut other = manager.start(other).await.unwrap();
    let start = Start::new().with_user("ada").with_media_retention(OWN);
    let started = manager.start(start).await.unwrap();

    // Another node knows it from the record.
    let second = node(&state, &store);
    let resumed = second.resume(started.id(), Owner::any()).await;
    let mut resumed = resumed.unwrap();
    let mut child = resumed.child(Start::new()).await.unwrap();
    let shorter = RetentionPolicy::DeleteAfterMinutes(9);
    let own = Start::new().with_media_retention(shorter);
    let mut own_child = resumed.child(own).await.unwrap();
    resumed.send("Hi").await.unwrap();
    let first = resumed.messages(Window::All).await.unwrap().remove(0);
    let mut branch = resumed.branch(&first.id).await.unwrap();

    let all = [
        (&mut other, OF_THE_MANAGER),
        (&mut resumed, OWN),
        (&mut child, OWN),
        (&mut own_child, shorter),
        (&mut branch, OWN),
    ];
    for (conversation, expected) in all {
        let photo = image(1, 200 * KIB);
        conversation.send_with_media("see", [photo]).await.unwrap();
        let messages = conversation.messages(Window::All).await.unwrap();
        assert_eq!(last(&store, &messages).await, Some(expected));
    }
}

#[tokio::test]
async fn a_conversation_keeps_its_media_as_long_as_it_was_told_and_so_do_child_and_branch() {
    keeps_its_own(Arc::new(conversation_sdk::InMemoryStateStore::new())).await;
}

#[cfg(feature = "sqlite")]
#[tokio::test]
async fn a_retention_of_a_conversation_is_kept_in_sqlite() {
    let directory = tempfile::tempdir().unwrap();
    let state = conversation_sdk::SqliteStateStore::open(directory.path().join("state.db"));
    keeps_its_own(Arc::new(state.await.unwrap())).await;
}
