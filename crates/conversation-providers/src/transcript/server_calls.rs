//! Calls among opaque items, and their results: APIs refuse one without the other.

use std::borrow::Cow;
use std::collections::HashSet;

use conversation_types::{Message, MessageStatus, OpaqueData, Part, RawJson};
use serde::Deserialize;

use super::wire::WirePart;

/// Calls of Responses that the provider does not run itself: a complete answer may end before their results.
const RUN_BY_CALLERS: [&str; 4] = [
    "custom_tool_call",
    "computer_call",
    "local_shell_call",
    "apply_patch_call",
];

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
            kind if kind.ends_with("_tool_use") => self.id.as_deref(),
            kind if kind.ends_with("_call") => self.call_id.as_deref(),
            _ => None,
        }
    }

    /// The id of the call whose result the item is.
    fn answered(&self) -> Option<&str> {
        match &*self.kind {
            kind if kind.ends_with("_tool_result") => self.tool_use_id.as_deref(),
            kind if kind.ends_with("_call_output") => self.call_id.as_deref(),
            _ => None,
        }
    }
}

/// The calls among the opaque items of a conversation that have results.
#[derive(Debug, Default)]
pub(super) struct AnsweredCalls(HashSet<String>);

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
        let answered = items.filter_map(|item| Item::read(item)?.answered().map(str::to_owned));
        Self(answered.collect())
    }

    /// Removes the calls of a message whose results never came. A complete answer may pause before the result
    /// of a call that its provider runs: that one goes back as it is.
    pub(super) fn remove_open(&self, parts: &mut Vec<WirePart<'_>>, status: MessageStatus) {
        let is_partial = status == MessageStatus::Partial;
        parts.retain(|part| {
            let WirePart::Opaque { item, .. } = part else {
                return true;
            };
            let Some(item) = Item::read(item) else {
                return true;
            };
            let Some(id) = item.call() else {
                return true;
            };
            let may_pause = !is_partial && !RUN_BY_CALLERS.contains(&&*item.kind);
            may_pause || self.0.contains(id)
        });
    }
}
