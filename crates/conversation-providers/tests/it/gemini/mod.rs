//! The Gemini provider against a server that keeps every byte.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::time::Duration;

use conversation_providers::{
    Capabilities, GeminiProvider, ProviderErrorKind as Kind, ProviderRequest, ResponseMode,
    StreamAccumulator,
};
use conversation_types::{
    FinishReason, Message, MessageStatus, OmissionReason, Part, Role, ToolCall, UserMessage,
};
use media_types::{MediaContent, MediaSource, MediaUrl, Mime, ProviderFile};
use serde_json::{Value, json};

use crate::asking::{ask, ask_with, cuts, events, fields, message_of};
use crate::peer::{self, Act, Peer, event_pieces};
use crate::support::picture_bytes;

mod errors;
mod streams;
mod turns;

const KEY: &str = "AIza-test-0123456789";
const STREAM: &str = include_str!("../../golden/gemini/stream.answer.sse");

fn provider(peer: &Peer) -> GeminiProvider {
    GeminiProvider::new(KEY, "gemini-x")
        .with_base_url(peer.url())
        .with_api_version("")
        .with_backoff(Duration::from_millis(1), Duration::from_millis(2))
        .with_first_byte_timeout(peer::LONG)
        .with_idle_timeout(peer::LONG)
}

/// Every form of media, so that no capability stands between the test and the wire.
fn all_forms() -> Capabilities {
    let file = json!({"format_version": 1, "revised": "r", "apis": {"gemini.generate_content":
        {"media": [{"mime": ["*"], "forms": ["provider_file", "url", "base64"]}]}}});
    Capabilities::from_json(&file.to_string()).unwrap()
}

fn golden(name: &str) -> Value {
    let path = format!(
        "{}/tests/golden/gemini/{name}.json",
        env!("CARGO_MANIFEST_DIR")
    );
    serde_json::from_str::<Value>(&std::fs::read_to_string(path).unwrap()).unwrap()["body"].take()
}

/// One spelling of keys and of base64: the official clients write both.
fn normal(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(normal),
        Value::Object(map) => {
            for (from, to) in [("mimeType", "mime_type"), ("inline_data", "inlineData")] {
                if let Some(value) = map.remove(from) {
                    map.insert(to.to_owned(), value);
                }
            }
            for name in ["data", "thoughtSignature"] {
                if let Some(Value::String(text)) = map.get_mut(name) {
                    *text = text.replace('+', "-").replace('/', "_");
                }
            }
            map.values_mut().for_each(normal);
        }
        _ => {}
    }
}

fn normalized(mut value: Value) -> Value {
    normal(&mut value);
    value
}

fn inline(part: &Value, mime: Mime) -> MediaContent {
    let data = part["inlineData"]["data"].as_str().unwrap();
    let standard = data.replace('-', "+").replace('_', "/");
    MediaContent::from_base64(mime, &standard).unwrap()
}

/// A stream of everything: thoughts in pieces, text around a signature, calls between parts, what
/// runs at the provider, an image, an empty signed text. The official client reads it.
const RICH_STREAM: &str = include_str!("../../golden/gemini/rich.answer.sse");

/// What the API demands of a history.
fn check_rules(body: &Value) {
    let contents = body["contents"].as_array().unwrap();
    for (at, content) in contents.iter().enumerate() {
        let parts = content["parts"].as_array().unwrap();
        assert!(!parts.is_empty());
        let calls: Vec<&Value> = parts.iter().filter_map(|p| p.get("functionCall")).collect();
        let results: Vec<&Value> = contents
            .get(at + 1)
            .and_then(|next| next["parts"].as_array())
            .into_iter()
            .flatten()
            .filter_map(|part| part.get("functionResponse"))
            .collect();
        if content["role"] == "model" {
            let pair = |value: &&Value| (value["name"].clone(), value["id"].clone());
            let calls: Vec<_> = calls.iter().map(pair).collect();
            let results: Vec<_> = results.iter().map(pair).collect();
            assert_eq!(calls, results, "{body}");
            let first = parts.iter().find(|part| part.get("functionCall").is_some());
            // Calls of the current turn are refused without the signature of the first.
            assert!(first.is_none_or(|part| part["thoughtSignature"].is_string()));
        } else {
            assert!(calls.is_empty());
        }
        for part in parts {
            let is_empty = part["text"] == "" && part.get("thoughtSignature").is_none();
            assert!(!is_empty, "{body}");
        }
    }
}

fn answered(text: &str) -> Value {
    json!({"candidates": [{"content": {"parts": [{"text": text}]}, "finishReason": "STOP"}]})
}
