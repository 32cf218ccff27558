//! Contents of Google's Gemini.

use conversation_sdk::{Message, Part, RawJson, ToolCall};
use serde_json::Value;

use super::foreign::{Foreign, items, role_of, text_of};
use super::openai::arguments;
use super::parts::{part, parts};

/// Reads a list of contents.
pub(super) fn read(contents: &[Value]) -> Foreign {
    let mut conversation = Foreign::default();
    for content in contents {
        let role = role_of(text_of(content, &["role"]).unwrap_or("user"));
        let (mut own, mut calls) = (Vec::new(), Vec::new());
        for value in items(content.get("parts")) {
            if let Some(call) = field(value, "functionCall", "function_call") {
                calls.push(self::call(call));
            } else if let Some(answer) = field(value, "functionResponse", "function_response") {
                conversation.push(self::answer(answer));
            } else if value.get("thought") == Some(&Value::Bool(true)) {
                own.push(thought(value));
            } else {
                own.push(part(value));
            }
        }
        conversation.push(Message::new(role, own).with_tool_calls(calls));
    }
    conversation
}

fn field<'a>(value: &'a Value, camel: &str, snake: &str) -> Option<&'a Value> {
    let found = value.get(camel).or_else(|| value.get(snake));
    found.filter(|found| found.is_object())
}

/// A call has an id, or is told from others by its name alone.
fn id_of(value: &Value) -> &str {
    text_of(value, &["id", "name"]).unwrap_or_default()
}

fn call(call: &Value) -> ToolCall {
    let name = text_of(call, &["name"]).unwrap_or_default();
    ToolCall::new(id_of(call), name, arguments(call))
}

fn answer(answer: &Value) -> Message {
    let response = answer.get("response");
    let mut content: Vec<Part> = response
        .map(|response| Part::text(response.to_string()))
        .into_iter()
        .collect();
    content.extend(parts(answer.get("parts")));
    Message::tool(id_of(answer), content)
}

fn thought(value: &Value) -> Part {
    let text = text_of(value, &["text"]).unwrap_or_default();
    let item = RawJson::from_text(value.to_string()).ok();
    Part::reasoning(text, item.map(|item| ("gemini".to_owned(), item.into())))
}
