//! The messages and calls that go out, each call directly followed by its result.

use conversation_types::{Message, MessageStatus, Role, ToolCall};

/// One step of the conversation as it goes out, with the place of its message.
#[derive(Debug)]
pub(super) enum Step<'a> {
    /// A message that is no result, with the calls of it that go out.
    Message(usize, &'a Message, Vec<&'a ToolCall>),
    /// The result of a call.
    Result(usize, &'a Message, &'a ToolCall),
    /// A call whose result never came, and the place of the message that calls.
    MissingResult(usize, &'a ToolCall),
}

/// Arranges messages so that each call is directly followed by one result.
///
/// APIs refuse calls without a result, and results without a call. A result is looked for up to
/// the next message that calls tools; one that belongs to no call which goes out is left out.
pub(super) fn arrange(messages: &[Message]) -> Vec<Step<'_>> {
    let mut steps = Vec::with_capacity(messages.len());
    for (at, message) in messages.iter().enumerate() {
        if matches!(message.role, Role::Unknown | Role::Tool) {
            continue;
        }
        let calls = calls_to_send(message);
        steps.push(Step::Message(at, message, calls.clone()));
        if calls.is_empty() {
            continue;
        }
        let mut open: Vec<Option<&ToolCall>> = calls.into_iter().map(Some).collect();
        let later = messages.get(at + 1..).unwrap_or_default();
        let round = (at + 1..)
            .zip(later)
            .take_while(|(_, message)| calls_to_send(message).is_empty());
        for (place, result) in round.filter(|(_, message)| message.role == Role::Tool) {
            let id = result.tool_call_id.as_deref().unwrap_or_default();
            let answered = open
                .iter_mut()
                .find(|call| call.is_some_and(|call| call.id == id));
            if let Some(call) = answered.and_then(Option::take) {
                steps.push(Step::Result(place, result, call));
            }
        }
        let missing = open.into_iter().flatten();
        steps.extend(missing.map(|call| Step::MissingResult(at, call)));
    }
    steps
}

/// The calls of a message that go out: of one that is not whole only those that are.
fn calls_to_send(message: &Message) -> Vec<&ToolCall> {
    if message.role != Role::Assistant {
        return Vec::new();
    }
    let is_whole = message.status != MessageStatus::Partial;
    let calls = message.tool_calls.iter();
    calls.filter(|call| is_whole || is_complete(call)).collect()
}

fn is_complete(call: &ToolCall) -> bool {
    let arguments = call.arguments.trim_start();
    !call.name.is_empty()
        && arguments.starts_with('{')
        && serde_json::from_str::<serde::de::IgnoredAny>(arguments).is_ok()
}
