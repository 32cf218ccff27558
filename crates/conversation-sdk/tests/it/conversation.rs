//! Turns: what the model is asked, what comes back, what is kept.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::time::Duration;

use async_trait::async_trait;
use conversation_sdk::provider::{Completion, Delivery, Provider, Reply, StopReason};
use conversation_sdk::{
    ConversationConfig, ConversationError, ConversationErrorKind, ConversationManager,
    ConversationRecord, Cost, InMemoryStateStore, ManagerConfig, MediaContext, Message, Middleware,
    ModelRequest, Next, Part, PromptPack, ProviderError, ProviderErrorKind, ProviderRequest, Role,
    StateStore, TokenUsage, TurnEvent, Window,
};
use media_storage::InMemoryStorage;
use media_types::{MediaContent, Mime};
use serde_json::{Value, json};

use crate::support::{
    Heard, KIB, Scripted, builder, config, count, pack, pack_with, picture, references, says,
};

#[tokio::test]
async fn a_turn_asks_with_prompt_parameters_and_history() {
    let provider = Scripted::new()
        .then_says(
            says("hello").with_usage(Some(TokenUsage::new(10, 5)), Some(Cost::from_usd(0.25))),
        )
        .then_says(says("bye").with_stop(StopReason::Length));
    let pack = pack_with(json!({
        "parameters": {"temperature": 0.5, "max_tokens": 9, "seed": 7},
        "model_overrides": {"script-1": {"parameters": {"temperature": 1.0}}},
    }));
    let manager = builder(&provider, &InMemoryStorage::new()).build().unwrap();
    let config = config().with_variable("mood", "kind");
    let mut conversation = manager.new_conversation(&pack, config).await.unwrap();
    assert!(conversation.id().as_str().starts_with("conv-"));

    let first = conversation.send("hi").await.unwrap();
    assert_eq!(
        (first.text(), first.usage()),
        ("hello", TokenUsage::new(10, 5))
    );
    assert_eq!(first.cost().unwrap().usd(), 0.25);
    let asked = provider.last();
    assert_eq!(asked.system.as_deref(), Some("Be kind."));
    assert_eq!(
        Value::from(asked.parameters),
        json!({"temperature": 1.0, "max_tokens": 9, "seed": 7})
    );
    assert_eq!(asked.delivery, Delivery::Whole);

    let second = conversation.send("again").await.unwrap();
    assert_eq!(second.stop(), &StopReason::Length);
    assert_eq!(second.cost(), None);
    let texts: Vec<_> = provider.last().messages.iter().map(Message::text).collect();
    assert_eq!(texts, ["hi", "hello", "again"]);
    let kept = conversation.messages().await.unwrap();
    assert_eq!(kept.len(), 4);
    assert_eq!(kept[1].metadata["cost_usd"], 0.25);
    assert_eq!(kept[3].metadata["stop"], "length");
    assert_eq!(conversation.message_count(), 4);
}

#[tokio::test]
async fn a_failed_turn_leaves_everything_as_it_was() {
    let fails = |kind| move |_: &_| Err(ProviderError::new(kind, "scripted"));
    let provider = Scripted::new()
        .then(fails(ProviderErrorKind::Authentication))
        .then_says(says("fine"))
        .then(fails(ProviderErrorKind::RateLimited));
    let store = InMemoryStorage::new();
    let manager = builder(&provider, &store).build().unwrap();
    let mut conversation = manager.new_conversation(&pack(), config()).await.unwrap();
    let media = || [picture(1, 200 * KIB)];
    let error = conversation
        .send_with_media("x", media())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ConversationErrorKind::Provider);
    assert_eq!(error.hint(), "Check the key and what it may do");
    assert_eq!(count(&store).await, 0);
    assert!(manager.conversations("user-1").await.unwrap().is_empty());
    conversation.send_with_media("x", media()).await.unwrap();
    let error = conversation
        .send_with_media("y", media())
        .await
        .unwrap_err();
    assert!(error.is_retryable());
    assert_eq!(count(&store).await, 1);
    assert_eq!(conversation.messages().await.unwrap().len(), 2);
}

