//! Ends of turns that something of the user's code is in the way of.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use conversation_providers::testing::{Gate, ScriptedAnswer, ScriptedProvider};
use conversation_providers::{
    MediaContext, Provider, ProviderError, ProviderRequest, ProviderResponse,
};
use conversation_sdk::state::{LoadedConversation, StateError, forward_state};
use conversation_sdk::{
    ConversationError, ConversationErrorKind as Kind, InMemoryStateStore, LeaseTimes,
    ManagerConfig, Message, Middleware, OmissionReason, Part, Role, StateStore, TurnStatus, Window,
};
use conversation_state::LoadOptions;
use futures_util::StreamExt;
use media_storage::{InMemoryStorage, MediaStorage, MediaUpload, StorageError};
use media_types::StorageReference;

use crate::support::{Rig, first_text, history, take_over};
use crate::tools::Obedient;

/// Refuses to save answers.
#[derive(Debug)]
struct Strict;

#[async_trait]
impl Middleware for Strict {
    async fn before_save(&self, messages: &mut Vec<Message>) -> Result<(), ConversationError> {
        match messages
            .iter()
            .any(|message| message.role == Role::Assistant)
        {
            true => Err(ConversationError::new(Kind::Other).with_detail("before_save said no")),
            false => Ok(()),
        }
    }
}

#[tokio::test]
async fn an_answer_that_before_save_refuses_ends_the_turn_and_its_usage_is_kept() {
    let provider = ScriptedProvider::new().with_answer(ScriptedAnswer::new().text("paid for"));
    let rig = Rig::with(provider, |builder| builder.with_middleware(Strict));
    let mut conversation = rig.start().await;
    let error = conversation.send("Go").await.unwrap_err();
    assert!(error.to_string().contains("before_save"), "{error}");
    assert_eq!(error.kept().unwrap().text(), "paid for");
    assert_eq!(
        history(&conversation).await,
        [(Role::User, "Go".to_owned())]
    );
    let read = conversation.read(Window::All).await.unwrap();
    assert_eq!(read.record.current_turn, None);
    assert_eq!(read.turns[0].status, TurnStatus::Failed);
    assert_eq!(read.turns[0].error.as_deref(), Some("other"));
    assert!(!read.turns[0].usage.is_zero());
    assert!(rig.event_names().contains(&"save_failed".to_owned()));
}

/// Blackens a word.
#[derive(Debug)]
struct Censor;

#[async_trait]
impl Middleware for Censor {
    async fn before_save(&self, messages: &mut Vec<Message>) -> Result<(), ConversationError> {
        for part in messages.iter_mut().flat_map(|message| &mut message.content) {
            if let Part::Text(text) = part {
                text.text = text.text.replace("secret", "******");
            }
        }
        Ok(())
    }
}

#[tokio::test]
async fn an_answer_that_is_written_late_goes_through_before_save_too() {
    let answer = ScriptedAnswer::new().text("my secret").hang();
    let times = LeaseTimes::with_ttl(Duration::from_secs(4));
    let rig = Rig::with(ScriptedProvider::new().with_answer(answer), |builder| {
        builder
            .with_middleware(Censor)
            .with_config(ManagerConfig::new().with_lease_times(times))
    });
    let mut conversation = rig.start().await;
    let mut events = conversation.stream("Go");
    first_text(&mut events).await;
    take_over(&rig.state, conversation.id()).await;
    let error = events.response().await.unwrap_err();
    assert_eq!(error.kind(), Kind::LeaseLost);
    assert_eq!(history(&conversation).await[1].1, "my ******");
}

/// A media store that panics where it is to store something.
#[derive(Debug, Default)]
struct Brittle(InMemoryStorage);

#[async_trait]
impl MediaStorage for Brittle {
    media_storage::forward_storage!(
        self => self.0;
        backend, retrieve_opts, delete_opts, inventory,
    );

    async fn store(&self, _: MediaUpload) -> Result<StorageReference, StorageError> {
        panic!("a bug")
    }
}

