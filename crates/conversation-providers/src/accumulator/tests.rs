use super::*;
use crate::completion::Completion;
use conversation_types::{ProviderData, RawJson};
use media_types::{MediaContent, Mime};

fn after(events: &[ResponseEvent]) -> StreamAccumulator {
    let mut accumulator = StreamAccumulator::new();
    events.iter().for_each(|event| accumulator.push(event));
    accumulator
}

fn text(text: &str) -> ResponseEvent {
    ResponseEvent::TextDelta(text.into())
}

#[test]
fn parts_stay_in_order() {
    let picture = MediaContent::from_bytes(Mime::IMAGE_PNG, "x");
    let answer = after(&[
        ResponseEvent::ReasoningDelta("hm".into()),
        text("a"),
        text("b"),
        ResponseEvent::Media(picture.clone()),
        text("c"),
    ]);
    assert_eq!(
        answer.content(),
        [
            Part::reasoning("hm", None),
            Part::text("ab"),
            Part::Media(picture),
            Part::text("c")
        ]
    );
    assert_eq!(answer.output_bytes(), 5);
}

#[test]
fn a_closed_item_replaces_what_its_deltas_built() {
    let signed = RawJson::from_text(r#"{"type":"thinking"}"#).unwrap();
    let closed = Part::reasoning("hm", Some(("anthropic".into(), signed.clone().into())));
    let opaque = Part::opaque("openai", signed.clone());
    let data = ProviderData::new().with("gemini", signed);
    let said = Part::Text(TextPart::new("ab").with_provider_data(data));
    let answer = after(&[
        ResponseEvent::ReasoningDelta("hm".into()),
        ResponseEvent::ItemDone(closed.clone()),
        ResponseEvent::ReasoningDelta("more".into()),
        ResponseEvent::ItemDone(opaque.clone()),
        text("ab"),
        ResponseEvent::ItemDone(said.clone()),
        text("c"),
    ]);
    let open = Part::reasoning("more", None);
    assert_eq!(
        answer.content(),
        [closed, open, opaque, said, Part::text("c")]
    );
}

#[test]
fn calls_are_kept_with_the_arguments_so_far() {
    let started = |index, id: &str, name: &str| ResponseEvent::ToolCallStarted {
        index,
        id: id.into(),
        name: name.into(),
    };
    let more = |index, arguments: &str| ResponseEvent::ToolCallDelta {
        index,
        arguments: arguments.into(),
    };
    let answer = after(&[
        started(1, "c2", ""),
        more(1, "{\"a"),
        started(1, "c2", "g"),
        more(1, "\":"),
    ]);
    let message = answer.message();
    assert_eq!(message.status, MessageStatus::Partial);
    assert_eq!(message.tool_calls, [ToolCall::new("c2", "g", "{\"a\":")]);
}

#[test]
fn usage_is_never_zero_once_something_came() {
    assert!(StreamAccumulator::new().usage().is_zero());
    let answer = after(&[text("abcde")]);
    assert_eq!(answer.usage().output_tokens, 2);
    assert_eq!(answer.usage().source, UsageSource::Estimated);
    let answer = after(&[ResponseEvent::Usage(TokenUsage::new(9, 1)), text("abcde")]);
    assert_eq!(answer.usage().input_tokens, 9);
    assert_eq!(answer.usage().output_tokens, 2);
    assert_eq!(answer.usage().source, UsageSource::Partial);
}

#[test]
fn a_complete_answer_is_the_message() {
    let completion = Completion::new(vec![Part::text("all")])
        .with_finish(FinishReason::Length)
        .with_usage(TokenUsage::new(1, 2), None);
    let answer = after(&[text("al"), ResponseEvent::Done(Box::new(completion))]);
    let message = answer.message();
    assert_eq!(message.text(), "all");
    assert_eq!(message.status, MessageStatus::Complete);
    assert_eq!(message.usage, Some(TokenUsage::new(1, 2)));
    assert_eq!(answer.finish(), Some(&FinishReason::Length));
}

#[test]
fn debug_prints_no_text() {
    let answer = after(&[text("my diary")]);
    assert!(!format!("{answer:?} {:?}", text("my diary")).contains("diary"));
}
