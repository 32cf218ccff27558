//! Tool calls that arrive in pieces.

use serde_json::value::RawValue;

use super::delta::CallDelta;
use crate::answer::TextJoiner;
use crate::response::ResponseEvent;

/// Most tool calls of one answer.
const MAX_CALLS: usize = 1024;

/// The calls of an answer so far.
#[derive(Debug, Default)]
pub(super) struct OpenCalls(Vec<OpenCall>);

#[derive(Debug, Default)]
struct OpenCall {
    id: String,
    name: String,
    arguments: TextJoiner,
}

impl OpenCalls {
    /// Takes a piece of a call and returns the events that it makes; `None` beyond the largest
    /// number of calls.
    pub(super) fn push(&mut self, delta: CallDelta) -> Option<Vec<ResponseEvent>> {
        let id = delta.id.map(|id| id.0).filter(|id| !id.is_empty());
        let index = match (delta.index, &id) {
            (Some(index), _) => index,
            // Without an index, an id that is new starts a call.
            (None, Some(id)) => {
                let known = self.0.iter().position(|call| call.id == *id);
                known.unwrap_or(self.0.len())
            }
            (None, None) => self.0.len().saturating_sub(1),
        };
        if index >= MAX_CALLS {
            return None;
        }
        while self.0.len() <= index {
            self.0.push(OpenCall {
                id: new_call_id(),
                ..OpenCall::default()
            });
        }
        let call = self.0.get_mut(index)?;
        let (name, arguments) = match delta.function {
            Some(function) => (function.name, function.arguments),
            None => (None, None),
        };
        let before = (call.id.clone(), call.name.clone());
        if let Some(id) = id {
            call.id = id;
        }
        // Some servers repeat the name with every piece.
        if let Some(name) = name
            && call.name != name.0
        {
            call.name.push_str(&name.0);
        }
        let mut events = Vec::new();
        let (id, name) = (call.id.clone(), call.name.clone());
        if (&id, &name) != (&before.0, &before.1) {
            events.push(ResponseEvent::ToolCallStarted { index, id, name });
        }
        let arguments = arguments.and_then(|raw| text_of(&mut call.arguments, &raw));
        if let Some(arguments) = arguments.filter(|text| !text.is_empty()) {
            events.push(ResponseEvent::ToolCallDelta { index, arguments });
        }
        Some(events)
    }
}

/// An id for a call that has none, until one comes.
fn new_call_id() -> String {
    format!("call_{}", uuid::Uuid::new_v4().simple())
}

/// More of the arguments of a call; servers that send the object itself send it whole.
fn text_of(joiner: &mut TextJoiner, raw: &RawValue) -> Option<String> {
    match raw.get() {
        "null" => None,
        text if text.starts_with('"') => joiner.push(raw),
        object => Some(object.to_owned()),
    }
}
