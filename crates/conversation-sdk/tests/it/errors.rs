//! Kinds of errors that other tests do not meet. `docs/errors.md` has a row for each.

use std::time::Duration;

use conversation_providers::testing::{Gate, ScriptedAnswer, ScriptedProvider};
use conversation_providers::{Completion, ResponseEvent};
use conversation_sdk::state::conformance::{Fault, FaultyState, Operation};
use conversation_sdk::{
    Admission, AdmissionRequest, ConversationConfig, ConversationError,
    ConversationErrorKind as Kind, ConversationManager, Cost, InMemoryStateStore, Middleware,
    ModelRequest, Next, Owner, PromptPack, ProviderResponse, RetryFrom, Settlement, Start, TestRun,
    TokenUsage, ToolCall, TurnEvent, TurnOptions,
};
use media_storage::InMemoryStorage;
use serde_json::json;

use crate::cut::{HOUR, MovedClock};
use crate::support::{KIB, Rig, history, image};
use crate::tools::Obedient;

fn answers<const N: usize>(texts: [&str; N]) -> ScriptedProvider {
    texts
        .into_iter()
        .fold(ScriptedProvider::new(), |provider, text| {
            provider.with_answer(ScriptedAnswer::new().text(text))
        })
}

#[test]
fn a_manager_without_a_provider_is_configured_incorrectly() {
    let error = ConversationManager::builder().build().unwrap_err();
    assert_eq!((error.kind(), error.http_status()), (Kind::Config, 500));
}

#[tokio::test]
async fn a_pack_without_the_prompt_starts_nothing() {
    let rig = Rig::new(ScriptedProvider::new());
    let json = json!({"id": "tests", "version": "1.0.0", "prompts": {"p": {
        "system_template": "Be brief.", "media": {"enabled": true, "supported_types": ["audio"]}
    }}});
    let pack = PromptPack::from_json(json.to_string().as_bytes()).unwrap();
    let config = ConversationConfig::new("other");
    let error = rig
        .manager
        .new_conversation(&pack, config)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Kind::Pack);
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.contains("other"), "{cause}");

    let config = ConversationConfig::new("p");
    let mut conversation = rig.manager.new_conversation(&pack, config).await.unwrap();
    let sent = conversation.send_with_media("look", [image(1, KIB)]).await;
    assert_eq!(sent.unwrap_err().kind(), Kind::MediaNotAccepted);
    assert!(history(&conversation).await.is_empty() && rig.provider.request_count() == 0);
}

#[tokio::test]
async fn only_the_last_turn_is_retried() {
    let rig = Rig::new(answers(["one", "two"]));
    let mut conversation = rig.start().await;
    let first = conversation.send("1").await.unwrap();
    conversation.send("2").await.unwrap();
    let retried = conversation.retry_turn(first.turn(), RetryFrom::Start);
    let error = retried.response().await.unwrap_err();
    assert_eq!(error.kind(), Kind::NotLast);
    assert_eq!(history(&conversation).await.len(), 4);
}

#[derive(Debug)]
struct Full;

#[async_trait::async_trait]
impl Admission for Full {
    async fn admit(&self, _: &AdmissionRequest) -> Result<(), String> {
        Err("3 of 3 turns today".to_owned())
    }
    async fn settle(&self, _: &AdmissionRequest, _: Settlement) {}
}

#[tokio::test]
async fn a_turn_that_is_not_admitted_leaves_nothing() {
    let rig = Rig::with(answers(["one"]), |builder| builder.with_admission(Full));
    let mut conversation = rig.start().await;
    let sent = conversation.send_with_media("look", [image(1, 200 * KIB)]);
    let error = sent.await.unwrap_err();
    assert_eq!(
        (error.kind(), error.http_status()),
        (Kind::NotAdmitted, 429)
    );
    assert!(error.to_string().contains("3 of 3"), "{error}");
    assert!(history(&conversation).await.is_empty() && rig.stored().await.is_empty());
    assert_eq!(rig.provider.request_count(), 0);
}

