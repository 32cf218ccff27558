//! Calls among opaque items, and their results: APIs refuse one without the other.

use std::borrow::Cow;
use std::collections::HashSet;

use conversation_types::{Message, MessageStatus, OpaqueData, Part, RawJson, Role};
use serde::Deserialize;

use super::wire::WirePart;

/// The end of the kinds of calls of Anthropic.
const TOOL_USE: &str = "_tool_use";

/// What an item says about a call.
#[derive(Deserialize)]
struct Item<'i> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'i, str>,
    #[serde(default, borrow)]
    id: Option<Cow<'i, str>>,
    #[serde(default, borrow)]
    call_id: Option<Cow<'i, str>>,
    #[serde(default, borrow)]
    tool_use_id: Option<Cow<'i, str>>,
}

impl<'i> Item<'i> {
    fn read(item: &'i RawJson) -> Option<Self> {
        serde_json::from_str(item.get()).ok()
    }

    /// The id of the call that the item is.
    fn call(&self) -> Option<&str> {
        match &*self.kind {
            kind if kind.ends_with(TOOL_USE) => self.id.as_deref(),
            kind if kind.ends_with("_call") => self.call_id.as_deref(),
            _ => None,
        }
    }

    /// The id of the call whose result the item is.
    fn answered(&self) -> Option<&str> {
        match &*self.kind {
            kind if kind.ends_with("_tool_result") => self.tool_use_id.as_deref(),
            kind if kind.ends_with("_output") => self.call_id.as_deref(),
            _ => None,
        }
    }
}

/// The calls among the opaque items of a conversation that have results.
#[derive(Debug, Default)]
pub(super) struct AnsweredCalls {
    ids: HashSet<String>,
    /// The place behind the last message that is no answer and no result of a call.
    last_round: usize,
}

impl AnsweredCalls {
    /// Finds the results in the messages of a family, whose items are read by `json`.
    pub(super) fn of<'a>(
        family: &str,
        messages: &'a [Message],
        json: impl Fn(&'a OpaqueData) -> Option<&'a RawJson>,
    ) -> Self {
        let parts = messages.iter().flat_map(|message| &message.content);
        let items = parts.filter_map(|part| match part {
            Part::Opaque { api, item, .. } if api == family => json(item),
            _ => None,
        });
        let ids = items.filter_map(|item| Item::read(item)?.answered().map(str::to_owned));
        let begins = |message: &Message| matches!(message.role, Role::User | Role::System);
        Self {
            ids: ids.collect(),
            last_round: messages.iter().rposition(begins).map_or(0, |at| at + 1),
        }
    }

    /// Removes the calls of the message at a place whose results never came, and the reasoning that led to one of
    /// Responses: it is refused without the call. In the last round a complete answer of Anthropic may have paused
    /// before the result of a call: that one goes back, and the provider runs it.
    pub(super) fn remove_open(
        &self,
        parts: &mut Vec<WirePart<'_>>,
        at: usize,
        status: MessageStatus,
    ) {
        let may_pause = status != MessageStatus::Partial && at >= self.last_round;
        let mut kept = Vec::with_capacity(parts.len());
        for part in parts.drain(..) {
            match self.open_call(&part) {
                None => kept.push(part),
                Some(item) if item.kind.ends_with(TOOL_USE) => {
                    if may_pause {
                        kept.push(part);
                    }
                }
                Some(_) => pop_reasoning(&mut kept),
            }
        }
        *parts = kept;
    }

    /// Returns a part as a call whose result never came.
    fn open_call<'i>(&self, part: &WirePart<'i>) -> Option<Item<'i>> {
        let WirePart::Opaque { item, .. } = part else {
            return None;
        };
        let item = Item::read(item)?;
        let is_open = !self.ids.contains(item.call()?);
        is_open.then_some(item)
    }
}

/// Removes the reasoning at the end: without what it led to it is refused.
pub(super) fn pop_reasoning(parts: &mut Vec<WirePart<'_>>) {
    while let Some(WirePart::Opaque {
        is_reasoning: true, ..
    }) = parts.last()
    {
        parts.pop();
    }
}
