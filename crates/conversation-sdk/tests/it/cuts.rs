//! Answers that break off after each event, and turns that are cancelled after each.

use conversation_providers::testing::{ScriptedAnswer, ScriptedProvider};
use conversation_sdk::{
    ConversationErrorKind as Kind, MessageStatus, Part, ProviderErrorKind, RawJson, RetryFrom,
    Role, TokenUsage, TurnEvent, TurnStatus, UsageSource, Window,
};
use media_types::Mime;

use crate::support::{KIB, Rig, image_bytes, references};

/// One step of an answer.
type Step = fn(ScriptedAnswer) -> ScriptedAnswer;

/// An answer with everything that an answer can hold.
const STEPS: [Step; 10] = [
    |answer| answer.usage(TokenUsage::new(11, 0)),
    |answer| answer.reasoning("Let me think. "),
    |answer| {
        let opaque = RawJson::from_text(r#"{"signature":"abc"}"#).unwrap();
        answer.item(Part::reasoning(
            "Let me think. ",
            Some(("anthropic".to_owned(), opaque.into())),
        ))
    },
    |answer| answer.text("One, "),
    |answer| answer.text("two"),
    |answer| answer.media(Mime::IMAGE_PNG, image_bytes(7, 150 * KIB)),
    |answer| answer.text(", three"),
    |answer| answer.tool_call_start("call-1", "obey"),
    |answer| answer.tool_call_delta(r#"{"do": "#),
    |answer| answer.tool_call_delta(r#""x"}"#),
];

fn answer(steps: usize) -> ScriptedAnswer {
    STEPS
        .iter()
        .take(steps)
        .fold(ScriptedAnswer::new(), |answer, step| step(answer))
}

const TEXTS: [&str; 11] = [
    "",
    "",
    "",
    "",
    "One, ",
    "One, two",
    "One, two",
    "One, two, three",
    "One, two, three",
    "One, two, three",
    "One, two, three",
];

#[tokio::test]
async fn what_came_before_a_cut_is_kept_and_goes_out_again() {
    for (cut, expected) in TEXTS.into_iter().enumerate() {
        let provider = ScriptedProvider::new()
            .with_answer(answer(cut).cut())
            .with_answer(ScriptedAnswer::new().text("Sorry."));
        let rig = Rig::new(provider);
        let mut conversation = rig.start().await;
        let error = conversation.send("Count").await.unwrap_err();
        assert_eq!(error.kind(), Kind::Provider, "cut after {cut}");
        let messages = conversation.messages(Window::All).await.unwrap();
        assert_eq!(messages[0].text(), "Count");
        let read = conversation.read(Window::All).await.unwrap();
        let turn = &read.turns[0];
        assert_eq!(read.record.current_turn, None);
        if cut >= 2 {
            assert_eq!(turn.status, TurnStatus::Interrupted, "cut after {cut}");
            let partial = &messages[1];
            assert_eq!(partial.status, MessageStatus::Partial);
            assert_eq!(
                partial.text().replace('\n', ""),
                expected,
                "cut after {cut}"
            );
            assert!(!turn.usage.is_zero(), "cut after {cut}");
        } else {
            assert_eq!(turn.status, TurnStatus::Failed, "cut after {cut}");
            assert_eq!(messages.len(), 1);
        }
        if cut >= 1 {
            assert_eq!(turn.usage.input_tokens, 11);
            assert_eq!(turn.usage.source, UsageSource::Partial);
        }
        let kept = references(&messages);
        assert_eq!(kept.len(), usize::from(cut > 5), "cut after {cut}");
        assert_eq!(rig.stored().await.len(), kept.len());
        conversation.send("Go on").await.unwrap();
        let sent = rig.provider.requests()[1].messages.len();
        assert_eq!(sent, messages.len() + 1);
    }
}

#[tokio::test]
async fn a_turn_that_is_cancelled_after_any_event_keeps_what_its_reader_saw() {
    for stop_after in 0..12 {
        let provider = ScriptedProvider::new().with_answer(answer(7).hang());
        let rig = Rig::new(provider);
        let mut conversation = rig.start().await;
        let mut events = conversation.stream("Count");
        let mut seen = String::new();
        for _ in 0..stop_after {
            let next = tokio::time::timeout(std::time::Duration::from_millis(200), events.next());
            match next.await {
                Ok(Some(Ok(TurnEvent::TextDelta(delta)))) => seen.push_str(&delta),
                Ok(Some(Ok(_))) => {}
                _ => break,
            }
        }
        let attached = conversation.attach(events.turn());
        drop(events);
        let error = attached.response().await.unwrap_err();
        assert_eq!(error.kind(), Kind::Cancelled);
        let messages = conversation.messages(Window::All).await.unwrap();
        let text: String = messages
            .iter()
            .filter(|message| message.role == Role::Assistant)
            .map(|message| message.text().replace('\n', ""))
            .collect();
        assert!(text.starts_with(&seen), "saw {seen:?}, kept {text:?}");
        assert_eq!(rig.stored().await.len(), references(&messages).len());
        let record = conversation.record().await.unwrap();
        assert_eq!(record.current_turn, None);
    }
}

#[tokio::test]
async fn calls_without_a_result_are_run_when_the_turn_is_retried() {
    let provider = ScriptedProvider::new()
        .with_answer(
            ScriptedAnswer::new()
                .text("x")
                .error_of(ProviderErrorKind::Interrupted),
        )
        .with_answer(ScriptedAnswer::new().text("y"));
    let rig = Rig::new(provider);
    let mut conversation = rig.start().await;
    let error = conversation.send("Go").await.unwrap_err();
    let turn = error.turn().unwrap();
    for from in [RetryFrom::Start, RetryFrom::LastRound] {
        rig.provider.push(ScriptedAnswer::new().text("z"));
        conversation
            .retry_turn(turn, from)
            .response()
            .await
            .unwrap();
        let messages = conversation.messages(Window::All).await.unwrap();
        assert_eq!(messages.len(), 2);
    }
}
