//! The rules of chat completions.

use std::collections::BTreeSet;

use serde_json::Value;

use super::given::Given;
use super::json::{Broken, ensure, list, text};

/// The most characters of the id of a call.
const MAX_ID: usize = 40;

/// Judges a request.
pub(super) fn check(body: &Value, given: &Given) -> Result<(), Broken> {
    let messages = list(&body["messages"]);
    ensure(!messages.is_empty(), || "messages is too short".into())?;
    let mut open: BTreeSet<&str> = BTreeSet::new();
    for (at, message) in messages.iter().enumerate() {
        let role = text(&message["role"]);
        if role == "tool" {
            let id = text(&message["tool_call_id"]);
            ensure(open.remove(id), || {
                format!("messages.{at}: a tool message must follow a message with 'tool_calls'")
            })?;
            continue;
        }
        ensure(open.is_empty(), || {
            format!("messages.{at}: tool_call_ids did not have response messages: {open:?}")
        })?;
        match role {
            "assistant" => open = assistant(at, message, given)?,
            "user" | "system" | "developer" => has_content(at, &message["content"])?,
            _ => return Err(format!("messages.{at}.role: '{role}' is not a role")),
        }
    }
    ensure(open.is_empty(), || {
        format!("tool_call_ids did not have response messages: {open:?}")
    })
}

/// Judges an answer that goes back; returns the ids of its calls.
fn assistant<'a>(
    at: usize,
    message: &'a Value,
    given: &Given,
) -> Result<BTreeSet<&'a str>, Broken> {
    if let Some(audio) = message.get("audio").filter(|audio| !audio.is_null()) {
        let id = text(&audio["id"]);
        ensure(given.audio.contains(id), || {
            format!("messages.{at}.audio.id: no audio '{id}'")
        })?;
    }
    let calls = list(&message["tool_calls"]);
    ensure(
        message.get("tool_calls").is_none() || !calls.is_empty(),
        || format!("messages.{at}.tool_calls: empty array"),
    )?;
    let mut ids = BTreeSet::new();
    for call in calls {
        let id = text(&call["id"]);
        ensure(!id.is_empty() && ids.insert(id), || {
            format!("messages.{at}.tool_calls: duplicate or missing id '{id}'")
        })?;
        ensure(id.len() <= MAX_ID, || {
            format!(
                "Invalid 'messages[{at}].tool_calls[0].id': string too long. Expected a string with maximum length {MAX_ID}"
            )
        })?;
        ensure(!text(&call["function"]["name"]).is_empty(), || {
            format!("messages.{at}.tool_calls: a function without a name")
        })?;
        let arguments = serde_json::from_str::<Value>(text(&call["function"]["arguments"]));
        ensure(
            arguments.is_ok_and(|arguments| arguments.is_object()),
            || format!("messages.{at}.tool_calls: arguments are not a JSON object"),
        )?;
    }
    let says = ["audio", "refusal"]
        .iter()
        .any(|field| !message[*field].is_null());
    if calls.is_empty() && !says || !message["content"].is_null() {
        has_content(at, &message["content"])?;
    }
    Ok(ids)
}

fn has_content(at: usize, content: &Value) -> Result<(), Broken> {
    let broken = || format!("messages.{at}.content: empty");
    if let Some(content) = content.as_str() {
        return ensure(!content.is_empty(), broken);
    }
    ensure(!list(content).is_empty(), broken)?;
    let is_empty = |part: &Value| text(&part["type"]) == "text" && text(&part["text"]).is_empty();
    ensure(!list(content).iter().any(is_empty), broken)
}
