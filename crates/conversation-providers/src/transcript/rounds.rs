//! The messages and calls that go out, each call directly followed by its result.

use std::borrow::Cow;

use conversation_types::{Message, MessageStatus, Role, ToolCall};

use super::call_ids::{CallIds, UsedIds};

/// A call with the id by which it goes out.
#[derive(Clone, Debug)]
pub(super) struct SentCall<'a> {
    pub(super) call: &'a ToolCall,
    pub(super) id: Cow<'a, str>,
}

/// One step of the conversation as it goes out, with the place of its message.
#[derive(Debug)]
pub(super) enum Step<'a> {
    /// A message that is no result, with the calls of it that go out.
    Message(usize, &'a Message, Vec<SentCall<'a>>),
    /// The result of a call.
    Result(usize, &'a Message, SentCall<'a>),
    /// A call whose result never came, and the place of the message that calls.
    MissingResult(usize, SentCall<'a>),
}

/// Arranges messages so that each call is directly followed by one result.
///
/// APIs refuse calls without a result, and results without a call. A result is looked for up to
/// the next message that calls tools; one that belongs to no call which goes out is left out. The
/// provider has the first `known` messages, and with them the ids of their calls.
pub(super) fn arrange(messages: &[Message], ids: CallIds, known: usize) -> Vec<Step<'_>> {
    let mut used = UsedIds::new(ids);
    let mut steps = Vec::with_capacity(messages.len());
    for (at, message) in messages.iter().enumerate() {
        if matches!(message.role, Role::Unknown | Role::Tool) {
            continue;
        }
        used.begin_message();
        let calls = calls_to_send(message).into_iter().map(|call| SentCall {
            call,
            id: used.id(&call.id, at < known),
        });
        let calls: Vec<SentCall<'_>> = calls.collect();
        steps.push(Step::Message(at, message, calls.clone()));
        if calls.is_empty() {
            continue;
        }
        let mut open: Vec<Option<SentCall<'_>>> = calls.into_iter().map(Some).collect();
        let later = messages.get(at + 1..).unwrap_or_default();
        let round = (at + 1..)
            .zip(later)
            .take_while(|(_, message)| calls_to_send(message).is_empty());
        for (place, result) in round.filter(|(_, message)| message.role == Role::Tool) {
            let id = result.tool_call_id.as_deref().unwrap_or_default();
            let answered = open
                .iter_mut()
                .find(|call| call.as_ref().is_some_and(|call| call.call.id == id));
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
