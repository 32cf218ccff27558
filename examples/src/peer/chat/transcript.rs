//! The messages of a request, read as strictly as the service reads them.

use serde_json::Value;

use super::message::{Message, is_valid_name};
use super::part::Role;
use crate::peer::refusal::Refusal;
use crate::peer::text_tokens;

/// What the service counts for an image at high detail, roughly; other media count as much.
const MEDIA_TOKENS: u64 = 765;

/// A function that the model may call.
#[derive(Debug)]
pub(super) struct OfferedTool {
    pub(super) name: String,
    pub(super) parameters: Value,
}

impl OfferedTool {
    /// Whether the tool has a parameter of this name.
    pub(super) fn takes(&self, parameter: &str) -> bool {
        let properties = self.parameters.get("properties");
        properties.is_some_and(|properties| properties.get(parameter).is_some())
    }
}

#[derive(Debug)]
pub(super) struct Transcript {
    pub(super) messages: Vec<Message>,
    pub(super) tools: Vec<OfferedTool>,
    /// `tool_choice` is `none`.
    pub(super) tools_forbidden: bool,
}

impl Transcript {
    pub(super) fn read(request: &Value) -> Result<Self, Refusal> {
        let messages = request
            .get("messages")
            .and_then(Value::as_array)
            .ok_or_else(|| Refusal::missing("messages"))?;
        if messages.is_empty() {
            return Err(Refusal::invalid("Invalid 'messages': empty array.").with_param("messages"));
        }
        let messages: Vec<Message> = messages
            .iter()
            .enumerate()
            .map(|(index, message)| Message::read(message, index))
            .collect::<Result<_, _>>()?;
        check_order(&messages)?;
        let tools = match request.get("tools") {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(tools)) => tools
                .iter()
                .enumerate()
                .map(read_tool)
                .collect::<Result<_, _>>()?,
            Some(_) => return Err(Refusal::wrong_value("tools", "an array")),
        };
        let tools_forbidden = request.get("tool_choice").and_then(Value::as_str) == Some("none");
        Ok(Self {
            messages,
            tools,
            tools_forbidden,
        })
    }

    pub(super) fn tokens(&self) -> u64 {
        let of = |message: &Message| {
            let calls: u64 = message
                .calls
                .iter()
                .map(|call| text_tokens(&call.arguments))
                .sum();
            4 + text_tokens(&message.text) + calls + MEDIA_TOKENS * message.attachments.len() as u64
        };
        3 + self.messages.iter().map(of).sum::<u64>()
    }
}

fn read_tool((index, tool): (usize, &Value)) -> Result<OfferedTool, Refusal> {
    let name = tool
        .pointer("/function/name")
        .and_then(Value::as_str)
        .unwrap_or_default();
    if !is_valid_name(name) {
        return Err(Refusal::wrong_value(
            format!("tools[{index}].function.name"),
            "1 to 64 of a-z, A-Z, 0-9, underscores and dashes",
        ));
    }
    Ok(OfferedTool {
        name: name.to_owned(),
        parameters: tool
            .pointer("/function/parameters")
            .cloned()
            .unwrap_or_default(),
    })
}

/// Every tool call is answered before anybody else speaks, and nothing else is answered.
fn check_order(messages: &[Message]) -> Result<(), Refusal> {
    let mut open: Vec<&str> = Vec::new();
    for (index, message) in messages.iter().enumerate() {
        let param = format!("messages[{index}].role");
        if message.role == Role::Tool {
            let answered = open
                .iter()
                .position(|id| message.answers.as_deref() == Some(*id));
            let Some(answered) = answered else {
                let text = "Invalid parameter: messages with role 'tool' must be a response to a preceding message \
                            with 'tool_calls'.";
                return Err(Refusal::invalid(text).with_param(param));
            };
            open.swap_remove(answered);
            continue;
        }
        if !open.is_empty() {
            let text = "An assistant message with 'tool_calls' must be followed by tool messages responding to each \
                        'tool_call_id'.";
            return Err(Refusal::invalid(text).with_param(param));
        }
        open = message.calls.iter().map(|call| call.id.as_str()).collect();
    }
    if open.is_empty() {
        return Ok(());
    }
    let text = "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'.";
    Err(Refusal::invalid(text).with_param("messages"))
}
