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

const KEY: &str = "sk-ant-test-0123456789";
const STREAM: &str = include_str!("../golden/anthropic/stream.answer.sse");

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

#[tokio::test]
async fn the_stream_that_the_official_client_accepts_is_read_whole() {
    for size in [1, 7, 100, 10_000] {
        let peer = Peer::start([Act::events(STREAM, size), Act::json(200, &whole())]).await;
        for mode in [ResponseMode::Streaming, ResponseMode::Complete] {
            let done = ask(&provider(&peer), &[user("x")], mode).await.unwrap();
            assert_eq!(done.content.len(), 3, "{mode:?}");
            assert_eq!(
                json_of(&done.content[0]),
                json!({"type": "thinking", "thinking": "hm", "signature": "EqQBsig=="})
            );
            assert_eq!(
                json_of(&done.content[1]),
                json!({"type": "redacted_thinking", "data": "EmwKAred=="})
            );
            assert_eq!(done.content[2], Part::text("I look."));
            assert_eq!(done.tool_calls.len(), 1);
            let call = &done.tool_calls[0];
            assert_eq!((call.id.as_str(), call.name.as_str()), ("toolu_1", "shot"));
            let arguments: Value = serde_json::from_str(&call.arguments).unwrap();
            assert_eq!(arguments, json!({"a": 1}));
            assert_eq!(done.finish, FinishReason::ToolCalls);
            assert_eq!((done.usage.input_tokens, done.usage.output_tokens), (1, 9));
            assert_eq!(done.usage.source, UsageSource::Reported);
            assert_eq!(
                (done.provider.as_str(), done.model.as_str()),
                ("anthropic", "claude-x")
            );
            assert_eq!(done.response_id.as_deref(), Some("msg_1"));
        }
        let sent = peer.received();
        assert_eq!(sent[0].line, "POST /v1/messages HTTP/1.1");
        assert_eq!(sent[0].header("x-api-key"), Some(KEY));
        assert_eq!(sent[0].header("authorization"), None);
        assert_eq!(sent[0].header("anthropic-version"), Some("2023-06-01"));
        assert_eq!(sent[0].json()["stream"], true);
        assert_eq!(sent[1].json().get("stream"), None);
    }
}

