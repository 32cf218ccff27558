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

const KEY: &str = "AIza-test-0123456789";
const STREAM: &str = include_str!("../golden/gemini/stream.answer.sse");

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

fn first_turn(golden: &Value) -> Message {
    let parts = golden["contents"][0]["parts"].as_array().unwrap();
    let file = ProviderFile::new("gemini", "files/abc").unwrap();
    let url = parts[3]["fileData"]["file_uri"].as_str().unwrap();
    Message::user(
        UserMessage::new()
            .with_part("look")
            .with_part(inline(&parts[1], Mime::IMAGE_PNG))
            .with_part(MediaContent::new(
                Mime::IMAGE_PNG,
                MediaSource::ProviderFile(file),
            ))
            .with_part(MediaContent::from_url(
                Mime::APPLICATION_PDF,
                MediaUrl::new(url).unwrap(),
            ))
            .with_part(inline(&parts[4], Mime::AUDIO_WAV)),
    )
}

#[tokio::test]
async fn two_turns_are_those_of_the_official_client() {
    let (one, two) = (golden("turn1"), golden("turn2_signatures_and_tool_image"));
    let answer = json!({"candidates": [{"content": two["contents"][1], "finishReason": "STOP"}],
        "modelVersion": "gemini-x", "responseId": "r1",
        "usageMetadata": {"promptTokenCount": 10, "toolUsePromptTokenCount": 1,
            "candidatesTokenCount": 5, "thoughtsTokenCount": 3, "cachedContentTokenCount": 4}});
    let peer = Peer::start([Act::json(200, &answer), Act::json(200, &answer)]).await;
    let provider = provider(&peer).with_capabilities(&all_forms());
    let parameters = || {
        let mut given = fields(one["generationConfig"].clone());
        given.insert("tools".to_owned(), one["tools"].clone());
        given
    };
    let mut messages = vec![first_turn(&one)];
    let request = ProviderRequest::new(&messages)
        .with_system(Some("sys"))
        .with_parameters(parameters());
    let done = ask_with(&provider, request).await.unwrap();
    assert_eq!(done.finish, FinishReason::ToolCalls);
    assert_eq!((done.usage.input_tokens, done.usage.output_tokens), (11, 8));
    assert_eq!(
        (done.usage.cached_input_tokens, done.usage.reasoning_tokens),
        (4, 3)
    );
    assert_eq!(done.response_id.as_deref(), Some("r1"));
    assert_eq!(done.tool_calls[0].id, "fc1");
    messages.push(message_of(done));
    let shown = &two["contents"][2]["parts"][0]["functionResponse"]["parts"][0];
    let shown = inline(&normalized(shown.clone()), Mime::IMAGE_PNG);
    let result = vec![Part::from(r#"{"ok": true}"#), Part::Media(shown)];
    messages.push(Message::tool("fc1", result));
    let request = ProviderRequest::new(&messages)
        .with_system(Some("sys"))
        .with_parameters(parameters());
    ask_with(&provider, request).await.unwrap();
    let sent = peer.received();
    assert_eq!(
        sent[0].line,
        "POST /v1/models/gemini-x:generateContent HTTP/1.1"
    );
    assert_eq!(sent[0].header("x-goog-api-key"), Some(KEY));
    assert_eq!(sent[0].header("authorization"), None);
    assert_eq!(sent[0].json(), one);
    assert_eq!(sent[1].json(), two);
}

#[tokio::test]
async fn two_turns_are_those_of_the_other_official_client() {
    let (one, two) = (golden("js_turn1"), golden("js_turn2"));
    let answer = json!({"candidates": [{"content": two["contents"][1], "finishReason": "STOP"}]});
    let peer = Peer::start([Act::json(200, &answer), Act::json(200, &answer)]).await;
    let provider = provider(&peer);
    let image = inline(&one["contents"][0]["parts"][1], Mime::IMAGE_PNG);
    let message = Message::user(UserMessage::from("x").with_part(image.clone()));
    let done = ask(&provider, &[message], ResponseMode::Complete)
        .await
        .unwrap();
    let result = vec![Part::from("{}"), Part::Media(image)];
    let messages = [
        Message::user("x"),
        message_of(done),
        Message::tool("f1", result),
    ];
    ask(&provider, &messages, ResponseMode::Complete)
        .await
        .unwrap();
    let sent = peer.received();
    assert_eq!(normalized(sent[0].json()), normalized(one));
    assert_eq!(normalized(sent[1].json()), normalized(two));
}

#[tokio::test]
async fn the_stream_that_the_official_client_accepts_is_read_whole() {
    let chunks: Vec<Value> = STREAM
        .lines()
        .filter_map(|line| serde_json::from_str(line.strip_prefix("data: ")?).ok())
        .collect();
    let parts: Vec<&Value> = chunks
        .iter()
        .flat_map(|chunk| {
            chunk["candidates"][0]["content"]["parts"]
                .as_array()
                .unwrap()
        })
        .collect();
    for size in [1, 7, 100, 10_000] {
        let acts = [Act::events(STREAM, size), Act::events(STREAM, size)];
        let peer = Peer::start(acts).await;
        let provider = provider(&peer);
        let done = ask(&provider, &[Message::user("x")], ResponseMode::Streaming)
            .await
            .unwrap();
        assert_eq!(done.content.len(), 3);
        assert_eq!(done.content[0], Part::text("He"));
        let image = done.content[1].as_media().unwrap();
        let expected = inline(parts[1], Mime::IMAGE_PNG);
        assert_eq!(image.inline(), expected.inline());
        assert_eq!(done.content[2].as_text(), Some(""));
        assert_eq!(done.finish, FinishReason::Stop);
        assert_eq!((done.usage.input_tokens, done.usage.output_tokens), (1, 1));
        assert_eq!(done.model, "gemini-x");
        // Every part goes back with its own signature, in order, none merged.
        let messages = [Message::user("x"), message_of(done), Message::user("on")];
        ask(&provider, &messages, ResponseMode::Streaming)
            .await
            .unwrap();
        let sent = peer.received();
        assert_eq!(
            sent[0].line,
            "POST /v1/models/gemini-x:streamGenerateContent?alt=sse HTTP/1.1"
        );
        let returned = sent[1].json()["contents"][1]["parts"].take();
        let signatures = |value: &Value| value["thoughtSignature"].clone();
        let expected: Vec<Value> = parts.iter().copied().map(signatures).collect();
        let found: Vec<Value> = returned
            .as_array()
            .unwrap()
            .iter()
            .map(signatures)
            .collect();
        assert_eq!(found, expected);
        assert_eq!(normalized(returned), normalized(json!(parts)));
    }
}

/// A stream of everything: thoughts in pieces, text around a signature, calls between parts, what
/// runs at the provider, an image, an empty signed text. The official client reads it.
const RICH_STREAM: &str = include_str!("../golden/gemini/rich.answer.sse");

#[tokio::test]
async fn every_part_goes_back_unchanged_in_order_and_never_merged() {
    let peer = Peer::start([Act::events(RICH_STREAM, 61), Act::events(STREAM, 50)]).await;
    let provider = provider(&peer);
    let done = ask(&provider, &[Message::user("x")], ResponseMode::Streaming)
        .await
        .unwrap();
    assert_eq!(done.tool_calls.len(), 3);
    let mut messages = vec![Message::user("x"), message_of(done)];
    for id in ["c1", "c2", "c3"] {
        messages.push(Message::tool(id, vec![Part::from(id)]));
    }
    ask(&provider, &messages, ResponseMode::Streaming)
        .await
        .unwrap();
    let sent = peer.received()[1].json();
    let returned = normalized(sent["contents"][1]["parts"].clone());
    let image = golden("turn2_signatures_and_tool_image")["contents"][2]["parts"][0]
        ["functionResponse"]["parts"][0]["inline_data"]["data"]
        .take();
    assert_eq!(
        returned,
        json!([
            {"text": "Let me think.", "thought": true, "thoughtSignature": "czEr"},
            {"text": "one two"},
            {"text": "three", "thoughtSignature": "czIr"},
            {"text": "four"},
            {"functionCall": {"name": "f", "args": {"a": 1}, "id": "c1"}, "thoughtSignature": "czMr"},
            {"functionCall": {"name": "g", "args": {}, "id": "c2"}},
            {"text": "between"},
            {"executableCode": {"language": "PYTHON", "code": "1"}, "thoughtSignature": "czQr"},
            {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "1"}},
            {"inlineData": {"data": image, "mime_type": "image/png"},
                "thoughtSignature": "czUr"},
            {"functionCall": {"name": "h", "args": {}, "id": "c3"}},
            {"text": "", "thoughtSignature": "czYr"}
        ])
    );
    let ids: Vec<&Value> = sent["contents"][2]["parts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|part| &part["functionResponse"]["id"])
        .collect();
    assert_eq!(ids, ["c1", "c2", "c3"]);
}

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

#[tokio::test]
async fn a_cut_stream_keeps_what_came_and_can_be_gone_on_from() {
    let stream = RICH_STREAM;
    let whole = Act::events(STREAM, 500);
    let Act::Send(whole) = whole else {
        unreachable!()
    };
    let cuts: Vec<usize> = cuts(stream.len()).collect();
    let acts = cuts.iter().flat_map(|cut| {
        let start = event_pieces("", 1).remove(0);
        [
            Act::Send(vec![[&start, &stream.as_bytes()[..*cut]].concat()]),
            Act::Send(whole.clone()),
        ]
    });
    let peer = Peer::start(acts).await;
    let provider = provider(&peer);
    let mut kept = 0;
    for cut in &cuts {
        let mut answer = StreamAccumulator::new();
        let error = match events(&provider, &[Message::user("x")], ResponseMode::Streaming).await {
            Err(error) => error,
            Ok(events) => {
                events.iter().flatten().for_each(|event| answer.push(event));
                match events.into_iter().last().unwrap() {
                    Err(error) => error,
                    // Only line ends are missing.
                    Ok(_) => {
                        assert!(*cut >= stream.trim_end().len());
                        continue;
                    }
                }
            }
        };
        assert_eq!(error.kind(), Kind::Interrupted, "{cut}: {error:?}");
        let message = answer.into_message();
        assert_eq!(message.status, MessageStatus::Partial);
        kept += usize::from(message.media().count() == 1);
        let messages = [Message::user("x"), message, Message::user("go on")];
        ask(&provider, &messages, ResponseMode::Streaming)
            .await
            .unwrap();
        check_rules(&peer.received().last().unwrap().json());
    }
    assert!(kept > 20);
}

#[tokio::test]
async fn errors_are_typed() {
    let error = |code: u16, status: &str, message: &str, details: Value| {
        json!({"error":
        {"code": code, "status": status, "message": message, "details": details}})
    };
    let key =
        json!([{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}]);
    let daily = json!([{"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations":
        [{"quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier"}]}]);
    let soon =
        json!([{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "0.01s"}]);
    let long =
        "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).";
    for (status, body, kind, code, requests) in [
        (
            400,
            error(400, "INVALID_ARGUMENT", "my diary", json!([])),
            Kind::InvalidRequest,
            "INVALID_ARGUMENT",
            1,
        ),
        (
            400,
            error(400, "INVALID_ARGUMENT", "API key not valid.", key),
            Kind::Authentication,
            "API_KEY_INVALID",
            1,
        ),
        (
            400,
            error(400, "INVALID_ARGUMENT", long, json!([])),
            Kind::ContextLength,
            "INVALID_ARGUMENT",
            1,
        ),
        (
            403,
            error(403, "PERMISSION_DENIED", "my diary", json!([])),
            Kind::Authentication,
            "PERMISSION_DENIED",
            1,
        ),
        (
            404,
            error(404, "NOT_FOUND", "my diary", json!([])),
            Kind::NotFound,
            "NOT_FOUND",
            1,
        ),
        (
            429,
            error(429, "RESOURCE_EXHAUSTED", "my diary", daily),
            Kind::Quota,
            "RESOURCE_EXHAUSTED",
            1,
        ),
        (
            429,
            error(429, "RESOURCE_EXHAUSTED", "my diary", soon),
            Kind::RateLimited,
            "RESOURCE_EXHAUSTED",
            3,
        ),
        (
            500,
            error(500, "INTERNAL", "my diary", json!([])),
            Kind::Server,
            "INTERNAL",
            3,
        ),
        (
            503,
            error(503, "UNAVAILABLE", "my diary", json!([])),
            Kind::Overloaded,
            "UNAVAILABLE",
            3,
        ),
        (
            504,
            error(504, "DEADLINE_EXCEEDED", "my diary", json!([])),
            Kind::Server,
            "DEADLINE_EXCEEDED",
            1,
        ),
        // A stream that is refused is answered as an array by some routes.
        (
            400,
            json!([error(400, "INVALID_ARGUMENT", "my diary", json!([]))]),
            Kind::InvalidRequest,
            "INVALID_ARGUMENT",
            1,
        ),
    ] {
        let acts = (0..3).map(|_| Act::json(status, &body));
        let peer = Peer::start(acts).await;
        let failed = ask(
            &provider(&peer),
            &[Message::user("x")],
            ResponseMode::Complete,
        )
        .await;
        let failed = failed.unwrap_err();
        assert_eq!(failed.kind(), kind, "{body}");
        assert_eq!(failed.code(), Some(code), "{body}");
        assert_eq!(peer.received().len(), requests, "{body}");
        assert!(!format!("{failed} {failed:?}").contains("diary"));
    }
    for (answer, kind) in [
        (
            json!({"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}}),
            Kind::Refused,
        ),
        (json!({"candidates": []}), Kind::InvalidResponse),
        (json!("<html>"), Kind::InvalidResponse),
        (
            json!({"error": {"code": 503, "status": "UNAVAILABLE", "message": "m"}}),
            Kind::Overloaded,
        ),
    ] {
        let peer = Peer::start((0..3).map(|_| Act::json(200, &answer))).await;
        let failed = ask(
            &provider(&peer),
            &[Message::user("x")],
            ResponseMode::Complete,
        )
        .await;
        assert_eq!(failed.unwrap_err().kind(), kind, "{answer}");
    }
}

#[tokio::test]
async fn reasons_for_stopping_are_told() {
    for (reason, finish) in [
        ("STOP", FinishReason::Stop),
        ("MAX_TOKENS", FinishReason::Length),
        ("SAFETY", FinishReason::Refusal),
        ("IMAGE_SAFETY", FinishReason::Refusal),
        ("NO_IMAGE", FinishReason::Other("NO_IMAGE".to_owned())),
        (
            "SOMETHING_NEW",
            FinishReason::Other("SOMETHING_NEW".to_owned()),
        ),
    ] {
        let answer = json!({"candidates": [{"content": {"parts": [{"text": "a"}]}, "finishReason": reason}]});
        let peer = Peer::start([Act::json(200, &answer)]).await;
        let done = ask(
            &provider(&peer),
            &[Message::user("x")],
            ResponseMode::Complete,
        )
        .await;
        assert_eq!(done.unwrap().finish, finish);
    }
}

fn answered(text: &str) -> Value {
    json!({"candidates": [{"content": {"parts": [{"text": text}]}, "finishReason": "STOP"}]})
}

#[tokio::test]
async fn signatures_of_another_conversation_are_left_out_once() {
    let refused = json!({"error": {"code": 400, "status": "INVALID_ARGUMENT",
        "message": "Corrupted thought signature."}});
    let peer = Peer::start([
        Act::events(RICH_STREAM, 100),
        Act::json(400, &refused),
        Act::json(200, &answered("ok")),
        Act::json(400, &refused),
        Act::json(400, &refused),
    ])
    .await;
    let provider = provider(&peer);
    let done = ask(&provider, &[Message::user("x")], ResponseMode::Streaming)
        .await
        .unwrap();
    let messages = [Message::user("x"), message_of(done), Message::user("on")];
    let done = ask(&provider, &messages, ResponseMode::Complete)
        .await
        .unwrap();
    assert_eq!(done.text(), "ok");
    let sent = peer.received()[2].json();
    check_rules(&sent);
    assert!(!sent.to_string().contains("czEr"), "{sent}");
    let failed = ask(&provider, &messages, ResponseMode::Complete).await;
    assert_eq!(failed.unwrap_err().kind(), Kind::InvalidRequest);
    assert_eq!(peer.received().len(), 5);
}

#[tokio::test]
async fn calls_of_another_model_go_out_with_what_the_api_takes_for_a_signature() {
    let peer = Peer::start([Act::json(200, &answered("ok"))]).await;
    let mut calls = Message::new(Role::Assistant, vec![Part::from("I look.")]);
    calls.tool_calls = vec![ToolCall::new("a", "f", "{}"), ToolCall::new("b", "g", "{}")];
    let messages = [Message::user("x"), calls];
    ask(&provider(&peer), &messages, ResponseMode::Complete)
        .await
        .unwrap();
    let parts = peer.only().json()["contents"][1]["parts"].take();
    assert_eq!(
        parts[1]["thoughtSignature"],
        "skip_thought_signature_validator"
    );
    assert_eq!(parts[2].get("thoughtSignature"), None);
    assert_eq!(parts[1]["functionCall"].get("id"), None);
}

#[tokio::test]
async fn an_item_that_the_error_names_is_omitted_and_no_other() {
    let image = |seed: u64| {
        MediaContent::from_bytes(Mime::IMAGE_PNG, picture_bytes(seed, 200))
            .with_filename(format!("{seed}.png"))
    };
    let refused = json!({"error": {"code": 400, "status": "INVALID_ARGUMENT", "message": "m",
        "details": [{"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations":
            [{"field": "contents[0].parts[2].inline_data", "description": "d"}]}]}});
    let peer = Peer::start([Act::json(400, &refused), Act::json(200, &answered("ok"))]).await;
    let message = UserMessage::from("see")
        .with_part(image(1))
        .with_part(image(2));
    let done = ask(
        &provider(&peer),
        &[Message::user(message)],
        ResponseMode::Complete,
    )
    .await
    .unwrap();
    let omitted: Vec<_> = done.omitted_media.iter().map(|o| o.name.as_str()).collect();
    assert_eq!(omitted, ["2.png"]);
    assert_eq!(done.omitted_media[0].reason, OmissionReason::Refused);
    assert_eq!(peer.received().len(), 2);
}

#[tokio::test]
async fn version_key_and_query_can_be_set() {
    let peer = Peer::start((0..3).map(|_| Act::json(200, &answered("ok")))).await;
    let base = peer.url().trim_end_matches("/v1").to_owned();
    let ask = async |provider: GeminiProvider| {
        ask(&provider, &[Message::user("x")], ResponseMode::Complete)
            .await
            .unwrap();
    };
    let provider = GeminiProvider::new(KEY, "gemini-x").with_base_url(&base);
    ask(provider.clone()).await;
    ask(provider
        .clone()
        .with_api_version("v1beta")
        .with_bearer_key())
    .await;
    let publisher = GeminiProvider::new(KEY, "publishers/google/models/gemini-x")
        .with_base_url(&base)
        .with_key_header("api-key")
        .with_query_parameter("api-version", "2026-01-01");
    ask(publisher).await;
    let sent = peer.received();
    let lines: Vec<&str> = sent.iter().map(|sent| sent.line.as_str()).collect();
    assert_eq!(
        lines,
        [
            "POST /v1/models/gemini-x:generateContent HTTP/1.1",
            "POST /v1beta/models/gemini-x:generateContent HTTP/1.1",
            "POST /v1/publishers/google/models/gemini-x:generateContent?api-version=2026-01-01 HTTP/1.1",
        ]
    );
    let bearer = format!("Bearer {KEY}");
    assert_eq!(sent[1].header("authorization"), Some(bearer.as_str()));
    assert_eq!(sent[2].header("api-key"), Some(KEY));
    assert_eq!(sent[2].header("x-goog-api-key"), None);
}
