//! The provider that answers by a script.

use conversation_providers::testing::{Gate, ScriptedAnswer, ScriptedProvider};
use conversation_providers::{
    AttemptBudget, MediaContext, Provider, ProviderErrorKind, ProviderRequest, ResponseEvent,
    ResponseMode, StreamAccumulator,
};
use conversation_types::{FinishReason, Message, MessageStatus, Part, TokenUsage, UsageSource};
use futures_util::StreamExt;
use media_types::Mime;

fn messages() -> Vec<Message> {
    vec![Message::user("hi")]
}

#[tokio::test]
async fn what_came_before_an_error_is_in_the_events() {
    let provider = ScriptedProvider::new().with_answer(
        ScriptedAnswer::new()
            .text_in_pieces("hello", 2)
            .media(Mime::IMAGE_PNG, &b"\x89PNG\r\n\x1a\n"[..])
            .tool_call_start("c1", "paint")
            .tool_call_delta("{\"prompt\":")
            .usage(TokenUsage::new(7, 0))
            .error_of(ProviderErrorKind::Interrupted),
    );
    let messages = messages();
    let request = ProviderRequest::new(&messages).with_mode(ResponseMode::Streaming);
    let response = provider.complete(request, &MediaContext::default()).await;
    let mut events = response.unwrap().into_events();
    let mut answer = StreamAccumulator::new();
    let error = loop {
        match events.next().await.unwrap() {
            Ok(event) => answer.push(&event),
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), ProviderErrorKind::Interrupted);
    assert!(events.next().await.is_none());
    let message = answer.into_message();
    assert_eq!(message.status, MessageStatus::Partial);
    assert_eq!(message.text(), "hello");
    assert_eq!(message.media().count(), 1);
    assert_eq!(message.tool_calls[0].arguments, "{\"prompt\":");
    let usage = message.usage.unwrap();
    assert_eq!(
        (usage.input_tokens, usage.source),
        (7, UsageSource::Partial)
    );
    assert!(usage.output_tokens > 0);
}

#[tokio::test]
async fn an_answer_at_once_is_the_same_answer() {
    let script = || {
        ScriptedAnswer::new()
            .reasoning("hm")
            .text("a")
            .tool_call("c1", "f", "{}")
            .usage(TokenUsage::new(1, 2))
    };
    let provider = ScriptedProvider::new()
        .with_answer(script())
        .with_answer(script());
    let messages = messages();
    let mut answers = Vec::new();
    for mode in [ResponseMode::Complete, ResponseMode::Streaming] {
        let request = ProviderRequest::new(&messages).with_mode(mode);
        let response = provider.complete(request, &MediaContext::default()).await;
        let events: Vec<_> = response.unwrap().into_events().collect().await;
        let Some(Ok(ResponseEvent::Done(done))) = events.into_iter().last() else {
            panic!("no end");
        };
        answers.push(*done);
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[0].finish, FinishReason::ToolCalls);
    assert_eq!(
        answers[0].content,
        [Part::reasoning("hm", None), Part::text("a")]
    );
    assert_eq!(answers[0].provider, "scripted");
}

#[tokio::test]
async fn a_gate_holds_an_answer_and_requests_are_awaited() {
    let gate = Gate::new();
    let provider =
        ScriptedProvider::new().with_answer(ScriptedAnswer::new().text("a").gate(&gate).text("b"));
    let asked = provider.clone();
    let task = tokio::spawn(async move {
        let messages = messages();
        let request = ProviderRequest::new(&messages);
        let response = asked.complete(request, &MediaContext::default()).await;
        response.unwrap().into_events().next().await.unwrap()
    });
    provider.arrived(1).await;
    gate.reached().await;
    assert!(!task.is_finished());
    gate.open();
    let Ok(ResponseEvent::Done(done)) = task.await.unwrap() else {
        panic!("no end");
    };
    assert_eq!(done.text(), "ab");
    assert_eq!(provider.request_count(), 1);
}

#[tokio::test]
async fn a_used_up_budget_sends_nothing() {
    let provider = ScriptedProvider::new().with_handler(|_| "hello".into());
    let budget = AttemptBudget::new(1);
    let messages = messages();
    for expected in [None, Some(ProviderErrorKind::AttemptsExhausted)] {
        let request = ProviderRequest::new(&messages).with_budget(budget.clone());
        let response = provider.complete(request, &MediaContext::default()).await;
        assert_eq!(response.err().map(|error| error.kind()), expected);
    }
    assert_eq!(provider.request_count(), 1);
}

#[tokio::test]
async fn a_request_without_an_answer_in_the_script_fails() {
    let provider = ScriptedProvider::new();
    let messages = messages();
    let request = ProviderRequest::new(&messages);
    let response = provider.complete(request, &MediaContext::default()).await;
    assert_eq!(response.unwrap_err().kind(), ProviderErrorKind::Other);
}
