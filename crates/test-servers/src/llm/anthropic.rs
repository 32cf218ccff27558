//! The rules of Messages.

use serde_json::Value;

use super::given::Given;
use super::json::{Broken, ensure, list, text};

/// Judges a request.
pub(super) fn check(body: &Value, given: &Given) -> Result<(), Broken> {
    let messages = list(&body["messages"]);
    let first = messages.first().map(|message| text(&message["role"]));
    ensure(first == Some("user"), || {
        "messages: first message must use the user role".into()
    })?;
    let mut open: Vec<&str> = Vec::new();
    for (at, message) in messages.iter().enumerate() {
        let role = text(&message["role"]);
        ensure(matches!(role, "user" | "assistant"), || {
            format!("messages.{at}.role: '{role}' is not a role")
        })?;
        let blocks = blocks(at, &message["content"])?;
        let results = blocks.iter().take_while(|block| is(block, "tool_result"));
        let results: Vec<&str> = results.map(|block| text(&block["tool_use_id"])).collect();
        let missing: Vec<_> = open.iter().filter(|id| !results.contains(id)).collect();
        ensure(missing.is_empty(), || {
            format!(
                "messages.{at}: tool_use ids were found without tool_result blocks immediately after: {missing:?}"
            )
        })?;
        let all = blocks
            .iter()
            .filter(|block| is(block, "tool_result"))
            .count();
        let known = results.iter().all(|id| open.contains(id));
        ensure(known && all == results.len() && all == open.len(), || {
            format!("messages.{at}: unexpected tool_use_id found in tool_result blocks")
        })?;
        open = Vec::new();
        let mut thoughts: Vec<&str> = Vec::new();
        for block in blocks {
            self::block(at, role, block, given)?;
            if is_thinking(block) {
                let fields = ["signature", "data"].map(|field| text(&block[field]));
                thoughts.extend(fields.iter().filter(|field| !field.is_empty()));
            }
            if is(block, "tool_use") {
                let id = text(&block["id"]);
                let led = given.thinking_before.get(id);
                ensure(led.is_none_or(|led| *led == thoughts), || {
                    format!(
                        "messages.{at}: expected `thinking` or `redacted_thinking` as it was before `tool_use` {id}"
                    )
                })?;
                ensure(!open.contains(&id), || {
                    format!("messages.{at}: tool_use ids must be unique: {id}")
                })?;
                open.push(id);
            }
        }
        let later = messages.get(at + 1..).unwrap_or_default();
        let may_pause = !later.iter().any(says_more);
        for block in blocks.iter().filter(|_| !may_pause) {
            has_result(at, block, messages)?;
        }
        ensure(
            role == "user" || !blocks.last().is_some_and(is_thinking),
            || format!("messages.{at}: the final block in an assistant message cannot be thinking"),
        )?;
    }
    ensure(open.is_empty(), || {
        format!("tool_use ids were found without tool_result blocks: {open:?}")
    })
}

fn is(block: &Value, kind: &str) -> bool {
    text(&block["type"]) == kind
}

fn is_thinking(block: &Value) -> bool {
    is(block, "thinking") || is(block, "redacted_thinking")
}

/// Whether a message of the user holds more than results of calls, which belong to the round before.
fn says_more(message: &Value) -> bool {
    let blocks = list(&message["content"]);
    let has_results = !blocks.is_empty() && blocks.iter().all(|block| is(block, "tool_result"));
    text(&message["role"]) == "user" && !has_results
}

/// A call that runs at the API has its result in the same answer, or in a later one. Only the last round may
/// pause before it.
fn has_result(at: usize, block: &Value, messages: &[Value]) -> Result<(), Broken> {
    if !text(&block["type"]).ends_with("_tool_use") {
        return Ok(());
    }
    let id = text(&block["id"]);
    let later = messages.iter().skip(at);
    let mut blocks = later.flat_map(|message| list(&message["content"]));
    let is_result = |block: &Value| {
        text(&block["type"]).ends_with("_tool_result") && text(&block["tool_use_id"]) == id
    };
    ensure(blocks.any(is_result), || {
        let name = text(&block["name"]);
        format!(
            "messages.{at}: `{name}` tool use with id `{id}` was found without a corresponding `{name}_tool_result` block"
        )
    })
}

/// Returns the blocks of a message; text alone has none, and is judged here.
fn blocks(at: usize, content: &Value) -> Result<&[Value], Broken> {
    let empty = || format!("messages.{at}: all messages must have non-empty content");
    match content.as_str() {
        Some(content) => {
            ensure(!content.trim().is_empty(), empty)?;
            Ok(&[])
        }
        None => {
            ensure(!list(content).is_empty(), empty)?;
            Ok(list(content))
        }
    }
}

fn block(at: usize, role: &str, block: &Value, given: &Given) -> Result<(), Broken> {
    match text(&block["type"]) {
        "text" => ensure(!text(&block["text"]).trim().is_empty(), || {
            format!("messages.{at}: text content blocks must contain non-whitespace text")
        }),
        "thinking" => {
            let signature = text(&block["signature"]);
            ensure(!signature.is_empty(), || {
                format!("messages.{at}: thinking.signature: field required")
            })?;
            let thought = given.thinking.get(signature).map(String::as_str);
            ensure(thought == Some(text(&block["thinking"])), || {
                format!("messages.{at}: invalid signature in thinking block")
            })
        }
        "redacted_thinking" => ensure(given.redacted.contains(text(&block["data"])), || {
            format!("messages.{at}: invalid data in redacted_thinking block")
        }),
        "tool_use" => {
            let id = text(&block["id"]);
            let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
            ensure(role == "assistant", || {
                format!("messages.{at}: tool_use blocks can only be in assistant messages")
            })?;
            ensure(!id.is_empty() && id.bytes().all(is_plain), || {
                format!("messages.{at}: tool_use.id: should match '^[a-zA-Z0-9_-]+$'")
            })?;
            ensure(block["input"].is_object(), || {
                format!("messages.{at}: tool_use.input: should be a valid dictionary")
            })
        }
        "tool_result" => ensure(role == "user", || {
            format!("messages.{at}: tool_result blocks can only be in user messages")
        }),
        "" => Err(format!("messages.{at}: a block without a type")),
        _ => Ok(()),
    }
}
