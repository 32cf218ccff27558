//! The Anthropic provider against a server that keeps every byte.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::time::Duration;

use conversation_providers::{
    AnthropicProvider, Completion, MediaContext, Provider, ProviderError,
    ProviderErrorKind as Kind, ProviderRequest, ResponseEvent, ResponseMode, StreamAccumulator,
};
use conversation_types::{
    FinishReason, Message, MessageStatus, OmissionReason, Part, ToolCall, UsageSource, UserMessage,
};
use futures_util::StreamExt;
use media_types::{MediaContent, Mime};
use serde_json::{Value, json};

use crate::asking::cuts;
use crate::peer::{self, Act, Peer, event_pieces, head};
use crate::support::picture_bytes;

mod errors;
mod refused;
mod streams;
mod turns;

const KEY: &str = "sk-ant-test-0123456789";
const STREAM: &str = include_str!("../../golden/anthropic/stream.answer.sse");

fn provider(peer: &Peer) -> AnthropicProvider {
    AnthropicProvider::new(KEY, "claude-sonnet-4-5")
        .with_base_url(peer.url())
        .with_backoff(Duration::from_millis(1), Duration::from_millis(2))
        .with_first_byte_timeout(peer::LONG)
        .with_idle_timeout(peer::LONG)
}

type Events = Vec<Result<ResponseEvent, ProviderError>>;

async fn events(
    provider: &AnthropicProvider,
    messages: &[Message],
    mode: ResponseMode,
) -> Result<Events, ProviderError> {
    let request = ProviderRequest::new(messages).with_mode(mode);
    let response = provider.complete(request, &MediaContext::default()).await?;
    Ok(response.into_events().collect().await)
}

async fn ask(
    provider: &AnthropicProvider,
    messages: &[Message],
    mode: ResponseMode,
) -> Result<Completion, ProviderError> {
    match events(provider, messages, mode).await?.pop() {
        Some(Ok(ResponseEvent::Done(done))) => Ok(*done),
        Some(Err(error)) => Err(error),
        other => panic!("{other:?}"),
    }
}

fn user(text: &str) -> Message {
    Message::user(text)
}

fn whole() -> Value {
    json!({
        "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-x",
        "content": [
            {"type": "thinking", "thinking": "hm", "signature": "EqQBsig=="},
            {"type": "redacted_thinking", "data": "EmwKAred=="},
            {"type": "text", "text": "I look."},
            {"type": "tool_use", "id": "toolu_1", "name": "shot", "input": {"a": 1}}
        ],
        "stop_reason": "tool_use", "stop_sequence": null,
        "usage": {"input_tokens": 1, "output_tokens": 9}
    })
}

fn json_of(part: &Part) -> Value {
    let item = match part {
        Part::Reasoning {
            opaque: Some((api, item)),
            ..
        }
        | Part::Opaque { api, item, .. } => {
            assert_eq!(api, "anthropic");
            item
        }
        other => panic!("{other:?}"),
    };
    serde_json::from_str(item.json().unwrap().get()).unwrap()
}

/// What the API demands of a history.
fn check_rules(body: &Value) {
    let messages = body["messages"].as_array().unwrap();
    let blocks = |at: usize| -> &[Value] {
        let content = messages.get(at).map(|message| &message["content"]);
        content.and_then(Value::as_array).map_or(&[], Vec::as_slice)
    };
    for (at, message) in messages.iter().enumerate() {
        let role = message["role"].as_str().unwrap();
        assert_ne!(
            messages.get(at + 1).map(|next| &next["role"]),
            Some(&json!(role))
        );
        assert!(!blocks(at).is_empty());
        for block in blocks(at) {
            match block["type"].as_str().unwrap() {
                "text" => assert!(!block["text"].as_str().unwrap().trim().is_empty()),
                "thinking" => assert!(!block["signature"].as_str().unwrap().is_empty()),
                "tool_use" => assert!(block["input"].is_object()),
                _ => {}
            }
        }
        if role == "assistant" {
            let last = blocks(at).last().unwrap()["type"].as_str().unwrap();
            assert!(!last.ends_with("thinking"), "{body}");
            let ids = |of: &[Value], kind: &str, field: &str| -> Vec<Value> {
                let of = of.iter().filter(|block| block["type"] == kind);
                of.map(|block| block[field].clone()).collect()
            };
            let calls = ids(blocks(at), "tool_use", "id");
            let results = ids(blocks(at + 1), "tool_result", "tool_use_id");
            assert_eq!(calls, results, "{body}");
            let first = blocks(at + 1)
                .iter()
                .position(|block| block["type"] != "tool_result");
            assert!(first.is_none_or(|first| first >= results.len()));
        }
    }
}
