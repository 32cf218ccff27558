//! The messages of a request, read as strictly as the service reads them.

use serde_json::Value;

use crate::peer::photos::Photo;
use crate::peer::refusal::Refusal;
use crate::peer::text_tokens;

/// What the service counts for an image at high detail, roughly.
const IMAGE_TOKENS: u64 = 765;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    System,
    User,
    Assistant,
    Tool,
}

#[derive(Debug)]
pub(super) struct Message {
    pub(super) role: Role,
    pub(super) text: String,
    pub(super) photos: Vec<Photo>,
    /// Ids and arguments of the tools that an assistant called.
    pub(super) calls: Vec<(String, String)>,
    answers: Option<String>,
}

/// A function that the model may call.
#[derive(Debug)]
pub(super) struct OfferedTool {
    pub(super) name: String,
    pub(super) takes_prompt: bool,
    pub(super) takes_size: bool,
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
            .ok_or_else(|| {
                Refusal::invalid("Missing required parameter: 'messages'.")
                    .with_code("missing_required_parameter")
                    .with_param("messages")
            })?;
        if messages.is_empty() {
            return Err(Refusal::invalid("Invalid 'messages': empty array.").with_param("messages"));
        }
        let messages: Vec<Message> = messages
            .iter()
            .enumerate()
            .map(|(index, message)| read_message(message, index))
            .collect::<Result<_, _>>()?;
        check_order(&messages)?;
        let tools = match request.get("tools") {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(tools)) => tools
                .iter()
                .enumerate()
                .map(read_tool)
                .collect::<Result<_, _>>()?,
            Some(_) => return Err(wrong("tools", "an array")),
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
                .map(|(_, arguments)| text_tokens(arguments))
                .sum();
            4 + text_tokens(&message.text) + calls + IMAGE_TOKENS * message.photos.len() as u64
        };
        3 + self.messages.iter().map(of).sum::<u64>()
    }
}

fn read_message(message: &Value, index: usize) -> Result<Message, Refusal> {
    let place = format!("messages[{index}]");
    let role = match message.get("role").and_then(Value::as_str) {
        Some("system" | "developer") => Role::System,
        Some("user") => Role::User,
        Some("assistant") => Role::Assistant,
        Some("tool") => Role::Tool,
        _ => {
            return Err(wrong(
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
        return Err(
            Refusal::invalid(format!("Missing parameter 'tool_call_id' in '{place}'."))
                .with_param(place),
        );
    }
    let mut read = Message {
        role,
        text: String::new(),
        photos: Vec::new(),
        calls,
        answers,
    };
    match message.get("content") {
        Some(Value::String(text)) => read.text.clone_from(text),
        Some(Value::Array(parts)) => {
            for (at, part) in parts.iter().enumerate() {
                read_part(&mut read, part, &format!("{place}.content[{at}]"))?;
            }
        }
        None | Some(Value::Null) if role == Role::Assistant && !read.calls.is_empty() => {}
        _ => {
            return Err(wrong(
                format!("{place}.content"),
                "a string or an array of parts",
            ));
        }
    }
    Ok(read)
}

fn read_part(message: &mut Message, part: &Value, place: &str) -> Result<(), Refusal> {
    match part.get("type").and_then(Value::as_str) {
        Some("text") => {
            let text = part
                .get("text")
                .and_then(Value::as_str)
                .ok_or_else(|| wrong(format!("{place}.text"), "a string"))?;
            if !message.text.is_empty() {
                message.text.push('\n');
            }
            message.text.push_str(text);
        }
        Some("image_url") if message.role == Role::User => {
            let url = part.pointer("/image_url/url").and_then(Value::as_str);
            let url =
                url.ok_or_else(|| wrong(format!("{place}.image_url"), "an object with a 'url'"))?;
            message.photos.push(Photo::from_url(url, place)?);
        }
        Some("image_url") => {
            let message = "Invalid content type. image_url is only supported by certain models and in user messages.";
            return Err(Refusal::invalid(message).with_param(place));
        }
        Some("input_audio" | "file") if message.role == Role::User => {}
        _ => {
            return Err(wrong(
                format!("{place}.type"),
                "a type of part that this role may use",
            ));
        }
    }
    Ok(())
}

fn read_calls(calls: &Value, place: &str) -> Result<Vec<(String, String)>, Refusal> {
    let calls = calls.as_array().filter(|calls| !calls.is_empty());
    let calls = calls.ok_or_else(|| wrong(format!("{place}.tool_calls"), "a non-empty array"))?;
    let read = |call: &Value| {
        let text = |pointer: &str| {
            call.pointer(pointer)
                .and_then(Value::as_str)
                .map(str::to_owned)
        };
        let name = text("/function/name").filter(|name| valid_name(name));
        match (
            text("/id"),
            name,
            text("/function/arguments"),
            text("/type").as_deref(),
        ) {
            (Some(id), Some(_), Some(arguments), Some("function")) => Ok((id, arguments)),
            _ => Err(wrong(
                format!("{place}.tool_calls"),
                "calls with 'id', 'type', function name and arguments",
            )),
        }
    };
    calls.iter().map(read).collect()
}

fn read_tool((index, tool): (usize, &Value)) -> Result<OfferedTool, Refusal> {
    let name = tool
        .pointer("/function/name")
        .and_then(Value::as_str)
        .unwrap_or_default();
    if !valid_name(name) {
        return Err(wrong(
            format!("tools[{index}].function.name"),
            "1 to 64 of a-z, A-Z, 0-9, underscores and dashes",
        ));
    }
    let has = |field: &str| {
        let properties = tool.pointer("/function/parameters/properties");
        properties.is_some_and(|properties| properties.get(field).is_some())
    };
    Ok(OfferedTool {
        name: name.to_owned(),
        takes_prompt: has("prompt"),
        takes_size: has("size"),
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
                .position(|id| message.answers.as_deref() == Some(id));
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
        open = message.calls.iter().map(|(id, _)| id.as_str()).collect();
    }
    if open.is_empty() {
        return Ok(());
    }
    let text = "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'.";
    Err(Refusal::invalid(text).with_param("messages"))
}

fn valid_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
}

fn wrong(param: impl Into<String>, expected: &str) -> Refusal {
    let param = param.into();
    Refusal::invalid(format!("Invalid value for '{param}': expected {expected}."))
        .with_code("invalid_value")
        .with_param(param)
}
