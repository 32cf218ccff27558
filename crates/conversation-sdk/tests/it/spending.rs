//! What turns that ended early have consumed, and limits that hold over all attempts of a turn.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use conversation_providers::testing::{ScriptedAnswer, ScriptedProvider};
use conversation_providers::{
    MediaContext, PriceTable, Provider, ProviderRequest, ProviderResponse, estimate_input,
};
use conversation_sdk::types::OpaqueData;
use conversation_sdk::{
    Admission, AdmissionRequest, ConversationConfig, ConversationErrorKind as Kind, Cost,
    EventKind, Part, PromptPack, ProviderError, ProviderErrorKind, RawJson, ResponseEvent,
    RetryFrom, Settlement, TokenUsage, ToolOutput, TurnOptions, TurnStatus, UsageSource, Window,
};
use serde_json::json;
use tokio::sync::Notify;

use crate::support::{KIB, Rig, history};
use crate::tools::Obedient;

fn price() -> ResponseEvent {
    let table =
        r#"{"format_version": 1, "revised": "r", "models": {"m": {"input": 1, "output": 10}}}"#;
    ResponseEvent::Price(PriceTable::from_json(table).unwrap().price("m").unwrap())
}

#[tokio::test]
async fn an_answer_that_ended_early_is_paid_for_and_counts_against_the_next_attempt() {
    let broken = ScriptedAnswer::new()
        .usage(TokenUsage::new(300_000, 0))
        .event(price())
        .text("x".repeat(40_000))
        .error_of(ProviderErrorKind::Interrupted);
    let lost = ProviderError::new(ProviderErrorKind::Interrupted, "scripted")
        .with_usage(TokenUsage::new(7, 0))
        .with_cost(Some(Cost::from_usd(0.25)));
    for (answer, cost) in [(broken, 0.4), (ScriptedAnswer::new().error(lost), 0.25)] {
        let rig = Rig::new(ScriptedProvider::new().with_answer(answer));
        let mut conversation = rig.start().await;
        let error = conversation.send("A story").await.unwrap_err();
        let turn = error.turn().unwrap().clone();
        let read = conversation.read(Window::All).await.unwrap();
        let paid = read.turns[0].cost.unwrap().usd();
        assert!((paid - cost).abs() < 1e-9, "{paid}");
        let told =
            rig.events
                .lock()
                .unwrap()
                .iter()
                .find_map(|event| match event.kind {
                    EventKind::TurnFailed { cost, .. }
                    | EventKind::TurnInterrupted { cost, .. } => cost,
                    _ => None,
                });
        assert_eq!(told, read.turns[0].cost);
        assert!(!read.turns[0].usage.is_zero());
        let options = TurnOptions::new().with_max_cost(Cost::from_usd(0.2));
        let retried = conversation.retry_turn_with(&turn, RetryFrom::Start, options);
        let error = retried.response().await.unwrap_err();
        assert_eq!(error.kind(), Kind::BudgetExceeded);
        assert_eq!(rig.provider.request_count(), 1);
    }
}

/// Notes what attempts cost.
#[derive(Clone, Debug, Default)]
struct Settled(Arc<Mutex<Vec<Option<Cost>>>>);

#[async_trait]
impl Admission for Settled {
    async fn admit(&self, _: &AdmissionRequest) -> Result<(), String> {
        Ok(())
    }

    async fn settle(&self, _: &AdmissionRequest, settlement: Settlement) {
        self.0.lock().unwrap().push(settlement.cost);
    }
}

