//! A conversation of another program.

use conversation_sdk::{Message, Part, Role};
use serde_json::Value;

/// A conversation as it was read, before anything of it is stored.
#[derive(Debug, Default)]
pub(super) struct Foreign {
    /// The id that the other program gave it.
    pub(super) id: Option<String>,
    pub(super) user: Option<String>,
    pub(super) session: Option<String>,
    /// The instructions that it began with.
    pub(super) system: Option<String>,
    pub(super) messages: Vec<Message>,
    /// Media that is named and was not found.
    pub(super) missing: u64,
}

impl Foreign {
    /// Adds a message; instructions at the start are kept apart.
    pub(super) fn push(&mut self, message: Message) {
        if message.role == Role::System && self.messages.is_empty() && self.system.is_none() {
            self.system = Some(message.text());
            return;
        }
        if !message.content.is_empty() || !message.tool_calls.is_empty() {
            self.messages.push(message);
        }
    }

    /// Adds media to the message before, or to one of its own.
    pub(super) fn push_to_last(&mut self, role: Role, part: Part) {
        match self.messages.last_mut() {
            Some(last) if last.role == role => last.content.push(part),
            _ => self.messages.push(Message::new(role, vec![part])),
        }
    }
}

/// The string under the first of these keys that has one.
pub(super) fn text_of<'a>(value: &'a Value, keys: &[&str]) -> Option<&'a str> {
    keys.iter()
        .find_map(|key| value.get(*key).and_then(Value::as_str))
}

/// The elements of an array; none for anything else.
pub(super) fn items(value: Option<&Value>) -> &[Value] {
    value.and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The role of a word, in any program's language.
pub(super) fn role_of(word: &str) -> Role {
    match word {
        "system" | "developer" => Role::System,
        "user" | "human" | "HumanMessage" => Role::User,
        "assistant" | "ai" | "model" | "AIMessage" | "AIMessageChunk" => Role::Assistant,
        "tool" | "function" | "ToolMessage" => Role::Tool,
        "SystemMessage" => Role::System,
        _ => Role::Unknown,
    }
}