#[tokio::test]
async fn an_answer_streams_and_is_saved_when_it_is_done() {
    let provider = Scripted::new().then_says(Completion::new(vec![
        "one two three".into(),
        picture(1, 200 * KIB).into(),
    ]));
    let store = InMemoryStorage::new();
    let manager = builder(&provider, &store).build().unwrap();
    let mut conversation = manager.new_conversation(&pack(), config()).await.unwrap();
    let mut events = conversation.stream("count");
    let (mut words, mut media, mut done) = (Vec::new(), Vec::new(), None);
    while let Some(event) = events.next().await {
        match event.unwrap() {
            TurnEvent::TextDelta(text) => words.push(text),
            TurnEvent::Media(content) => media.push(content),
            TurnEvent::Done(response) => done = Some(response),
            other => panic!("{other:?}"),
        }
    }
    drop(events);
    assert_eq!(words, ["one ", "two ", "three"]);
    assert_eq!(media, [picture(1, 200 * KIB)], "events have the bytes");
    let done = done.unwrap();
    assert_eq!(done.text(), "one two three");
    assert_eq!(references(done.messages()).len(), 1);
    assert_eq!(conversation.messages().await.unwrap().len(), 2);

    // The words come also where the provider sends everything at once.
    let response = conversation.stream("again").finish().await.unwrap();
    assert_eq!(response.text(), "ok");
    // Dropped before it is read, nothing happens.
    drop(conversation.stream("never"));
    assert_eq!(conversation.messages().await.unwrap().len(), 4);
}

/// Never answers.
#[derive(Debug)]
struct Silent;

#[async_trait]
impl Provider for Silent {
    fn name(&self) -> &str {
        "silent"
    }
    fn model(&self) -> &str {
        "none"
    }
    async fn respond(
        &self,
        _: ProviderRequest<'_>,
        _: &MediaContext,
    ) -> Result<Reply, ProviderError> {
        std::future::pending().await
    }
}

#[tokio::test(start_paused = true)]
async fn a_turn_ends_at_its_time_limit() {
    for limit in [None, Some(Duration::from_millis(1500))] {
        let store = InMemoryStorage::new();
        let mut config_of_manager = ManagerConfig::default();
        if let Some(limit) = limit {
            config_of_manager = config_of_manager.with_default_timeout(limit);
        }
        let manager = ConversationManager::builder()
            .with_provider(Silent)
            .with_media_storage(store.clone())
            .with_config(config_of_manager)
            .build()
            .unwrap();
        let mut conversation = manager.new_conversation(&pack(), config()).await.unwrap();
        let started = tokio::time::Instant::now();
        let media = [picture(1, 200 * KIB)];
        let error = conversation.send_with_media("x", media).await.unwrap_err();
        assert_eq!(error.kind(), ConversationErrorKind::Timeout);
        let expected = limit.unwrap_or(Duration::from_secs(60));
        let took = started.elapsed();
        assert!(
            took >= expected && took < expected + Duration::from_millis(50),
            "{took:?}"
        );
        manager.shutdown().await.unwrap();
        assert_eq!(count(&store).await, 0);
    }
}

#[tokio::test]
async fn a_conversation_is_resumed_as_it_was_started() {
    let (provider, store) = (Scripted::new(), InMemoryStorage::new());
    let (state, heard) = (InMemoryStateStore::new(), Heard::default());
    let manager = || {
        builder(&provider, &store)
            .with_state_store(state.clone())
            .with_listener(heard.clone())
            .build()
            .unwrap()
    };
    let config = config()
        .with_variable("mood", "stern")
        .with_conversation_id("my/../id");
    let mut conversation = manager()
        .new_conversation(&pack(), config.clone())
        .await
        .unwrap();
    conversation
        .send_with_media("x", [picture(1, 200 * KIB)])
        .await
        .unwrap();
    let id = conversation.id().clone();
    drop(conversation);

    let manager = manager();
    let error = manager.new_conversation(&pack(), config).await.unwrap_err();
    assert_eq!(error.kind(), ConversationErrorKind::AlreadyExists);
    let listed = manager.session_conversations("session-1").await.unwrap();
    assert_eq!(
        (listed.len(), &listed[0].id, listed[0].messages),
        (1, &id, 2)
    );

    let mut conversation = manager.resume(&pack(), &id).await.unwrap();
    assert_eq!(conversation.system_prompt(), "Be stern.");
    assert_eq!(conversation.message_count(), 2);
    conversation.send("go on").await.unwrap();
    assert_eq!(
        provider.last().media,
        [Ok(crate::support::picture_bytes(1, 200 * KIB))]
    );
    assert!(heard.warnings().is_empty());

    let json = r#"{"id":"ID","version":"2.0.0","prompts":{"PROMPT":{"system_template":"new"}}}"#;
    let other = |id: &str, prompt: &str| {
        let json = json.replace("ID", id).replace("PROMPT", prompt);
        PromptPack::from_json(json.as_bytes()).unwrap()
    };
    let resumed = manager.resume(&other("tests", "p"), &id).await.unwrap();
    assert_eq!(resumed.system_prompt(), "new");
    assert!(heard.warnings()[0].contains("1.0.0") && heard.warnings()[0].contains("2.0.0"));
    let error = manager
        .resume(&other("others", "p"), &id)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ConversationErrorKind::PackMismatch);
    let error = manager.resume(&other("tests", "q"), &id).await.unwrap_err();
    assert_eq!(error.kind(), ConversationErrorKind::Pack);
    let error = manager
        .resume(&pack(), &"nobody".parse().unwrap())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ConversationErrorKind::NotFound);
}