#[tokio::test]
async fn money_that_is_spent_ends_the_turn_before_its_tools() {
    let call = ToolCall::new("c1", "obey", "{}");
    let paid = Completion::new(Vec::new())
        .with_tool_calls(vec![call])
        .with_usage(TokenUsage::new(10, 2), Some(Cost::from_usd(0.5)));
    let answer = ScriptedAnswer::new().event(ResponseEvent::Done(Box::new(paid)));
    let provider = ScriptedProvider::new().with_answer(answer);
    let rig = Rig::with(provider, |builder| builder.with_tool(Obedient::default()));
    let mut conversation = rig.start().await;
    let options = TurnOptions::new().with_max_cost(Cost::from_usd(0.4));
    let error = conversation.send_with("Go", options).await.unwrap_err();
    assert_eq!(error.kind(), Kind::BudgetExceeded);
    assert_eq!(rig.provider.request_count(), 1);
    // The call is kept, and no tool has run.
    assert_eq!(history(&conversation).await.len(), 2);
}

#[tokio::test]
async fn the_owner_of_a_turn_that_was_taken_over_is_told() {
    let clock = MovedClock::default();
    let (state, store) = (clock.state(), InMemoryStorage::new());
    let gate = Gate::new();
    let answer = ScriptedAnswer::new()
        .text("first ")
        .gate(&gate)
        .text("second");
    let provider = ScriptedProvider::new().with_answer(answer);
    let slow = Rig::on(provider, state.clone(), store.clone(), |builder| builder);
    let mut conversation = slow.start().await;
    let mut events = conversation.stream("Go");
    while !matches!(
        events.next().await.unwrap().unwrap(),
        TurnEvent::TextDelta(_)
    ) {}
    clock.forward(HOUR);
    let other = Rig::on(answers(["next"]), state, store, |builder| builder);
    let owner = Owner::user("u1");
    let mut resumed = other
        .manager
        .resume(conversation.id(), owner)
        .await
        .unwrap();
    resumed.send("And now?").await.unwrap();
    gate.open();
    let error = events.response().await.unwrap_err();
    assert_eq!(error.kind(), Kind::LeaseLost);
    assert!(error.kept().unwrap().text().starts_with("first "));
    // What came late does not come behind the next turn.
    assert_eq!(history(&resumed).await.last().unwrap().1, "next");
}

#[derive(Debug)]
struct Fragile;

#[async_trait::async_trait]
impl Middleware for Fragile {
    async fn handle(
        &self,
        _: ModelRequest,
        _: Next<'_>,
    ) -> Result<ProviderResponse, ConversationError> {
        panic!("a defect")
    }
}

#[tokio::test]
async fn a_panic_of_middleware_is_named_and_loses_nothing() {
    let rig = Rig::with(answers([]), |builder| builder.with_middleware(Fragile));
    let mut conversation = rig.start().await;
    let error = conversation.send("Go").await.unwrap_err();
    assert_eq!(error.kind(), Kind::Panicked);
    assert!(error.to_string().contains("middleware"), "{error}");
    assert_eq!(history(&conversation).await[0].1, "Go");
}

#[tokio::test]
async fn a_state_store_that_cannot_be_read_is_told_from_one_that_is_unclear() {
    let state = FaultyState::new(InMemoryStateStore::new());
    let manager = ConversationManager::builder()
        .with_provider(answers(["one"]))
        .with_state_store(state.clone())
        .build()
        .unwrap();
    let mut conversation = manager.start(Start::new()).await.unwrap();
    state.inject_lasting(Operation::Load, Fault::Before);
    let error = conversation.send("Go").await.unwrap_err();
    assert_eq!((error.kind(), error.is_retryable()), (Kind::State, true));
    state.heal();
    assert_eq!(conversation.send("Go").await.unwrap().text(), "one");
    manager.shutdown(Duration::from_secs(1)).await.unwrap();
}

#[tokio::test]
async fn what_has_no_kind_of_its_own_says_its_cause() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let error = TestRun::new(file.path().join("out"))
        .prepare()
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Kind::Other);
    assert!(std::error::Error::source(&error).is_some());
}
