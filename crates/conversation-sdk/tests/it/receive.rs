//! Media that models and tools hand over piece by piece.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use conversation_sdk::provider::{Completion, ProviderRequest, Reply};
use conversation_sdk::receive::{MediaReceiver, ReceiveErrorKind};
use conversation_sdk::{
    ConversationError, ConversationErrorKind, ConversationManager, InMemoryStateStore,
    ManagerConfig, MediaContext, Message, Middleware, ModelRequest, Next, OnStorageError, Part,
    Provider, ProviderError, ProviderErrorKind, ReferenceAccess, Response, Role, Tool, ToolCall,
    ToolContext, ToolDefinition, ToolError, ToolOutput, TurnEvent,
};
use media_loader::{LoadErrorKind, LoadOptions};
use media_storage::{
    InMemoryStorage, Inventory, MediaStorageExt, RetentionPolicy, Scope, StorageErrorKind,
};
use media_storage_testkit::{Call, Fault, FaultyStorage};
use media_types::{MediaContent, Mime};
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::races::poll_times;
use crate::support::{
    FaultyState, Heard, KIB, Scripted, StateFault, config, count, pack, picture_bytes, references,
    says,
};

/// The spools of these tests: a directory in which nothing may be seen, and whose files must be
/// closed in the end.
pub(crate) struct Spools(tempfile::TempDir);

impl Spools {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn config(&self) -> ManagerConfig {
        ManagerConfig::default().with_spool_directory(self.path())
    }

    /// How many files are in use. Their names are gone, so only this process knows of them.
    #[cfg(target_os = "linux")]
    pub(crate) fn open(&self) -> usize {
        let ours = |link: std::io::Result<std::path::PathBuf>| {
            link.is_ok_and(|path| path.starts_with(self.path()))
        };
        std::fs::read_dir("/proc/self/fd")
            .unwrap()
            .filter(|entry| ours(std::fs::read_link(entry.as_ref().unwrap().path())))
            .count()
    }

    #[cfg(not(target_os = "linux"))]
    pub(crate) fn open(&self) -> usize {
        0
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.path().read_dir().unwrap().next().is_none() && self.open() == 0
    }

    pub(crate) fn assert_empty(&self) {
        assert_eq!(self.path().read_dir().unwrap().count(), 0);
        assert_eq!(self.open(), 0, "spools are still open");
    }
}

/// Hands a picture over in pieces.
pub(crate) async fn paint(receiver: &MediaReceiver, seed: u64, len: usize) -> MediaContent {
    let mut incoming = receiver.begin();
    for piece in picture_bytes(seed, len).chunks(50_001) {
        incoming.write(piece).await.unwrap();
    }
    incoming.finish(&Mime::IMAGE_PNG).await.unwrap()
}

/// A tool that makes pictures of these seeds and sizes.
#[derive(Clone, Debug)]
struct Paints(Vec<(u64, usize)>);

#[async_trait]
impl Tool for Paints {
    fn definition(&self) -> ToolDefinition {
        ToolDefinition::new("paint", "paints", json!({"type": "object"}))
    }

    async fn call(&self, arguments: Value) -> Result<ToolOutput, ToolError> {
        self.call_in(arguments, &ToolContext::new()).await
    }

    async fn call_in(&self, _: Value, context: &ToolContext) -> Result<ToolOutput, ToolError> {
        let mut parts = vec![Part::from("here")];
        for (seed, len) in &self.0 {
            let content = paint(context.receiver(), *seed, *len).await;
            parts.push(content.with_caption("mine").into());
        }
        Ok(ToolOutput::new(parts))
    }
}

/// A model that answers with a picture, after words.
#[derive(Clone, Debug)]
struct Painter(u64, usize);

#[async_trait]
impl Provider for Painter {
    fn name(&self) -> &str {
        "painter"
    }
    fn model(&self) -> &str {
        "oil"
    }
    async fn respond(
        &self,
        _: ProviderRequest<'_>,
        media: &MediaContext,
    ) -> Result<Reply, ProviderError> {
        let content = paint(media.receiver(), self.0, self.1).await;
        let parts = vec!["look".into(), content.into()];
        Ok(Reply::whole(Completion::new(parts)))
    }
}

fn calls_paint() -> Completion {
    Completion::new(vec![]).with_tool_calls(vec![ToolCall::new("call-1", "paint", "{}")])
}

