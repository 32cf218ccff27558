//! A conversation of another program.

use conversation_sdk::{Message, Part, RawJson, Role, ToolCall};
use serde_json::{Value, json};

/// The family of OpenAI's APIs, in the data of providers.
pub(super) const OPENAI: &str = "openai";

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
    /// How many calls of the last message have a place among its parts.
    pub(super) placed: usize,
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
            self.placed = 0;
        }
    }

    /// Adds a part of an item of OpenAI's Responses to the message before, or to one of its own.
    pub(super) fn push_to_last(&mut self, role: Role, part: Part) {
        match self.messages.last_mut() {
            Some(last) if last.role == role => {
                // Calls come last in a message unless their places are marked.
                for call in last.tool_calls.iter().skip(self.placed) {
                    let place = json!({"type": "tool_call_position", "id": call.id});
                    last.content
                        .push(Part::opaque(OPENAI, RawJson::from(place)));
                }
                self.placed = last.tool_calls.len();
                last.content.push(part);
            }
            _ => {
                self.messages.push(Message::new(role, vec![part]));
                self.placed = 0;
            }
        }
    }

    /// Adds a call to what the model said before it, or to a message of its own. Calls that were made
    /// together stay together: their results follow all of them.
    pub(super) fn push_call(&mut self, call: ToolCall) {
        match self.messages.last_mut() {
            Some(last) if last.role == Role::Assistant => last.tool_calls.push(call),
            _ => {
                let message = Message::assistant(Vec::new()).with_tool_calls(vec![call]);
                self.messages.push(message);
                self.placed = 0;
            }
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
