//! From the spool into the store, or back into the messages.

use conversation_sdk::{
    ConversationError, ConversationErrorKind, ConversationManager, InMemoryStateStore, Message,
    Middleware, ModelRequest, Next, OnStorageError, Role,
};
use media_storage::{RetentionPolicy, StorageErrorKind};
use media_storage_testkit::{Call, Fault, FaultyStorage};

use super::*;
use crate::support::{
    FaultyState, Heard, KIB, Scripted, StateFault, config, count, pack, references, says,
};

#[tokio::test]
async fn received_media_is_stored_with_its_turn_and_as_any_other() {
    let spools = Spools::new();
    let store = InMemoryStorage::new();
    let (provider, heard) = (Scripted::new().then_says(calls_paint()), Heard::default());
    let sizes = [(1, 100 * KIB - 1), (2, 100 * KIB), (3, 1000 * KIB)];
    let manager = ConversationManager::builder()
        .with_provider(provider.clone())
        .with_media_storage(store.clone())
        .with_tool(Paints(sizes.to_vec()))
        .with_listener(heard.clone())
        .with_config(
            spools
                .config()
                .with_media_default_policy(RetentionPolicy::Delete),
        )
        .build()
        .unwrap();
    let mut conversation = manager.new_conversation(&pack(), config()).await.unwrap();
    let response = conversation.send("paint").await.unwrap();
    spools.assert_empty();

    let expected = sizes.map(|(seed, len)| picture_bytes(seed, len));
    assert!(bytes_of(&store, &response).await == expected);
    let are_stored: Vec<bool> = response
        .media()
        .iter()
        .map(|m| m.reference().is_some())
        .collect();
    assert_eq!(are_stored, [false, true, true]);
    assert!(response.media().iter().all(|m| m.caption() == Some("mine")));
    // The model has seen them, though nothing was stored by then.
    let shown: Vec<_> = provider
        .last()
        .media
        .into_iter()
        .map(Result::unwrap)
        .collect();
    assert!(shown == expected);

    // What is known of them is what is known of media that came inline.
    let messages = conversation.messages().await.unwrap();
    assert_eq!(references(&messages).len(), 2);
    for (reference, part) in references(&messages).iter().zip([2, 3]) {
        assert_eq!(
            (reference.backend(), reference.size().is_some()),
            ("memory", true)
        );
        let metadata = store.retrieve(reference).await.unwrap().metadata;
        assert_eq!(metadata.conversation(), Some(conversation.id()));
        assert_eq!(metadata.session().unwrap().as_str(), "session-1");
        assert_eq!(metadata.user().unwrap().as_str(), "user-1");
        assert!(metadata.run().is_some());
        assert_eq!(
            (metadata.message_index(), metadata.content_index()),
            (Some(2), Some(part))
        );
        assert_eq!(metadata.retention(), Some(RetentionPolicy::Delete));
        let created_at = metadata.created_at().unwrap().timestamp_millis();
        assert_eq!(created_at, messages[2].created_at.timestamp_millis());
        assert_eq!(metadata.provider(), None);
    }
    let names = heard.names();
    assert_eq!(names.iter().filter(|name| **name == "stored").count(), 2);
    assert!(
        !names.contains(&"deleted") && !names.contains(&"missing"),
        "{names:?}"
    );

    let made = ConversationManager::builder()
        .with_provider(Painter(7, 300 * KIB))
        .with_media_storage(store.clone())
        .with_config(spools.config())
        .build()
        .unwrap();
    let mut conversation = made.new_conversation(&pack(), config()).await.unwrap();
    let response = conversation.send("paint").await.unwrap();
    let reference = response.media()[0].reference().unwrap();
    let metadata = store.retrieve(reference).await.unwrap().metadata;
    assert_eq!(metadata.provider(), Some("painter"));
    assert_eq!(
        (metadata.message_index(), metadata.content_index()),
        (Some(1), Some(1))
    );
    spools.assert_empty();
}