#[tokio::test]
async fn the_next_turn_sends_every_block_back_unchanged_and_in_order() {
    let peer = Peer::start([Act::events(STREAM, 50), Act::json(200, &whole())]).await;
    let provider = provider(&peer);
    let messages = [user("x")];
    let done = ask(&provider, &messages, ResponseMode::Streaming)
        .await
        .unwrap();
    let answer = Message::assistant(done.content).with_tool_calls(done.tool_calls);
    let result = Message::tool("toolu_1", vec![Part::from("shot")]);
    let messages = [user("x"), answer, result];
    ask(&provider, &messages, ResponseMode::Complete)
        .await
        .unwrap();
    let sent = peer.received()[1].json();
    assert_eq!(sent["messages"][1]["content"], whole()["content"]);
    assert_eq!(sent["messages"][2]["content"][0]["tool_use_id"], "toolu_1");
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

#[tokio::test]
async fn a_cut_stream_keeps_what_came_and_can_be_gone_on_from() {
    let bytes = STREAM.as_bytes();
    let acts = cuts(bytes.len()).flat_map(|cut| {
        let start = event_pieces("", 1).remove(0);
        [
            Act::Send(vec![[&start, &bytes[..cut]].concat()]),
            Act::json(200, &whole()),
        ]
    });
    let peer = Peer::start(acts).await;
    let provider = provider(&peer);
    let (mut texts, mut signed) = (0, 0);
    for cut in cuts(bytes.len()) {
        let mut answer = StreamAccumulator::new();
        let error = match events(&provider, &[user("x")], ResponseMode::Streaming).await {
            Err(error) => Some(error),
            Ok(events) => {
                events.iter().flatten().for_each(|event| answer.push(event));
                events.into_iter().last().unwrap().err()
            }
        };
        if let Some(error) = &error {
            assert_eq!(error.kind(), Kind::Interrupted, "{cut}: {error:?}");
        }
        let message = answer.into_message();
        let is_partial = message.status == MessageStatus::Partial;
        assert_eq!(error.is_some(), is_partial, "{cut}");
        texts += usize::from(message.text() == "I look.");
        let first = message.content.first();
        signed += usize::from(matches!(
            first,
            Some(Part::Reasoning {
                opaque: Some(_),
                ..
            })
        ));
        let messages = [user("x"), message, user("go on")];
        ask(&provider, &messages, ResponseMode::Complete)
            .await
            .unwrap();
    }
    let received = peer.received();
    assert_eq!(received.len(), 2 * cuts(bytes.len()).count());
    let answered = received.iter().skip(1).step_by(2);
    answered.for_each(|request| check_rules(&request.json()));
    assert!(texts > 20 && signed > texts);
}

#[tokio::test]
async fn errors_are_typed() {
    for (status, kind, expected, requests) in [
        (400, "invalid_request_error", Kind::InvalidRequest, 1),
        (401, "authentication_error", Kind::Authentication, 1),
        (402, "billing_error", Kind::Quota, 1),
        (403, "permission_error", Kind::Authentication, 1),
        (404, "not_found_error", Kind::NotFound, 1),
        (413, "request_too_large", Kind::TooLarge, 1),
        (429, "rate_limit_error", Kind::RateLimited, 3),
        (500, "api_error", Kind::Server, 3),
        (529, "overloaded_error", Kind::Overloaded, 3),
    ] {
        let body = json!({"type": "error", "error": {"type": kind, "message": "my diary"},
            "request_id": "req_1"});
        let acts =
            (0..3).map(|_| Act::reply(status, &[("request-id", "req_1")], &body.to_string()));
        let peer = Peer::start(acts).await;
        let error = ask(&provider(&peer), &[user("x")], ResponseMode::Complete).await;
        let error = error.unwrap_err();
        assert_eq!(error.kind(), expected, "{kind}");
        assert_eq!(peer.received().len(), requests, "{kind}");
        assert_eq!(error.code(), Some(kind));
        assert_eq!(error.request_id(), Some("req_1"));
        assert!(!format!("{error} {error:?}").contains("diary"));
    }
    let too_long = json!({"type": "error", "error": {"type": "invalid_request_error",
        "message": "prompt is too long: 210000 tokens > 200000 maximum"}});
    let peer = Peer::start([Act::json(400, &too_long)]).await;
    let error = ask(&provider(&peer), &[user("x")], ResponseMode::Complete).await;
    assert_eq!(error.unwrap_err().kind(), Kind::ContextLength);
    let overloaded = "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"m\"}}\n\n";
    let peer = Peer::start([Act::events(overloaded, 50)]).await;
    let error = ask(&provider(&peer), &[user("x")], ResponseMode::Streaming).await;
    assert_eq!(error.unwrap_err().kind(), Kind::Overloaded);
    // Once the stream has begun, nobody knows whether the model was at work.
    assert_eq!(peer.received().len(), 1);
}

fn image(seed: u64) -> MediaContent {
    MediaContent::from_bytes(Mime::IMAGE_PNG, picture_bytes(seed, 200))
        .with_filename(format!("{seed}.png"))
}

/// A history with five images; the third is in the result of a tool.
fn with_images() -> Vec<Message> {
    let see = |text: &str, seed: u64| Message::user(UserMessage::from(text).with_part(image(seed)));
    let mut call = Message::assistant(vec![Part::from("I look.")]);
    call.tool_calls = vec![ToolCall::new("t1", "shot", "{}")];
    vec![
        see("one", 1),
        see("two", 2),
        call,
        Message::tool("t1", vec![Part::from("here"), Part::Media(image(3))]),
        see("four", 4),
        Message::assistant(vec![Part::from("ok")]),
        see("five", 5),
    ]
}

#[tokio::test]
async fn an_item_that_the_error_names_is_omitted_and_no_other() {
    let details = |paths: Value| {
        json!({"type": "error", "error": {"type": "invalid_request_error", "message": "m",
            "details": {"error_code": "image_dimensions_too_large", "paths": paths}}})
    };
    let prefixed = |path: &str| {
        json!({"type": "error", "error": {"type": "invalid_request_error",
            "message": format!("{path}.image.source.base64.data: image exceeds 5 MB maximum")}})
    };
    for (body, name) in [
        (details(json!(["messages.0.content.1"])), "1.png"),
        (details(json!(["messages.0.content.3"])), "2.png"),
        (details(json!(["messages.2.content.0.content.1"])), "3.png"),
        (prefixed("messages.2.content.2"), "4.png"),
        (prefixed("messages.4.content.1"), "5.png"),
    ] {
        let peer = Peer::start([
            Act::json(400, &body),
            Act::json(200, &whole()),
            Act::json(200, &whole()),
        ])
        .await;
        let provider = provider(&peer);
        for _ in 0..2 {
            let done = ask(&provider, &with_images(), ResponseMode::Complete)
                .await
                .unwrap();
            let omitted: Vec<_> = done.omitted_media.iter().map(|o| o.name.as_str()).collect();
            assert_eq!(omitted, [name]);
            assert_eq!(done.omitted_media[0].reason, OmissionReason::Refused);
        }
        // The refusal is remembered.
        assert_eq!(peer.received().len(), 3);
        check_rules(&peer.received()[1].json());
    }
}

#[tokio::test]
async fn blocks_that_only_this_api_understands_are_kept() {
    let search = json!({"type": "web_search_tool_result", "tool_use_id": "srv_1", "content": [
        {"type": "web_search_result", "url": "https://h", "encrypted_content": "x"}]});
    let stream = [
        json!({"type": "message_start", "message": {"id": "m", "model": "c", "usage": {"input_tokens": 3, "output_tokens": 1}}}),
        json!({"type": "content_block_start", "index": 0, "content_block": {"type": "server_tool_use", "id": "srv_1", "name": "web_search", "input": {}}}),
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": "{\"query\":"}}),
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": "\"x\"}"}}),
        json!({"type": "content_block_stop", "index": 0}),
        json!({"type": "content_block_start", "index": 1, "content_block": search}),
        json!({"type": "content_block_stop", "index": 1}),
        json!({"type": "some_event_of_the_future", "x": 1}),
        json!({"type": "message_delta", "delta": {"stop_reason": "pause_turn"}, "usage": {"output_tokens": 5}}),
        json!({"type": "message_stop"}),
    ]
    .map(|event| format!("data: {event}\n\n"))
    .concat();
    let peer = Peer::start([Act::events(&stream, 33)]).await;
    let done = ask(&provider(&peer), &[user("x")], ResponseMode::Streaming)
        .await
        .unwrap();
    assert_eq!(
        json_of(&done.content[0]),
        json!({"type": "server_tool_use", "id": "srv_1", "name": "web_search", "input": {"query": "x"}})
    );
    assert_eq!(json_of(&done.content[1]), search);
    assert_eq!(done.finish, FinishReason::Pause);
}

