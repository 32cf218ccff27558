//! Messages of LangChain, by `messages_to_dict` or `dumps`.

use conversation_sdk::{Message, Role, ToolCall};
use serde_json::Value;

use super::foreign::{Foreign, items, role_of, text_of};
use super::openai::arguments;
use super::parts::parts;

/// Reads a list of messages.
pub(super) fn read(messages: &[Value]) -> Foreign {
    let mut conversation = Foreign::default();
    for value in messages {
        conversation.push(message(value));
    }
    conversation
}

fn message(value: &Value) -> Message {
    let data = ["data", "kwargs"]
        .iter()
        .find_map(|key| value.get(*key))
        .unwrap_or(value);
    let class = items(value.get("id")).last().and_then(Value::as_str);
    let word = class
        .or_else(|| text_of(value, &["type", "role"]).filter(|word| *word != "constructor"))
        .or_else(|| text_of(data, &["type"]));
    let role = role_of(word.unwrap_or_default());
    // A call stands in the content as well as in its list.
    let is_call = |part: &&Value| {
        matches!(
            text_of(part, &["type"]),
            Some("tool_use" | "tool_call" | "function_call")
        )
    };
    let content = match data.get("content") {
        Some(Value::Array(all)) => {
            let kept: Vec<Value> = all.iter().filter(|part| !is_call(part)).cloned().collect();
            parts(Some(&Value::Array(kept)))
        }
        content => parts(content),
    };
    if role == Role::Tool {
        return Message::tool(
            text_of(data, &["tool_call_id"]).unwrap_or_default(),
            content,
        );
    }
    let calls = items(data.get("tool_calls")).iter().map(|call| {
        ToolCall::new(
            text_of(call, &["id"]).unwrap_or_default(),
            text_of(call, &["name"]).unwrap_or_default(),
            arguments(call),
        )
    });
    Message::new(role, content).with_tool_calls(calls.collect())
}