async fn bytes_of(store: &InMemoryStorage, response: &Response) -> Vec<bytes::Bytes> {
    let mut all = Vec::new();
    for content in response.media() {
        all.push(match content.reference() {
            Some(reference) => store.retrieve_bytes(reference, u64::MAX).await.unwrap(),
            None => content.inline().unwrap().clone(),
        });
    }
    all
}

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

#[tokio::test]
async fn an_event_refers_to_media_that_the_manager_reads_until_the_turn_is_over() {
    let (spools, store) = (Spools::new(), InMemoryStorage::new());
    let manager = ConversationManager::builder()
        .with_provider(Painter(1, 300 * KIB))
        .with_media_storage(store.clone())
        .with_config(spools.config().with_reference_access(ReferenceAccess::Any))
        .build()
        .unwrap();
    let mut conversation = manager.new_conversation(&pack(), config()).await.unwrap();
    let id = conversation.id().clone();
    let mut events = conversation.stream("paint");
    let mut seen = None;
    while let Some(event) = events.next().await {
        let TurnEvent::Media(content) = event.unwrap() else {
            continue;
        };
        let loader = manager.media_loader();
        assert!(loader.bytes(&content).await.unwrap() == picture_bytes(1, 300 * KIB));
        let scoped = |scope| loader.with_options(LoadOptions::new().with_expected_scope(scope));
        let ours = scoped(Scope::Conversation(id.clone()));
        assert!(ours.open(&content).await.is_ok());
        let others = scoped(Scope::User("user-2".parse().unwrap()));
        let error = others.open(&content).await.unwrap_err();
        assert_eq!(
            error.kind(),
            &LoadErrorKind::Storage(StorageErrorKind::NotFound)
        );
        assert_eq!(spools.open(), usize::from(cfg!(target_os = "linux")));
        seen = Some(content);
    }
    drop(events);
    spools.assert_empty();
    let seen = seen.unwrap();
    assert!(manager.media_loader().open(&seen).await.is_err());
    // Whoever sends it later has a reference to nothing, and stores nothing.
    let response = conversation.send_with_media("again", [seen]).await.unwrap();
    assert_eq!(response.messages()[0].media().count(), 1);
    assert_eq!(count(&store).await, 2);
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

/// Receives something, tells so, and never ends.
#[derive(Clone, Debug, Default)]
struct Stalls(Arc<Notify>);

#[async_trait]
impl Provider for Stalls {
    fn name(&self) -> &str {
        "stalls"
    }
    fn model(&self) -> &str {
        "m"
    }
    async fn respond(
        &self,
        _: ProviderRequest<'_>,
        media: &MediaContext,
    ) -> Result<Reply, ProviderError> {
        let _held = paint(media.receiver(), 1, 300 * KIB).await;
        let mut open = media.receiver().begin();
        open.write(&picture_bytes(2, 300 * KIB)).await.unwrap();
        self.0.notify_one();
        std::future::pending().await
    }
}

#[tokio::test]
async fn a_turn_that_is_dropped_leaves_nothing() {
    let (spools, store) = (Spools::new(), InMemoryStorage::new());
    let provider = Stalls::default();
    let manager = ConversationManager::builder()
        .with_provider(provider.clone())
        .with_media_storage(store.clone())
        .with_config(spools.config())
        .build()
        .unwrap();
    let mut conversation = manager.new_conversation(&pack(), config()).await.unwrap();
    let mut turn = Box::pin(conversation.send("paint"));
    tokio::select! {
        _ = &mut turn => panic!("it never answers"),
        () = provider.0.notified() => {}
    }
    assert_eq!(spools.open(), 2 * usize::from(cfg!(target_os = "linux")));
    drop(turn);
    spools.assert_empty();
    manager.shutdown().await.unwrap();
    assert_eq!(count(&store).await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_turn_dropped_at_any_await_leaves_media_only_where_its_history_names_it() {
    let mut outcomes = BTreeSet::new();
    for times in 1.. {
        let (spools, inner) = (Spools::new(), InMemoryStorage::new());
        let store = FaultyStorage::new(inner.clone())
            .with_fault(Fault::every(Call::Store).delay(Duration::from_millis(1)));
        let manager = ConversationManager::builder()
            .with_provider(Scripted::new().with_yields(2).then_says(calls_paint()))
            .with_media_storage(store)
            .with_state_store(FaultyState::new(InMemoryStateStore::new()).with_yields(2))
            .with_tool(Paints(vec![(1, 400 * KIB), (2, 200 * KIB)]))
            .with_config(spools.config())
            .build()
            .unwrap();
        let mut conversation = manager.new_conversation(&pack(), config()).await.unwrap();
        let done = poll_times(conversation.send("paint"), times).await;
        let _ = conversation.flush().await;
        manager.shutdown().await.unwrap();
        let messages = conversation.messages().await.unwrap();
        let held = references(&messages).len();
        assert_eq!(
            held,
            if messages.is_empty() { 0 } else { 2 },
            "{times} polls"
        );
        assert_eq!(count(&inner).await, held, "{times} polls");
        // A write that was under way ends by itself, and closes its file then.
        while !spools.is_empty() {
            let wait = tokio::task::spawn_blocking(std::thread::yield_now);
            wait.await.unwrap();
        }
        outcomes.insert((done.is_some(), held));
        if done.is_some() {
            break;
        }
    }
    // Files are written in real time, so which awaits a drop meets in between is the machine's to
    // say.
    assert!(outcomes.contains(&(false, 0)) && outcomes.contains(&(true, 2)));
}

/// Receives too much, and says so as a provider should.
#[derive(Debug)]
struct Floods(u64);

#[async_trait]
impl Provider for Floods {
    fn name(&self) -> &str {
        "floods"
    }
    fn model(&self) -> &str {
        "m"
    }
    async fn respond(
        &self,
        _: ProviderRequest<'_>,
        media: &MediaContext,
    ) -> Result<Reply, ProviderError> {
        let mut incoming = media.receiver().begin();
        for _ in 0..self.0 {
            incoming.write(&[7; 1024]).await.map_err(|error| {
                assert_eq!(error.kind(), ReceiveErrorKind::TooLarge);
                ProviderError::new(ProviderErrorKind::InvalidResponse, "floods").with_source(error)
            })?;
        }
        let content = incoming.finish(&Mime::IMAGE_PNG).await.unwrap();
        Ok(Reply::whole(Completion::new(vec![content.into()])))
    }
}

#[tokio::test]
async fn a_turn_receives_no_more_than_it_may() {
    for (kib, fits) in [(1000, true), (1001, false)] {
        let (spools, store) = (Spools::new(), InMemoryStorage::new());
        let manager = ConversationManager::builder()
            .with_provider(Floods(kib))
            .with_media_storage(store.clone())
            .with_config(spools.config().with_max_received_bytes(1000 * 1024))
            .build()
            .unwrap();
        let mut conversation = manager.new_conversation(&pack(), config()).await.unwrap();
        let outcome = conversation.send("paint").await;
        match fits {
            true => assert_eq!(outcome.unwrap().media()[0].size(), Some(1000 * 1024)),
            false => assert_eq!(outcome.unwrap_err().kind(), ConversationErrorKind::Provider),
        }
        assert_eq!(count(&store).await, usize::from(fits));
        spools.assert_empty();
    }
}

#[tokio::test]
async fn many_turns_at_once_do_not_see_each_other() {
    let (spools, store) = (Spools::new(), InMemoryStorage::new());
    let manager = ConversationManager::builder()
        .with_provider(Painter(1, 300 * KIB))
        .with_media_storage(store.clone())
        .with_config(spools.config())
        .build()
        .unwrap();
    let turns = (0..16).map(|_| {
        let manager = manager.clone();
        tokio::spawn(async move {
            let mut conversation = manager.new_conversation(&pack(), config()).await.unwrap();
            let response = conversation.send("paint").await.unwrap();
            let messages = conversation.messages().await.unwrap();
            assert_eq!(messages.iter().flat_map(Message::media).count(), 1);
            (conversation.id().clone(), response)
        })
    });
    for turn in turns.collect::<Vec<_>>() {
        let (id, response) = turn.await.unwrap();
        let usage = store.usage(Scope::Conversation(id)).await.unwrap();
        assert_eq!(usage.references, 1);
        assert!(bytes_of(&store, &response).await == [picture_bytes(1, 300 * KIB)]);
    }
    spools.assert_empty();
}