#[tokio::test]
async fn unsigned_thinking_and_halves_of_characters_are_kept_for_the_reader() {
    let stream = [
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":""}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"hm"}}"#,
        r#"{"type":"content_block_stop","index":0}"#,
        r#"{"type":"content_block_start","index":1,"content_block":{"type":"text","text":""}}"#,
        r#"{"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"a\ud83d"}}"#,
        r#"{"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"\ude00\ud83d"}}"#,
        r#"{"type":"content_block_stop","index":1}"#,
        r#"{"type":"message_stop"}"#,
    ]
    .map(|event| format!("data: {event}\n\n"))
    .concat();
    let peer = Peer::start([Act::events(&stream, 33)]).await;
    let done = ask(&provider(&peer), &[user("x")], ResponseMode::Streaming)
        .await
        .unwrap();
    assert_eq!(
        done.content,
        [
            Part::reasoning("hm", None),
            Part::text("a\u{1f600}\u{fffd}")
        ]
    );
    // Nothing was reported: it is estimated.
    assert_eq!(done.usage.source, UsageSource::Estimated);
    assert!(done.usage.input_tokens > 0 && done.usage.output_tokens > 0);
}

#[tokio::test]
async fn other_answers_are_typed() {
    for (act, kind) in [
        (Act::reply(200, &[], "not json"), Kind::InvalidResponse),
        (Act::reply(200, &[], "{}"), Kind::InvalidResponse),
        (Act::reply(200, &[], "[]"), Kind::InvalidResponse),
        (Act::reply(302, &[], ""), Kind::InvalidResponse),
        (
            Act::Send(vec![
                head(200, &[], Some(1 << 40), "application/json").into_bytes(),
            ]),
            Kind::InvalidResponse,
        ),
        (Act::Close, Kind::Interrupted),
    ] {
        let peer = Peer::start([act]).await;
        let error = ask(&provider(&peer), &[user("x")], ResponseMode::Complete).await;
        assert_eq!(error.unwrap_err().kind(), kind);
    }
}