#[tokio::test]
async fn results_that_people_give_are_paid_for() {
    let call = |id: &str| ScriptedAnswer::new().tool_call(id, "obey", r#"{"do": "wait"}"#);
    let (provider, settled) = (
        ScriptedProvider::new()
            .with_answer(call("c1"))
            .with_answer(ScriptedAnswer::new().text("Thanks.")),
        Settled::default(),
    );
    let rig = Rig::with(provider, |builder| {
        builder
            .with_tool(Obedient::default())
            .with_admission(settled.clone())
    });
    let mut conversation = rig.start().await;
    conversation.send("Ask me").await.unwrap();
    let paid = (Some(TokenUsage::new(3, 4)), Some(Cost::from_usd(0.25)));
    let result = ToolOutput::text("yes").with_usage(paid.0, paid.1);
    let resumed = conversation.resume_turn("token-1", result);
    let response = resumed.response().await.unwrap();
    assert_eq!(
        (response.cost(), response.usage().input_tokens),
        (paid.1, 3)
    );
    let read = conversation.read(Window::All).await.unwrap();
    assert_eq!(
        (read.turns[0].cost, read.turns[0].usage.input_tokens),
        (paid.1, 3)
    );
    assert_eq!(settled.0.lock().unwrap().last(), Some(&paid.1));
}

#[tokio::test]
async fn the_number_of_tool_calls_holds_over_a_wait() {
    let call = |id: &str, what: &str| {
        let arguments = json!({"do": what}).to_string();
        ScriptedAnswer::new().tool_call(id, "obey", arguments)
    };
    let provider = ScriptedProvider::new()
        .with_answer(call("c1", "wait").tool_call("c2", "obey", "{}"))
        .with_answer(call("c3", "work"))
        .with_answer(ScriptedAnswer::new().text("Done."));
    let rig = Rig::with(provider, |builder| builder.with_tool(Obedient::default()));
    let pack = json!({"id": "tests", "version": "1.0.0",
        "tools": {"obey": {"name": "obey", "description": "Obeys.", "parameters": {"type": "object"}}},
        "prompts": {"p": {"system_template": "Be brief.", "tools": ["obey"],
            "tool_policy": {"max_tool_calls_per_turn": 2}}}});
    let pack = PromptPack::from_json(pack.to_string().as_bytes()).unwrap();
    let config = ConversationConfig::new("p");
    let mut conversation = rig.manager.new_conversation(&pack, config).await.unwrap();
    let response = conversation.send("Ask me").await.unwrap();
    assert_eq!(response.status(), TurnStatus::Suspended);
    let resumed = conversation.resume_turn("token-1", ToolOutput::text("yes"));
    let error = resumed.response().await.unwrap_err();
    assert_eq!(error.kind(), Kind::ToolLimit);
    assert_eq!(rig.provider.request_count(), 2);
    assert_eq!(history(&conversation).await.len(), 5);
}

#[tokio::test]
async fn large_opaque_data_is_left_to_the_provider_whose_it_is() {
    let item = json!({"type": "reasoning", "encrypted_content": "x".repeat(200 * KIB)});
    let item = Part::opaque("another", RawJson::from(item));
    let provider = ScriptedProvider::new()
        .with_answer(ScriptedAnswer::new().item(item).text("one"))
        .with_answer(ScriptedAnswer::new().text("two"));
    let rig = Rig::new(provider);
    let mut conversation = rig.start().await;
    conversation.send("1").await.unwrap();
    conversation.send("2").await.unwrap();
    let sent = &rig.provider.requests()[1].messages;
    let items = sent.iter().flat_map(|message| &message.content);
    let items: Vec<_> = items
        .filter_map(|part| match part {
            Part::Opaque { item, .. } => Some(item),
            _ => None,
        })
        .collect();
    assert!(matches!(items[..], [OpaqueData::Stored(_)]), "{items:?}");
}

/// Sends what it is asked twice, and drops one of the answers.
#[derive(Debug)]
struct Hasty(ScriptedProvider);

#[async_trait]
impl Provider for Hasty {
    fn name(&self) -> &str {
        "hasty"
    }
    fn model(&self) -> &str {
        "hasty-1"
    }
    async fn complete(
        &self,
        request: ProviderRequest<'_>,
        media: &MediaContext,
    ) -> Result<ProviderResponse, ProviderError> {
        let cost = Some(Cost::from_usd(0.25));
        request.budget.add_abandoned(TokenUsage::new(1000, 0), cost);
        self.0.complete(request, media).await
    }
}

#[tokio::test]
async fn requests_that_were_dropped_on_the_way_to_an_answer_are_paid_for() {
    let answer = ScriptedAnswer::new()
        .text("one")
        .usage(TokenUsage::new(7, 5));
    let broken = ScriptedAnswer::new()
        .usage(TokenUsage::new(7, 5))
        .text("on")
        .error_of(ProviderErrorKind::Interrupted);
    for answer in [answer, broken] {
        let hasty = Hasty(ScriptedProvider::new().with_answer(answer));
        let rig = Rig::with(ScriptedProvider::new(), |builder| {
            builder.with_provider(Arc::new(hasty))
        });
        let mut conversation = rig.start().await;
        let _ = conversation.send("Go").await;
        let read = conversation.read(Window::All).await.unwrap();
        assert_eq!(read.turns[0].usage.input_tokens, 1007);
        assert_eq!(read.turns[0].cost, Some(Cost::from_usd(0.25)));
    }
}

/// Sends what it is asked and never gets an answer.
#[derive(Debug, Default)]
struct Silent(Notify);

#[async_trait]
impl Provider for Silent {
    fn name(&self) -> &str {
        "silent"
    }
    fn model(&self) -> &str {
        "silent-1"
    }
    async fn complete(
        &self,
        request: ProviderRequest<'_>,
        _: &MediaContext,
    ) -> Result<ProviderResponse, ProviderError> {
        let cost = Some(Cost::from_usd(0.25));
        request.budget.add_abandoned(estimate_input(4000, 0), cost);
        self.0.notify_one();
        std::future::pending().await
    }
}

#[tokio::test]
async fn a_turn_that_is_cancelled_before_anything_came_has_what_its_request_may_have_consumed() {
    let silent = Arc::new(Silent::default());
    let rig = Rig::with(ScriptedProvider::new(), |builder| {
        builder.with_provider(Arc::clone(&silent))
    });
    let mut conversation = rig.start().await;
    let events = conversation.stream("Go");
    silent.0.notified().await;
    let turn = conversation.attach(events.turn());
    drop(events);
    let error = turn.response().await.unwrap_err();
    assert_eq!(error.kind(), Kind::Cancelled);
    let read = conversation.read(Window::All).await.unwrap();
    assert_eq!(read.turns[0].status, TurnStatus::Failed);
    assert_eq!(read.turns[0].usage.input_tokens, 1000);
    assert_eq!(read.turns[0].usage.source, UsageSource::Estimated);
    assert_eq!(read.turns[0].cost, Some(Cost::from_usd(0.25)));
}