#[tokio::test]
async fn what_is_wrong_is_told_before_anything_happens() {
    let (provider, store) = (Scripted::new(), InMemoryStorage::new());
    let manager = builder(&provider, &store).build().unwrap();
    let required = pack_with(json!({"variables": [{"name": "mood", "required": true}]}));
    for (pack, config, kind) in [
        (
            pack(),
            ConversationConfig::new("nope"),
            ConversationErrorKind::Pack,
        ),
        (required, config(), ConversationErrorKind::Pack),
        (
            pack(),
            config().with_user(""),
            ConversationErrorKind::InvalidInput,
        ),
        (
            pack(),
            config().with_variable("mood", 1),
            ConversationErrorKind::Pack,
        ),
    ] {
        let error = manager.new_conversation(&pack, config).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error:?}");
        assert!(!error.hint().is_empty() && !error.hint().ends_with('.'));
    }
    let mut conversation = manager.new_conversation(&pack(), config()).await.unwrap();
    let error = conversation.send(Vec::<Part>::new()).await.unwrap_err();
    assert_eq!(error.kind(), ConversationErrorKind::InvalidInput);
    assert!(provider.asked().is_empty());
    let error = manager.load_pack("/no/such/pack.json").unwrap_err();
    assert_eq!(error.kind(), ConversationErrorKind::Pack);
    let error = ConversationManager::builder().build().unwrap_err();
    assert_eq!(error.kind(), ConversationErrorKind::Config);
    manager.shutdown().await.unwrap();
    let error = conversation.send("x").await.unwrap_err();
    assert_eq!(error.kind(), ConversationErrorKind::Closed);
}

#[tokio::test]
async fn the_limits_of_the_prompt_hold_at_the_limit_and_one_beyond() {
    let pack = pack_with(json!({"media": {
        "supported_types": ["image"],
        "image": {"max_size_mb": 1, "max_images_per_msg": 2, "default_detail": "low"},
    }}));
    let (provider, store) = (Scripted::new(), InMemoryStorage::new());
    let manager = builder(&provider, &store).build().unwrap();
    let mut conversation = manager.new_conversation(&pack, config()).await.unwrap();
    let at = picture(1, KIB * KIB);
    let response = conversation
        .send_with_media("x", [at.clone(), at.clone()])
        .await
        .unwrap();
    // The pack's detail goes to the model and not into the history.
    assert_eq!(
        response.messages()[0].media().next().unwrap().detail(),
        None
    );
    let shown = provider.last().messages[0].media().next().unwrap().detail();
    assert_eq!(shown, Some(media_types::Detail::Low));
    let audio = MediaContent::from_bytes(Mime::AUDIO_WAV, "RIFF");
    for media in [
        vec![picture(1, KIB * KIB + 1)],
        vec![at.clone(), at.clone(), at.clone()],
        vec![audio],
    ] {
        let error = conversation.send_with_media("x", media).await.unwrap_err();
        assert_eq!(
            error.kind(),
            ConversationErrorKind::MediaNotAccepted,
            "{error:?}"
        );
    }
    assert_eq!(count(&store).await, 2);
    assert_eq!(provider.asked().len(), 1);
}

