//! The provider of Responses against a server that keeps every byte.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::time::Duration;

use conversation_providers::{
    MediaContext, Provider, ProviderErrorKind as Kind, ProviderRequest, ResponseEvent,
    ResponseMode, ResponsesProvider, StreamAccumulator,
};
use conversation_types::{
    FinishReason, Message, MessageStatus, OmissionReason, Part, ToolCall, ToolDefinition,
    UserMessage,
};
use futures_util::StreamExt;
use media_types::{Detail, MediaContent, MediaSource, MediaUrl, Mime, ProviderFile, base64};
use serde_json::{Value, json};

use crate::asking::{ask, ask_with, cuts, events, fields, message_of};
use crate::peer::{self, Act, Peer, event_pieces};
use crate::support::{Turn, picture_bytes};

mod errors;
mod streams;
mod turns;

const KEY: &str = "sk-test-0123456789";
const STREAM: &str = include_str!("../../golden/openai/responses_stream.answer.sse");

fn provider(peer: &Peer) -> ResponsesProvider {
    ResponsesProvider::new(KEY, "gpt-6.2-sol")
        .with_base_url(peer.url())
        .with_backoff(Duration::from_millis(1), Duration::from_millis(2))
        .with_first_byte_timeout(peer::LONG)
        .with_idle_timeout(peer::LONG)
}

fn golden(name: &str) -> Value {
    let path = format!(
        "{}/tests/golden/openai/{name}.json",
        env!("CARGO_MANIFEST_DIR")
    );
    serde_json::from_str::<Value>(&std::fs::read_to_string(path).unwrap()).unwrap()["body"].take()
}

fn image_of(url: &Value) -> MediaContent {
    let text = url.as_str().unwrap().rsplit(',').next().unwrap();
    MediaContent::from_base64(Mime::IMAGE_PNG, text).unwrap()
}

fn tools() -> [ToolDefinition; 1] {
    let schema = json!({"type": "object", "properties": {}});
    [ToolDefinition::new("shot", "", schema)]
}

/// The same list, whatever the order of hosted tools and our own.
fn sorted_tools(mut body: Value) -> Value {
    if let Some(Value::Array(tools)) = body.get_mut("tools") {
        tools.sort_by_key(|tool| tool["type"].as_str().unwrap().to_owned());
    }
    body
}

/// Of images that the model made, the fields that every version of the API takes.
fn first_form(mut body: Value) -> Value {
    for item in body["input"].as_array_mut().unwrap() {
        if item["type"] == "image_generation_call" {
            let item = item.as_object_mut().unwrap();
            item.retain(|name, _| ["type", "id", "status", "result"].contains(&name.as_str()));
        }
    }
    body
}

fn answer(output: &Value) -> Value {
    json!({"id": "resp_1", "object": "response", "status": "completed", "model": "gpt-6.2-sol",
        "error": null, "incomplete_details": null, "output": output,
        "usage": {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15,
            "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 2},
            "output_tokens_details": {"reasoning_tokens": 3}}})
}

fn sse(events: &[Value]) -> String {
    let line = |event: &Value| {
        format!(
            "event: {}\ndata: {event}\n\n",
            event["type"].as_str().unwrap()
        )
    };
    events.iter().map(line).collect()
}

const RICH_STREAM: &str = include_str!("../../golden/openai/responses_rich.answer.sse");
const RICH: &str = include_str!("../../golden/openai/responses_rich.answer.json");

/// A stream of everything: reasoning between calls, arguments in pieces, a message in two parts, an
/// image three times over, and what runs at the provider. The official client reads it.
fn rich_stream(image: &[u8]) -> (String, Value) {
    let recorded: Value = serde_json::from_str(RICH).unwrap();
    let old = recorded["output"][6]["result"].as_str().unwrap();
    let new = base64::encode(image);
    let answer: Value = serde_json::from_str(&RICH.replace(old, &new)).unwrap();
    (RICH_STREAM.replace(old, &new), answer["output"].clone())
}

/// What the API demands of a history.
fn check_rules(body: &Value) {
    let items = body["input"].as_array().unwrap();
    let of = |kind: &str, name: &str| -> Vec<Value> {
        let of = items.iter().filter(|item| item["type"] == kind);
        of.map(|item| item[name].clone()).collect()
    };
    let (mut calls, mut results) = (
        of("function_call", "call_id"),
        of("function_call_output", "call_id"),
    );
    calls.sort_by_key(Value::to_string);
    results.sort_by_key(Value::to_string);
    assert_eq!(calls, results, "{body}");
    for (at, item) in items.iter().enumerate() {
        match item["type"].as_str() {
            Some("reasoning") => {
                assert!(item["encrypted_content"].is_string(), "{body}");
                // It is refused without what it led to.
                let next = items.get(at + 1).map(|next| (&next["role"], &next["type"]));
                assert!(!matches!(next, None | Some((_, Value::Null))), "{body}");
                assert!(next.is_some_and(|(role, _)| role != "user"), "{body}");
            }
            Some("function_call") => {
                let arguments = item["arguments"].as_str().unwrap();
                assert!(
                    serde_json::from_str::<Value>(arguments)
                        .unwrap()
                        .is_object()
                );
            }
            Some("image_generation_call") => {
                base64::decode(item["result"].as_str().unwrap().as_bytes()).unwrap();
            }
            _ => {}
        }
    }
}
