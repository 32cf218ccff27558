//! Tool calls that arrive in pieces.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::delta::CallDelta;
use crate::answer::TextJoiner;
use crate::response::ResponseEvent;

/// Most tool calls of one answer.
const MAX_CALLS: usize = 1024;

/// The calls of an answer so far.
#[derive(Debug, Default)]
pub(super) struct OpenCalls {
    calls: Vec<OpenCall>,
    /// Where the pieces of an index go. Some servers give all calls of an answer one index.
    places: BTreeMap<usize, usize>,
}

#[derive(Debug, Default)]
struct OpenCall {
    id: String,
    /// Whether the id is the server's.
    has_own_id: bool,
    name: String,
    arguments: TextJoiner,
}

impl OpenCalls {
    /// Takes a piece of a call and returns the events that it makes; `None` beyond the largest
    /// number of calls.
    pub(super) fn push(&mut self, delta: CallDelta) -> Option<Vec<ResponseEvent>> {
        let id = delta.id.map(|id| id.0).filter(|id| !id.is_empty());
        let name = delta.function.as_ref().and_then(|call| call.name.as_ref());
        let index = match (delta.index, &id) {
            (Some(index), id) => {
                let begins = name.is_some_and(|name| !name.0.is_empty());
                self.place(index, id.as_deref().filter(|_| begins))
            }
            // Without an index, an id that is new starts a call.
            (None, Some(id)) => {
                let known = self.calls.iter().position(|call| call.id == *id);
                known.unwrap_or(self.calls.len())
            }
            (None, None) => self.calls.len().saturating_sub(1),
        };
        if index >= MAX_CALLS {
            return None;
        }
        while self.calls.len() <= index {
            self.calls.push(OpenCall {
                id: new_call_id(),
                ..OpenCall::default()
            });
        }
        let call = self.calls.get_mut(index)?;
        let (name, arguments) = match delta.function {
            Some(function) => (function.name, function.arguments),
            None => (None, None),
        };
        let before = (call.id.clone(), call.name.clone());
        if let Some(id) = id {
            call.id = id;
            call.has_own_id = true;
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

    /// Returns the place of the call that has an index. `begins` is the id of a piece that can begin a
    /// call; where the call of the index has another one, a new call begins.
    fn place(&mut self, index: usize, begins: Option<&str>) -> usize {
        let free = match self.places.values().any(|place| *place == index) {
            true => self.calls.len(),
            false => index,
        };
        let place = self.places.entry(index).or_insert(free);
        if let (Some(id), Some(call)) = (begins, self.calls.get(*place))
            && call.has_own_id
            && call.id != id
        {
            *place = self.calls.len();
        }
        *place
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