#[tokio::test]
async fn validators_fail_an_answer_or_report_it() {
    let pack = |fails: bool| {
        pack_with(json!({"validators": [
            {"type": "banned_words", "fail_on_violation": fails, "message": "mind your words",
             "params": {"words": ["darn"]}}
        ]}))
    };
    for fails in [true, false] {
        let provider = Scripted::new().then_says(Completion::new(vec![
            "darn it".into(),
            picture(1, 200 * KIB).into(),
        ]));
        let store = InMemoryStorage::new();
        let manager = builder(&provider, &store).build().unwrap();
        let mut conversation = manager
            .new_conversation(&pack(fails), config())
            .await
            .unwrap();
        let media = [picture(2, 200 * KIB)];
        let sent = conversation.send_with_media("x", media).await;
        if fails {
            let error = sent.unwrap_err();
            assert_eq!(error.kind(), ConversationErrorKind::AnswerRejected);
            assert!(error.to_string().contains("mind your words"), "{error}");
            assert_eq!(error.answer().unwrap().text(), "darn it");
            assert!(conversation.messages().await.unwrap().is_empty());
            assert_eq!(count(&store).await, 0);
        } else {
            assert_eq!(sent.unwrap().violations().len(), 1);
            assert_eq!(count(&store).await, 2);
        }
    }
}

/// Adds its letter to the instructions and to the answer.
#[derive(Debug)]
struct Letter(char);

#[async_trait]
impl Middleware for Letter {
    async fn handle(
        &self,
        mut request: ModelRequest,
        next: Next<'_>,
    ) -> Result<Reply, ConversationError> {
        request.system.get_or_insert_default().push(self.0);
        next.run(request).await
    }
}

/// Keeps media out of the history.
#[derive(Debug)]
struct WithoutMedia;

#[async_trait]
impl Middleware for WithoutMedia {
    async fn handle(
        &self,
        request: ModelRequest,
        next: Next<'_>,
    ) -> Result<Reply, ConversationError> {
        next.run(request).await
    }
    fn before_save(&self, messages: &mut Vec<Message>) {
        for message in messages {
            message.content.retain(|part| part.as_media().is_none());
        }
    }
}

/// Answers itself.
#[derive(Debug)]
struct Answers;

#[async_trait]
impl Middleware for Answers {
    async fn handle(&self, request: ModelRequest, _: Next<'_>) -> Result<Reply, ConversationError> {
        assert_eq!(request.user.unwrap().as_str(), "user-1");
        Ok(Reply::whole(says("from the cache")))
    }
}

#[tokio::test]
async fn middleware_changes_questions_answers_and_what_is_kept() {
    let (provider, store) = (Scripted::new(), InMemoryStorage::new());
    let manager = builder(&provider, &store)
        .with_middleware(Letter('a'))
        .with_middleware(Letter('b'))
        .with_middleware(WithoutMedia)
        .build()
        .unwrap();
    let mut conversation = manager.new_conversation(&pack(), config()).await.unwrap();
    let media = [picture(1, 200 * KIB), picture(2, 10)];
    conversation.send_with_media("x", media).await.unwrap();
    assert_eq!(provider.last().system.as_deref(), Some("Be brief.ab"));
    assert_eq!(provider.last().media.len(), 2);
    let kept = conversation.messages().await.unwrap();
    assert_eq!(kept[0].content.len(), 1);
    assert_eq!(
        count(&store).await,
        0,
        "what is not kept is not left behind"
    );

    let manager = builder(&provider, &store)
        .with_middleware(Answers)
        .build()
        .unwrap();
    let mut conversation = manager.new_conversation(&pack(), config()).await.unwrap();
    assert_eq!(
        conversation.send("x").await.unwrap().text(),
        "from the cache"
    );
    assert_eq!(provider.asked().len(), 1);
}

/// Puts a picture into the user's message when it is saved.
#[derive(Debug)]
struct AddsPicture;

#[async_trait]
impl Middleware for AddsPicture {
    async fn handle(
        &self,
        request: ModelRequest,
        next: Next<'_>,
    ) -> Result<Reply, ConversationError> {
        next.run(request).await
    }
    fn before_save(&self, messages: &mut Vec<Message>) {
        messages[0].content.push(picture(2, 200 * KIB).into());
    }
}