#[tokio::test]
async fn media_that_cannot_be_stored_takes_nothing_else_of_the_round_with_it() {
    let calls = ScriptedAnswer::new()
        .tool_call("c1", "obey", r#"{"do": "paint"}"#)
        .tool_call("c2", "obey", "{}");
    let rig = Rig::with(ScriptedProvider::new().with_answer(calls), |builder| {
        builder
            .with_media_storage(Brittle::default())
            .with_tool(Obedient::default())
    });
    let mut conversation = rig.start().await;
    let error = conversation.send("Go").await.unwrap_err();
    assert!(error.to_string().contains("media store"), "{error}");
    let messages = conversation.messages(Window::All).await.unwrap();
    assert_eq!(messages.len(), 4);
    let [Part::Omitted(omitted)] = &messages[2].content[..] else {
        panic!("{messages:?}")
    };
    assert_eq!(omitted.reason, OmissionReason::StorageFailed);
    assert_eq!(messages[3].text(), "done");
    assert!(rig.event_names().contains(&"save_failed".to_owned()));
}

/// A provider that panics, at once or in the middle of its answer.
#[derive(Debug)]
struct Broken {
    at_once: bool,
}

#[async_trait]
impl Provider for Broken {
    fn name(&self) -> &str {
        "broken"
    }

    fn model(&self) -> &str {
        "m"
    }

    async fn complete(
        &self,
        request: ProviderRequest<'_>,
        media: &MediaContext,
    ) -> Result<ProviderResponse, ProviderError> {
        assert!(!self.at_once, "a defect");
        let answer = ScriptedAnswer::new().text("half").hang();
        let whole = ScriptedProvider::new().with_answer(answer);
        let events = whole.complete(request, media).await?.into_events();
        let defect = futures_util::stream::once(async { panic!("a defect") });
        Ok(ProviderResponse::from_events(
            events.take(1).chain(defect).boxed(),
        ))
    }
}

#[tokio::test]
async fn a_panic_of_a_provider_is_named_and_ends_the_turn() {
    for at_once in [true, false] {
        let rig = Rig::with(ScriptedProvider::new(), |builder| {
            builder.with_provider(Broken { at_once })
        });
        let mut conversation = rig.start().await;
        let error = conversation.send("Go").await.unwrap_err();
        assert_eq!(error.kind(), Kind::Panicked);
        assert!(error.to_string().contains("the provider broken"), "{error}");
        let read = conversation.read(Window::All).await.unwrap();
        assert_eq!(read.record.current_turn, None);
        assert_eq!(read.messages.len(), if at_once { 1 } else { 2 });
    }
}

/// A store that panics when it is read.
#[derive(Debug)]
struct Fragile {
    inner: InMemoryStateStore,
    panics: Arc<AtomicBool>,
}

#[async_trait]
impl StateStore for Fragile {
    forward_state!(
        self => self.inner;
        info, limits, durability, now, create, find_message, apply, list, tombstone, purge, fence_user,
        user_fence, lift_fence, acquire_lease, release_lease, references, referenced_by,
        observe_unnamed, forget_unnamed,
    );

    async fn load(
        &self,
        id: &media_types::ConversationId,
        options: LoadOptions,
    ) -> Result<Option<LoadedConversation>, StateError> {
        assert!(!self.panics.load(Ordering::SeqCst), "a defect");
        self.inner.load(id, options).await
    }
}

#[tokio::test]
async fn a_panic_of_the_state_store_is_named_and_a_running_turn_goes_on() {
    let panics = Arc::new(AtomicBool::new(false));
    let gate = Gate::new();
    let answer = ScriptedAnswer::new().text("one").gate(&gate).text(" two");
    let store = Fragile {
        inner: InMemoryStateStore::new(),
        panics: Arc::clone(&panics),
    };
    let times = LeaseTimes::with_ttl(Duration::from_secs(4));
    let rig = Rig::with(ScriptedProvider::new().with_answer(answer), |builder| {
        builder
            .with_state_store(store)
            .with_config(ManagerConfig::new().with_lease_times(times))
    });
    let mut conversation = rig.start().await;
    let mut events = conversation.stream("Go");
    first_text(&mut events).await;
    panics.store(true, Ordering::SeqCst);
    let error = conversation.send("And").await.unwrap_err();
    assert_eq!(error.kind(), Kind::Panicked);
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.contains("the state store panicked"), "{cause}");
    gate.open();
    assert_eq!(events.response().await.unwrap().text(), "one two");
    panics.store(false, Ordering::SeqCst);
    assert_eq!(history(&conversation).await.len(), 2);
}
