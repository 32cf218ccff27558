//! Messages of Anthropic's API.

use conversation_sdk::{Message, Part, RawJson, Role, ToolCall};
use serde_json::Value;

use super::foreign::{Foreign, role_of, text_of};
use super::openai::arguments;
use super::parts::{opaque, part, parts};

/// Reads a list of messages.
pub(super) fn read(messages: &[Value]) -> Foreign {
    let mut conversation = Foreign::default();
    for value in messages {
        let role = role_of(text_of(value, &["role"]).unwrap_or_default());
        match value.get("content") {
            Some(Value::Array(blocks)) => self::blocks(role, blocks, &mut conversation),
            content => conversation.push(Message::new(role, parts(content))),
        }
    }
    conversation
}

/// Results of tools become messages of their own, before what the user says with them.
fn blocks(role: Role, blocks: &[Value], conversation: &mut Foreign) {
    let (mut content, mut calls) = (Vec::new(), Vec::new());
    for block in blocks {
        match text_of(block, &["type"]) {
            Some("tool_use") => calls.push(ToolCall::new(
                text_of(block, &["id"]).unwrap_or_default(),
                text_of(block, &["name"]).unwrap_or_default(),
                arguments(block),
            )),
            Some("tool_result") => {
                let id = text_of(block, &["tool_use_id"]).unwrap_or_default();
                conversation.push(Message::tool(id, parts(block.get("content"))));
            }
            Some("thinking") => content.push(thinking(block)),
            Some("redacted_thinking") => content.push(opaque("anthropic", block)),
            _ => content.push(part(block)),
        }
    }
    conversation.push(Message::new(role, content).with_tool_calls(calls));
}

fn thinking(block: &Value) -> Part {
    let text = text_of(block, &["thinking"]).unwrap_or_default();
    let item = RawJson::from_text(block.to_string()).ok();
    Part::reasoning(text, item.map(|item| ("anthropic".to_owned(), item.into())))
}