const RICH_STREAM: &str = include_str!("../golden/anthropic/rich.answer.sse");

#[tokio::test]
async fn thinking_between_calls_goes_back_in_its_place() {
    let peer = Peer::start([Act::events(RICH_STREAM, 41), Act::json(200, &whole())]).await;
    let provider = provider(&peer);
    let done = ask(&provider, &[user("x")], ResponseMode::Streaming)
        .await
        .unwrap();
    let answer = Message::assistant(done.content).with_tool_calls(done.tool_calls);
    let results = ["toolu_1", "toolu_2"].map(|id| Message::tool(id, vec![Part::from(id)]));
    let mut messages = vec![user("x"), answer];
    messages.extend(results);
    ask(&provider, &messages, ResponseMode::Complete)
        .await
        .unwrap();
    let sent = peer.received()[1].json();
    let kinds: Vec<&str> = sent["messages"][1]["content"]
        .as_array()
        .unwrap()
        .iter()
        .map(|block| block["type"].as_str().unwrap())
        .collect();
    assert_eq!(
        kinds,
        [
            "thinking",
            "tool_use",
            "thinking",
            "redacted_thinking",
            "text",
            "text",
            "server_tool_use",
            "web_search_tool_result",
            "tool_use"
        ]
    );
    assert_eq!(sent["messages"][1]["content"][2]["signature"], "c2lnMg==");
    // Citations come in pieces, and go back with the text that they belong to.
    let citations = RICH_STREAM.lines().filter_map(|line| {
        let event: Value = serde_json::from_str(line.strip_prefix("data: ")?).ok()?;
        event.pointer("/delta/citation").cloned()
    });
    let citations: Vec<Value> = citations.collect();
    assert!(!citations.is_empty());
    let content = sent["messages"][1]["content"].as_array().unwrap();
    let cited = content
        .iter()
        .filter_map(|block| block["citations"].as_array());
    assert_eq!(cited.flatten().cloned().collect::<Vec<_>>(), citations);
    check_rules(&sent);
}

#[tokio::test]
async fn thinking_of_another_conversation_is_left_out_once() {
    let refused = json!({"type": "error", "error": {"type": "invalid_request_error",
        "message": "messages.1.content.0: The block is bound to a different conversation"}});
    let peer = Peer::start([
        Act::events(STREAM, 500),
        Act::json(400, &refused),
        Act::json(200, &whole()),
        Act::json(400, &refused),
        Act::json(400, &refused),
    ])
    .await;
    let provider = provider(&peer);
    let done = ask(&provider, &[user("x")], ResponseMode::Streaming)
        .await
        .unwrap();
    let answer = Message::assistant(done.content);
    let messages = [user("x"), answer, user("go on")];
    ask(&provider, &messages, ResponseMode::Complete)
        .await
        .unwrap();
    let sent = peer.received()[2].json();
    assert!(!sent.to_string().contains("EqQBsig"), "{sent}");
    let error = ask(&provider, &messages, ResponseMode::Complete).await;
    assert_eq!(error.unwrap_err().kind(), Kind::InvalidRequest);
    assert_eq!(peer.received().len(), 5);
}
