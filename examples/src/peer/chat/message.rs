//! A message of a request, read as strictly as the service reads it.

use serde_json::Value;

use super::part::{Part, Role};
use crate::peer::attachment::Attachment;
use crate::peer::photos::Photo;
use crate::peer::refusal::Refusal;

#[derive(Debug)]
pub(super) struct Message {
    pub(super) role: Role,
    pub(super) text: String,
    pub(super) attachments: Vec<Attachment>,
    /// The tools that an assistant called.
    pub(super) calls: Vec<ToolCall>,
    /// The call that a tool answers.
    pub(super) answers: Option<String>,
}

/// A call of a tool.
#[derive(Debug)]
pub(super) struct ToolCall {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) arguments: String,
}

impl Message {
    /// The images among the media.
    pub(super) fn photos(&self) -> impl Iterator<Item = &Photo> {
        self.attachments.iter().filter_map(Attachment::photo)
    }

    pub(super) fn read(message: &Value, index: usize) -> Result<Self, Refusal> {
        let place = format!("messages[{index}]");
        let role = match message.get("role").and_then(Value::as_str) {
            Some("system" | "developer") => Role::System,
            Some("user") => Role::User,
            Some("assistant") => Role::Assistant,
            Some("tool") => Role::Tool,
            _ => {
                return Err(Refusal::wrong_value(
                    format!("{place}.role"),
                    "'system', 'assistant', 'user', 'tool' or 'developer'",
                ));
            }
        };
        let calls = match message.get("tool_calls") {
            None | Some(Value::Null) => Vec::new(),
            Some(calls) => read_calls(calls, &place)?,
        };
        let answers = message
            .get("tool_call_id")
            .and_then(Value::as_str)
            .map(str::to_owned);
        if role == Role::Tool && answers.is_none() {
            return Err(Refusal::invalid(format!(
                "Missing parameter 'tool_call_id' in '{place}'."
            ))
            .with_param(place));
        }
        let mut read = Self {
            role,
            text: String::new(),
            attachments: Vec::new(),
            calls,
            answers,
        };
        match message.get("content") {
            Some(Value::String(text)) => read.text.clone_from(text),
            Some(Value::Array(parts)) => {
                for (at, part) in parts.iter().enumerate() {
                    let place = format!("{place}.content[{at}]");
                    match Part::read(part, read.role, &place)? {
                        Part::Text(text) => {
                            if !read.text.is_empty() {
                                read.text.push('\n');
                            }
                            read.text.push_str(text);
                        }
                        Part::Media(attachment) => read.attachments.push(attachment),
                    }
                }
            }
            None | Some(Value::Null) if role == Role::Assistant && !read.calls.is_empty() => {}
            _ => {
                return Err(Refusal::wrong_value(
                    format!("{place}.content"),
                    "a string or an array of parts",
                ));
            }
        }
        Ok(read)
    }
}

fn read_calls(calls: &Value, place: &str) -> Result<Vec<ToolCall>, Refusal> {
    let calls = calls.as_array().filter(|calls| !calls.is_empty());
    let calls = calls
        .ok_or_else(|| Refusal::wrong_value(format!("{place}.tool_calls"), "a non-empty array"))?;
    let read = |call: &Value| {
        let text = |pointer: &str| {
            call.pointer(pointer)
                .and_then(Value::as_str)
                .map(str::to_owned)
        };
        let name = text("/function/name").filter(|name| is_valid_name(name));
        match (
            text("/id"),
            name,
            text("/function/arguments"),
            text("/type").as_deref(),
        ) {
            (Some(id), Some(name), Some(arguments), Some("function")) => Ok(ToolCall {
                id,
                name,
                arguments,
            }),
            _ => Err(Refusal::wrong_value(
                format!("{place}.tool_calls"),
                "calls with 'id', 'type', function name and arguments",
            )),
        }
    };
    calls.iter().map(read).collect()
}

pub(super) fn is_valid_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
}
