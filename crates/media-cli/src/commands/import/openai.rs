//! Messages of OpenAI's Chat Completions, and items of its Responses.

use conversation_sdk::{Message, Part, Role, ToolCall};
use serde_json::Value;

use super::foreign::{Foreign, items, role_of, text_of};
use super::media::base64;
use super::parts::{opaque, parts};

/// Reads a list of messages or items.
pub(super) fn read(messages: &[Value]) -> Foreign {
    let mut conversation = Foreign::default();
    for value in messages {
        item(value, &mut conversation);
    }
    conversation
}

fn item(value: &Value, conversation: &mut Foreign) {
    match text_of(value, &["type"]) {
        Some("function_call") => {
            let call = ToolCall::new(
                text_of(value, &["call_id", "id"]).unwrap_or_default(),
                text_of(value, &["name"]).unwrap_or_default(),
                text_of(value, &["arguments"]).unwrap_or("{}"),
            );
            let message = Message::assistant(Vec::new()).with_tool_calls(vec![call]);
            conversation.push(message);
        }
        Some("function_call_output" | "computer_call_output") => {
            let id = text_of(value, &["call_id"]).unwrap_or_default();
            conversation.push(Message::tool(id, parts(value.get("output"))));
        }
        Some("image_generation_call") => {
            let format = text_of(value, &["output_format"]);
            let mime = format.and_then(media_types::Mime::from_extension);
            let image = text_of(value, &["result"]).and_then(|result| base64(result, mime));
            let part = image.map_or_else(|| opaque("openai", value), Part::Media);
            conversation.push_to_last(Role::Assistant, part);
        }
        None | Some("message") => conversation.push(message(value)),
        Some(_) => conversation.push_to_last(Role::Assistant, opaque("openai", value)),
    }
}

/// Reads a message, as other programs write it too.
pub(super) fn message(value: &Value) -> Message {
    let role = role_of(text_of(value, &["role"]).unwrap_or_default());
    let mut content = parts(value.get("content"));
    if let Some(refusal) = text_of(value, &["refusal"]) {
        content.push(Part::text(refusal));
    }
    if let Some(audio) = value.get("audio") {
        let data = text_of(audio, &["data"]);
        let media = data.and_then(|data| base64(data, None));
        content.extend(media.map(|media| match text_of(audio, &["transcript"]) {
            Some(transcript) => Part::Media(media.with_transcript(transcript)),
            None => Part::Media(media),
        }));
    }
    if role == Role::Tool {
        let id = text_of(value, &["tool_call_id"]).unwrap_or_default();
        return Message::tool(id, content);
    }
    let calls = items(value.get("tool_calls"));
    let calls = calls.iter().map(|call| {
        let function = call.get("function").unwrap_or(call);
        ToolCall::new(
            text_of(call, &["id"]).unwrap_or_default(),
            text_of(function, &["name"]).unwrap_or_default(),
            arguments(function),
        )
    });
    Message::new(role, content).with_tool_calls(calls.collect())
}

/// The arguments of a call as JSON text.
pub(super) fn arguments(call: &Value) -> String {
    let found = ["arguments", "args", "input"]
        .iter()
        .find_map(|key| call.get(*key));
    match found {
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
        None => "{}".to_owned(),
    }
}