#[tokio::test]
async fn without_a_store_everything_is_inline_and_nothing_is_spooled() {
    let manager = ConversationManager::builder()
        .with_provider(Painter(1, 500 * KIB))
        .with_config(ManagerConfig::default().with_spool_directory("/nowhere/at/all"))
        .build()
        .unwrap();
    let mut conversation = manager.new_conversation(&pack(), config()).await.unwrap();
    let response = conversation.send("paint").await.unwrap();
    assert!(response.media()[0].inline().unwrap() == &picture_bytes(1, 500 * KIB));
}

#[tokio::test]
async fn a_batch_with_received_media_is_stored_whole_or_not_at_all() {
    for choice in [OnStorageError::KeepInline, OnStorageError::FailTurn] {
        for n in 1..=3 {
            // Before anything is stored, with the media half read, and when all is done.
            for fault in [
                Fault::nth(Call::Store, n),
                Fault::nth(Call::Store, n).in_body(150_000),
                Fault::nth(Call::Store, n).after_commit(),
            ] {
                let spools = Spools::new();
                let fault = fault.fail(StorageErrorKind::DiskSpace);
                let store = FaultyStorage::new(InMemoryStorage::new()).with_fault(fault);
                let manager = ConversationManager::builder()
                    .with_provider(
                        Scripted::new()
                            .then_says(calls_paint())
                            .then_says(says("ok")),
                    )
                    .with_media_storage(store.clone())
                    .with_tool(Paints(vec![(1, 400 * KIB), (2, 200 * KIB), (3, 300 * KIB)]))
                    .with_config(spools.config().with_on_storage_error(choice))
                    .build()
                    .unwrap();
                let mut conversation = manager.new_conversation(&pack(), config()).await.unwrap();
                let expected =
                    [(1, 400), (2, 200), (3, 300)].map(|(s, k)| picture_bytes(s, k * KIB));
                let outcome = conversation.send("paint").await;
                let response = match choice {
                    OnStorageError::KeepInline => {
                        let response = outcome.unwrap();
                        assert_eq!(response.kept_inline().len(), 3);
                        assert_eq!(response.kept_inline()[0].size, Some(400 * 1024));
                        let messages = conversation.messages().await.unwrap();
                        assert!(
                            messages[2]
                                .media()
                                .all(|content| content.inline().is_some())
                        );
                        response
                    }
                    _ => {
                        let error = outcome.unwrap_err();
                        assert_eq!(error.kind(), ConversationErrorKind::Storage);
                        assert!(conversation.messages().await.unwrap().is_empty());
                        error.answer().unwrap().clone()
                    }
                };
                assert!(bytes_of(store.inner(), &response).await == expected);
                manager.shutdown().await.unwrap();
                // A store that loses its answer leaves an orphan for the sweep, as it does for any
                // other media; everything that the turn knows of is gone.
                let told = store.stored().len() - store.deleted().len();
                assert_eq!(count(store.inner()).await, told);
                assert!(told <= 1, "{choice:?} {n}");
                spools.assert_empty();
            }
        }
    }
}

#[tokio::test]
async fn a_turn_that_cannot_be_saved_gives_the_bytes_back_and_leaves_nothing() {
    let (spools, store) = (Spools::new(), InMemoryStorage::new());
    let state = FaultyState::new(InMemoryStateStore::new());
    let manager = ConversationManager::builder()
        .with_provider(Painter(1, 300 * KIB))
        .with_media_storage(store.clone())
        .with_state_store(state.clone())
        .with_config(spools.config())
        .build()
        .unwrap();
    let mut conversation = manager.new_conversation(&pack(), config()).await.unwrap();
    state.inject(StateFault::AppendBefore);
    let error = conversation.send("paint").await.unwrap_err();
    assert_eq!(error.kind(), ConversationErrorKind::State);
    let media = error.answer().unwrap().media();
    assert!(media[0].inline().unwrap() == &picture_bytes(1, 300 * KIB));
    assert_eq!(count(&store).await, 0);
    spools.assert_empty();
}

/// Gives media inside of JSON that is not understood.
#[derive(Debug)]
struct Wraps;

