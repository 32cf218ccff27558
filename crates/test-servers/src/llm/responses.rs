//! The rules of Responses.

use std::collections::BTreeSet;

use serde_json::Value;

use super::given::Given;
use super::json::{Broken, ensure, list, text};

/// The most characters of the id of a call.
const MAX_ID: usize = 64;

/// Judges a request.
pub(super) fn check(body: &Value, given: &Given) -> Result<(), Broken> {
    if body["input"].is_string() {
        return ensure(!text(&body["input"]).is_empty(), || "input is empty".into());
    }
    let items = list(&body["input"]);
    ensure(!items.is_empty(), || "input is empty".into())?;
    let (mut called, mut answered) = (BTreeSet::new(), BTreeSet::new());
    for (at, item) in items.iter().enumerate() {
        ensure(text(&item["call_id"]).len() <= MAX_ID, || {
            format!(
                "Invalid 'input[{at}].call_id': string too long. Expected a string with maximum length {MAX_ID}"
            )
        })?;
        match text(&item["type"]) {
            "" | "message" => message(at, item)?,
            "reasoning" => reasoning(at, item, items.get(at + 1), given)?,
            "function_call" => {
                let id = text(&item["call_id"]);
                ensure(!id.is_empty() && called.insert(id), || {
                    format!("input[{at}]: duplicate or missing call_id '{id}'")
                })?;
                ensure(!text(&item["name"]).is_empty(), || {
                    format!("input[{at}]: a function call without a name")
                })?;
                let arguments = serde_json::from_str::<Value>(text(&item["arguments"]));
                ensure(
                    arguments.is_ok_and(|arguments| arguments.is_object()),
                    || format!("input[{at}]: arguments are not a JSON object"),
                )?;
            }
            "function_call_output" => {
                let id = text(&item["call_id"]);
                ensure(called.contains(id), || {
                    format!("No tool call found for function call output with call_id {id}.")
                })?;
                ensure(answered.insert(id), || {
                    format!("input[{at}]: a second output for call_id {id}")
                })?;
            }
            "image_generation_call" => ensure(!text(&item["result"]).is_empty(), || {
                format!("input[{at}].result: an image generation call without its result")
            })?,
            kind if kind.ends_with("_call") && item["call_id"].is_string() => {
                let id = text(&item["call_id"]);
                let is_output = |item: &Value| {
                    text(&item["type"]).ends_with("_output") && text(&item["call_id"]) == id
                };
                ensure(items.iter().any(is_output), || {
                    format!("No tool output found for {kind} {id}.")
                })?;
            }
            _ => {}
        }
        led_to(item, at.checked_sub(1).and_then(|at| items.get(at)), given)?;
    }
    let open: Vec<_> = called.difference(&answered).collect();
    ensure(open.is_empty(), || {
        format!("No tool output found for function calls {open:?}.")
    })
}

fn message(at: usize, item: &Value) -> Result<(), Broken> {
    let broken = || format!("input[{at}].content: empty");
    ensure(!text(&item["role"]).is_empty(), || {
        format!("input[{at}].role: missing")
    })?;
    if let Some(content) = item["content"].as_str() {
        return ensure(!content.is_empty(), broken);
    }
    let parts = list(&item["content"]);
    ensure(!parts.is_empty(), broken)?;
    let is_empty =
        |part: &Value| text(&part["type"]).ends_with("_text") && text(&part["text"]).is_empty();
    ensure(!parts.iter().any(is_empty), broken)
}

/// Reasoning comes back with what it led to, and unchanged.
fn reasoning(at: usize, item: &Value, next: Option<&Value>, given: &Given) -> Result<(), Broken> {
    let id = text(&item["id"]);
    let is_answer = |next: &Value| {
        text(&next["role"]) == "assistant"
            || matches!(
                text(&next["type"]),
                "function_call" | "reasoning" | "image_generation_call" | "custom_tool_call"
            )
    };
    // What goes back without its id cannot be told apart.
    let led_to_it = |next: &Value| {
        let mut led = given
            .led_to
            .iter()
            .filter(|(_, reasoning)| *reasoning == id);
        text(&next["type"]) == "reasoning"
            || next["id"].is_null()
            || led.next().is_none_or(|(item, _)| text(&next["id"]) == item)
    };
    ensure(
        next.is_some_and(|next| is_answer(next) && led_to_it(next)),
        || {
            format!(
                "Item '{id}' of type 'reasoning' was provided without its required following item."
            )
        },
    )?;
    let encrypted = text(&item["encrypted_content"]);
    ensure(!encrypted.is_empty(), || {
        format!("input[{at}].encrypted_content: missing, and nothing is stored")
    })?;
    ensure(
        given.reasoning.get(id).map(String::as_str) == Some(encrypted),
        || format!("The encrypted content for item {id} could not be verified."),
    )
}

/// What reasoning led to comes back with that reasoning.
fn led_to(item: &Value, before: Option<&Value>, given: &Given) -> Result<(), Broken> {
    let id = text(&item["id"]);
    let Some(reasoning) = given.led_to.get(id) else {
        return Ok(());
    };
    let is_there = before.is_some_and(|before| text(&before["id"]) == reasoning);
    ensure(is_there, || {
        format!("Item '{id}' was provided without its required 'reasoning' item: '{reasoning}'.")
    })
}