#[tokio::test]
async fn media_that_middleware_adds_to_the_users_message_is_stored() {
    let (provider, store) = (Scripted::new(), InMemoryStorage::new());
    let manager = builder(&provider, &store)
        .with_middleware(AddsPicture)
        .build()
        .unwrap();
    let mut conversation = manager.new_conversation(&pack(), config()).await.unwrap();
    let media = [picture(1, 200 * KIB)];
    conversation.send_with_media("x", media).await.unwrap();
    let kept = conversation.messages().await.unwrap();
    assert_eq!(references(&kept).len(), 2);
    assert_eq!(count(&store).await, 2);
}

#[tokio::test]
async fn a_handle_does_not_go_on_with_another_conversation_of_its_id() {
    let (provider, store) = (Scripted::new(), InMemoryStorage::new());
    let state = InMemoryStateStore::new();
    let manager = builder(&provider, &store)
        .with_state_store(state.clone())
        .build()
        .unwrap();
    let config = config().with_conversation_id("chat-1");
    let pack = pack();
    let start = || manager.new_conversation(&pack, config.clone());
    let (mut written, mut unwritten) = (start().await.unwrap(), start().await.unwrap());
    written.send("mine").await.unwrap();
    let id = written.id().clone();
    manager.delete_conversation(&id).await.unwrap();
    let mut another = ConversationRecord::new(id.clone());
    another.created_at += Duration::from_secs(1);
    let theirs = [Message::user("theirs")];
    let another = state.append(&another, 0, &theirs).await.unwrap();
    let asked = provider.asked().len();
    for (handle, kind) in [
        (&mut written, ConversationErrorKind::NotFound),
        (&mut unwritten, ConversationErrorKind::AlreadyExists),
    ] {
        assert_eq!(handle.send("more").await.unwrap_err().kind(), kind);
        assert_eq!(handle.messages().await.unwrap_err().kind(), kind);
        assert_eq!(handle.end().await.unwrap_err().kind(), kind);
    }
    assert_eq!(provider.asked().len(), asked);
    let held = state.load(&id, Window::All).await.unwrap().unwrap();
    assert_eq!((held.record, held.messages.len()), (another, 1));
}

#[tokio::test]
async fn a_history_that_cannot_be_read_in_part_is_told_once() {
    let (provider, store, heard) = (Scripted::new(), InMemoryStorage::new(), Heard::default());
    let manager = builder(&provider, &store)
        .with_listener(heard.clone())
        .build()
        .unwrap();
    let mut conversation = manager.new_conversation(&pack(), config()).await.unwrap();
    let part: Part = serde_json::from_str(r#"{"type":"hologram"}"#).unwrap();
    conversation
        .send(vec![Part::Text("look".to_owned()), part])
        .await
        .unwrap();
    assert!(heard.warnings().is_empty());
    conversation.send("again").await.unwrap();
    conversation.send("and again").await.unwrap();
    let warnings = heard.warnings();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].starts_with("a part of the history cannot be read: "));
}

#[tokio::test]
async fn the_history_that_is_sent_has_its_limit() {
    let provider = Scripted::new();
    let manager = builder(&provider, &InMemoryStorage::new())
        .with_config(ManagerConfig::default().with_max_history_messages(Some(8)))
        .build()
        .unwrap();
    let mut conversation = manager.new_conversation(&pack(), config()).await.unwrap();
    for n in 0..20 {
        conversation.send(format!("{n}")).await.unwrap();
        let asked = provider.last().messages;
        assert!(
            asked.len() <= 9 && asked.len() >= (2 * n + 1).min(7),
            "{n}: {}",
            asked.len()
        );
        assert_eq!(asked[0].role, Role::User);
        assert_eq!(asked.last().unwrap().text(), n.to_string());
    }
    assert_eq!(conversation.messages().await.unwrap().len(), 40);
    let part = conversation.read(Window::Range(2..4)).await.unwrap();
    assert_eq!((part.first, part.messages[0].text().as_str()), (2, "1"));
}

#[test]
fn handles_go_everywhere() {
    fn anywhere<T: Send + Sync + 'static>() {}
    fn send<T: Send>(_: &T) {}
    anywhere::<ConversationManager>();
    anywhere::<conversation_sdk::Conversation>();
    anywhere::<ConversationError>();
    let _ = |conversation: &mut conversation_sdk::Conversation| {
        send(&conversation.send("x"));
        send(&conversation.stream("x"));
        send(&conversation.end());
    };
}