#[async_trait]
impl Tool for Wraps {
    fn definition(&self) -> ToolDefinition {
        ToolDefinition::new("paint", "paints", json!({"type": "object"}))
    }
    async fn call(&self, _: Value) -> Result<ToolOutput, ToolError> {
        panic!("called outside of a turn");
    }
    async fn call_in(&self, _: Value, context: &ToolContext) -> Result<ToolOutput, ToolError> {
        let content = paint(context.receiver(), 1, 200 * KIB).await;
        let part = json!({"type": "tool_result", "n": 1, "content": [content]});
        let part = serde_json::from_str(&part.to_string()).unwrap();
        Ok(ToolOutput::new(vec![part]))
    }
}

#[tokio::test]
async fn received_media_inside_of_other_json_is_stored_too() {
    for fault in [
        None,
        Some(OnStorageError::KeepInline),
        Some(OnStorageError::FailTurn),
    ] {
        let (spools, store) = (Spools::new(), FaultyStorage::new(InMemoryStorage::new()));
        let mut settings = spools.config();
        if let Some(choice) = fault {
            store.inject(Fault::every(Call::Store).fail(StorageErrorKind::Unavailable));
            settings = settings.with_on_storage_error(choice);
        }
        let manager = ConversationManager::builder()
            .with_provider(Scripted::new().then_says(calls_paint()))
            .with_media_storage(store.clone())
            .with_tool(Wraps)
            .with_config(settings)
            .build()
            .unwrap();
        let mut conversation = manager.new_conversation(&pack(), config()).await.unwrap();
        let messages = match conversation.send("paint").await {
            Ok(response) => response.messages().to_vec(),
            Err(error) => error.answer().unwrap().messages().to_vec(),
        };
        let result = messages.iter().find(|message| message.role == Role::Tool);
        let Part::Unreadable(part) = &result.unwrap().content[0] else {
            panic!("the part changed its kind");
        };
        let part: Value = serde_json::from_str(part.json()).unwrap();
        let content: MediaContent = serde_json::from_value(part["content"][0].clone()).unwrap();
        let bytes = match content.reference() {
            Some(reference) => store.retrieve_bytes(reference, u64::MAX).await.unwrap(),
            None => content.inline().unwrap().clone(),
        };
        assert_eq!(content.inline().is_some(), fault.is_some());
        assert!(bytes == picture_bytes(1, 200 * KIB));
        spools.assert_empty();
    }
}

/// Shows the model's picture beside what the user said, whatever becomes of the user's own.
#[derive(Debug)]
struct Moves;

#[async_trait]
impl Middleware for Moves {
    async fn handle(
        &self,
        request: ModelRequest,
        next: Next<'_>,
    ) -> Result<Reply, ConversationError> {
        next.run(request).await
    }
    fn before_save(&self, messages: &mut Vec<Message>) {
        let part = messages[1].content.pop().unwrap();
        messages[0].content.push(part);
    }
}

#[tokio::test]
async fn received_media_is_stored_wherever_middleware_puts_it() {
    let spools = Spools::new();
    // The user's own picture is refused, so its message is not looked at again.
    let store = FaultyStorage::new(InMemoryStorage::new())
        .with_fault(Fault::nth(Call::Store, 1).fail(StorageErrorKind::Unavailable));
    let manager = ConversationManager::builder()
        .with_provider(Painter(1, 300 * KIB))
        .with_media_storage(store.clone())
        .with_middleware(Moves)
        .with_config(spools.config())
        .build()
        .unwrap();
    let mut conversation = manager.new_conversation(&pack(), config()).await.unwrap();
    let own = MediaContent::from_bytes(Mime::IMAGE_PNG, picture_bytes(2, 200 * KIB));
    let response = conversation.send_with_media("x", [own]).await.unwrap();
    let media: Vec<_> = response.messages()[0].media().collect();
    assert!(media[0].inline().is_some());
    let reference = media[1].reference().unwrap();
    assert!(
        store.retrieve_bytes(reference, u64::MAX).await.unwrap() == picture_bytes(1, 300 * KIB)
    );
    spools.assert_empty();
}
