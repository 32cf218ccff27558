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

const KEY: &str = "sk-test-0123456789";
const STREAM: &str = include_str!("../golden/openai/responses_stream.answer.sse");

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

fn pdf(name: &str) -> MediaContent {
    MediaContent::from_base64(Mime::APPLICATION_PDF, "JVBERi0xLjQKJSVFT0Y=")
        .unwrap()
        .with_filename(name)
}

fn first_turn(golden: &Value) -> Message {
    let file = ProviderFile::new("openai", "file-1").unwrap();
    let url = MediaUrl::new("https://example.com/a.pdf").unwrap();
    let image = image_of(&golden["input"][0]["content"][1]["image_url"]);
    Message::user(
        UserMessage::from("x")
            .with_part(image.with_detail(Detail::Original))
            .with_part(MediaContent::new(
                Mime::IMAGE_PNG,
                MediaSource::ProviderFile(file),
            ))
            .with_part(pdf("a.pdf"))
            .with_part(MediaContent::from_url(Mime::APPLICATION_PDF, url)),
    )
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

#[tokio::test]
async fn two_turns_are_those_of_the_official_client() {
    let (one, two) = (
        golden("responses_turn1"),
        golden("responses_turn2_stateless"),
    );
    let output = json!(two["input"].as_array().unwrap()[1..5]);
    let acts = [
        Act::json(200, &answer(&output)),
        Act::json(200, &answer(&output)),
    ];
    let peer = Peer::start(acts).await;
    let provider = provider(&peer);
    let (tools, hosted) = (tools(), json!([one["tools"][0]]));
    let mut messages = vec![first_turn(&one)];
    let request = ProviderRequest::new(&messages).with_tools(&tools).with_parameters(fields(
        json!({"image": one["image"], "prompt_cache_options": one["prompt_cache_options"], "tools": hosted}),
    ));
    let done = ask_with(&provider, request).await.unwrap();
    assert_eq!(done.finish, FinishReason::ToolCalls);
    assert_eq!(done.text(), "working");
    assert_eq!((done.usage.input_tokens, done.usage.output_tokens), (10, 5));
    assert_eq!(
        (done.usage.cached_input_tokens, done.usage.reasoning_tokens),
        (4, 3)
    );
    let image = done.content.iter().find_map(Part::as_media).unwrap();
    assert_eq!(image.caption(), Some("a cat"));
    messages.push(message_of(done));
    let shown = &two["input"][5]["output"];
    messages.push(Message::tool(
        "call_1",
        vec![
            Part::from("shot"),
            Part::Media(image_of(&shown[1]["image_url"]).with_detail(Detail::High)),
            Part::Media(pdf("b.pdf")),
        ],
    ));
    let request = ProviderRequest::new(&messages)
        .with_tools(&tools)
        .with_parameters(fields(json!({"tools": hosted})));
    ask_with(&provider, request).await.unwrap();
    let sent = peer.received();
    assert_eq!(sent[0].line, "POST /v1/responses HTTP/1.1");
    assert_eq!(
        sent[0].header("authorization"),
        Some(format!("Bearer {KEY}").as_str())
    );
    assert_eq!(sorted_tools(sent[0].json()), sorted_tools(one));
    assert_eq!(sorted_tools(sent[1].json()), sorted_tools(first_form(two)));
}

#[tokio::test]
async fn a_turn_of_the_other_official_client_is_the_same() {
    let golden = golden("js_responses_turn2");
    let output = json!(golden["input"].as_array().unwrap()[1..3]);
    let acts = [
        Act::json(200, &answer(&output)),
        Act::json(200, &answer(&output)),
    ];
    let peer = Peer::start(acts).await;
    let provider = provider(&peer);
    let image = image_of(&golden["input"][0]["content"][1]["image_url"]);
    let message = UserMessage::from("x").with_part(image.with_detail(Detail::Original));
    let mut messages = vec![Message::user(message)];
    let done = ask(&provider, &messages, ResponseMode::Complete)
        .await
        .unwrap();
    messages.extend([message_of(done), Message::user("go")]);
    ask(&provider, &messages, ResponseMode::Complete)
        .await
        .unwrap();
    let mut sent = peer.received()[1].json();
    // The recorded call asked for no reasoning, and gave text alone as a string.
    sent.as_object_mut().unwrap().remove("include");
    sent["input"][3]["content"] = sent["input"][3]["content"][0]["text"].take();
    assert_eq!(sent, first_form(golden));
}

#[tokio::test]
async fn the_stream_that_the_official_client_accepts_is_read_whole() {
    for size in [1, 7, 100, 100_000] {
        let peer = Peer::start([Act::events(STREAM, size), Act::events(STREAM, size)]).await;
        let provider = provider(&peer);
        let done = ask(&provider, &[Message::user("x")], ResponseMode::Streaming)
            .await
            .unwrap();
        assert_eq!(done.content.len(), 3);
        // The recording has its call only in the last event.
        assert_eq!(done.tool_calls.len(), 1);
        assert!(
            matches!(&done.content[0], Part::Reasoning { text, opaque: Some(_), .. } if text == "thinking")
        );
        let image = done.content[1].as_media().unwrap();
        let result = "iVBORw0KGgoAAAANSUhEUgAAAAMAAAACCAIAAAASFvFNAAAAHUlEQVR42mPw8vKaNWvWq1evGDIyMnbs2MHBwQEAYGII4/BI378AAAAASUVORK5CYII=";
        assert_eq!(base64::encode(image.inline().unwrap()), result);
        assert_eq!(done.text(), "working");
        assert_eq!(done.response_id.as_deref(), Some("resp_1"));
        let messages = [Message::user("x"), message_of(done), Message::user("on")];
        ask(&provider, &messages, ResponseMode::Streaming)
            .await
            .unwrap();
        let sent = peer.received();
        assert_eq!(sent[0].json()["stream"], true);
        assert_eq!(
            sent[0].json()["stream_options"],
            json!({"include_obfuscation": false})
        );
        assert_eq!(sent[0].json()["store"], false);
        let items = sent[1].json()["input"].take();
        assert_eq!(items[1]["encrypted_content"], "gAAAAABenc==");
        assert_eq!(items[2]["result"], result);
        assert_eq!(items[3]["phase"], "commentary");
        assert_eq!(items[3]["content"][0]["text"], "working");
    }
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

const RICH_STREAM: &str = include_str!("../golden/openai/responses_rich.answer.sse");
const RICH: &str = include_str!("../golden/openai/responses_rich.answer.json");

/// A stream of everything: reasoning between calls, arguments in pieces, a message in two parts, an
/// image three times over, and what runs at the provider. The official client reads it.
fn rich_stream(image: &[u8]) -> (String, Value) {
    let recorded: Value = serde_json::from_str(RICH).unwrap();
    let old = recorded["output"][6]["result"].as_str().unwrap();
    let new = base64::encode(image);
    let answer: Value = serde_json::from_str(&RICH.replace(old, &new)).unwrap();
    (RICH_STREAM.replace(old, &new), answer["output"].clone())
}

#[tokio::test]
async fn every_item_goes_back_unchanged_and_in_order() {
    let image = picture_bytes(1, 3000);
    let (stream, output) = rich_stream(&image);
    for mode in [ResponseMode::Streaming, ResponseMode::Complete] {
        let first = match mode {
            ResponseMode::Streaming => Act::events(&stream, 997),
            _ => Act::json(200, &answer(&output)),
        };
        let peer = Peer::start([first, Act::json(200, &answer(&json!([])))]).await;
        let provider = provider(&peer);
        let done = ask(&provider, &[Message::user("x")], mode).await.unwrap();
        assert_eq!(done.text(), "one \u{1f600}\ntwo");
        assert_eq!(done.tool_calls.len(), 2);
        assert_eq!(done.tool_calls[1].arguments, "{\"n\":2}");
        assert_eq!(done.content.iter().filter_map(Part::as_media).count(), 1);
        let results = ["call_1", "call_2"].map(|id| Message::tool(id, vec![Part::from(id)]));
        let mut messages = vec![Message::user("x"), message_of(done)];
        messages.extend(results);
        ask(&provider, &messages, ResponseMode::Complete)
            .await
            .unwrap();
        let sent = first_form(peer.received()[1].json());
        let expected = first_form(json!({"input": output}));
        let items = sent["input"].as_array().unwrap();
        assert_eq!(json!(items[1..8]), expected["input"], "{mode:?}");
        assert_eq!(items[8]["call_id"], "call_1");
    }
}

#[tokio::test]
async fn an_image_is_kept_once_however_often_it_comes() {
    let image = picture_bytes(1, 3_000_000);
    let (stream, _) = rich_stream(&image);
    let peer = Peer::start([Act::events(&stream, 64 * 1024)]).await;
    // The image comes three times; the answer may have little more than one.
    let provider = provider(&peer).with_max_answer_bytes(4_000_000);
    let mut turn = Turn::new();
    let messages = [Message::user("x")];
    let request = ProviderRequest::new(&messages).with_mode(ResponseMode::Streaming);
    let response = provider.complete(request, &turn.media()).await.unwrap();
    let mut events = response.into_events();
    let (mut content, mut most, mut previews) = (None, 0, 0);
    while let Some(event) = events.next().await {
        most = most.max(turn.open_files());
        match event.unwrap() {
            ResponseEvent::Media(media) => content = Some(media),
            // It is whole, and in memory alone.
            ResponseEvent::PartialImage(preview) => {
                assert_eq!((preview.item.as_str(), preview.index), ("ig_1", 0));
                assert!(preview.bytes == image && content.is_none());
                previews += 1;
            }
            _ => {}
        }
    }
    assert_eq!(previews, 1);
    assert!(turn.bytes(&content.unwrap()).await == image);
    assert!(most <= 2, "{most} files at once");
    drop(events);
    turn.end();
}

#[tokio::test]
async fn a_server_that_sends_its_items_only_at_the_end_is_understood() {
    let image = picture_bytes(1, 3000);
    let (_, output) = rich_stream(&image);
    let stream = sse(&[
        json!({"type": "response.created", "response": {"id": "resp_1"}}),
        json!({"type": "response.completed", "response": answer(&output)}),
    ]);
    let peer = Peer::start([Act::events(&stream, 100)]).await;
    let done = ask(
        &provider(&peer),
        &[Message::user("x")],
        ResponseMode::Streaming,
    )
    .await
    .unwrap();
    let media = done.content.iter().find_map(Part::as_media).unwrap();
    assert!(media.inline().unwrap() == &image);
    assert_eq!(done.tool_calls.len(), 2);
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

#[tokio::test]
async fn a_cut_stream_keeps_what_came_and_can_be_gone_on_from() {
    let (stream, _) = rich_stream(&picture_bytes(1, 60));
    let acts = cuts(stream.len()).flat_map(|cut| {
        let start = event_pieces("", 1).remove(0);
        [
            Act::Send(vec![[&start, &stream.as_bytes()[..cut]].concat()]),
            Act::json(200, &answer(&json!([]))),
        ]
    });
    let peer = Peer::start(acts).await;
    let provider = provider(&peer);
    let mut kept = 0;
    for cut in cuts(stream.len()) {
        let mut answer = StreamAccumulator::new();
        let error = match events(&provider, &[Message::user("x")], ResponseMode::Streaming).await {
            Err(error) => Some(error),
            Ok(events) => {
                events.iter().flatten().for_each(|event| answer.push(event));
                events.into_iter().last().unwrap().err()
            }
        };
        let message = answer.into_message();
        match &error {
            Some(error) => {
                assert_eq!(error.kind(), Kind::Interrupted, "{cut}: {error:?}");
                assert_eq!(message.status, MessageStatus::Partial);
            }
            None => assert!(cut >= stream.trim_end().len(), "{cut}"),
        }
        kept += usize::from(message.media().count() == 1);
        let messages = [Message::user("x"), message, Message::user("go on")];
        ask(&provider, &messages, ResponseMode::Complete)
            .await
            .unwrap();
        check_rules(&peer.received().last().unwrap().json());
    }
    assert_eq!(peer.received().len(), 2 * cuts(stream.len()).count());
    assert!(kept > 20);
}

#[tokio::test]
async fn a_kept_answer_is_named_in_place_of_what_came_before_it() {
    let golden = golden("responses_turn2_previous_response_id");
    let call = json!([{"id": "fc_1", "type": "function_call", "call_id": "call_1", "name": "shot", "arguments": "{}", "status": "completed"}]);
    let gone = json!({"error": {"message": "Previous response with id 'resp_1' not found.", "type": "invalid_request_error", "param": "previous_response_id", "code": "previous_response_not_found"}});
    let peer = Peer::start([
        Act::json(200, &answer(&call)),
        Act::json(200, &answer(&json!([]))),
        Act::json(400, &gone),
        Act::json(200, &answer(&json!([]))),
        Act::json(200, &answer(&json!([]))),
    ])
    .await;
    let provider = provider(&peer).with_stored_responses(true);
    let (tools, hosted) = (tools(), fields(json!({"tools": [golden["tools"][0]]})));
    let ask = async |messages: &[Message]| {
        let request = ProviderRequest::new(messages).with_tools(&tools);
        ask_with(&provider, request.with_parameters(hosted.clone()))
            .await
            .unwrap()
    };
    let image = MediaContent::from_bytes(Mime::IMAGE_PNG, picture_bytes(1, 1000));
    let mut messages = vec![Message::user(UserMessage::from("x").with_part(image))];
    let done = ask(&messages).await;
    messages.extend([
        message_of(done),
        Message::tool("call_1", vec![Part::from("ok")]),
    ]);
    ask(&messages).await;
    let mut sent = peer.received()[1].json();
    assert_eq!(
        sent.as_object_mut().unwrap().remove("store"),
        Some(json!(true))
    );
    assert_eq!(sorted_tools(sent), sorted_tools(golden));
    // Forgotten: the whole conversation goes out, at once.
    ask(&messages).await;
    let sent = peer.received();
    assert_eq!(sent[2].json()["previous_response_id"], "resp_1");
    assert_eq!(sent[3].json().get("previous_response_id"), None);
    assert_eq!(sent[3].json()["input"].as_array().unwrap().len(), 3);
    // Another conversation than the provider has: never named.
    messages[0] = Message::user("edited");
    ask(&messages).await;
    assert_eq!(peer.received()[4].json().get("previous_response_id"), None);
    assert_eq!(
        peer.received()[4].json()["input"].as_array().unwrap().len(),
        3
    );
}

#[tokio::test]
async fn errors_are_typed() {
    for (status, code, kind, requests) in [
        (400, "invalid_value", Kind::InvalidRequest, 1),
        (401, "invalid_api_key", Kind::Authentication, 1),
        (404, "model_not_found", Kind::NotFound, 1),
        (429, "rate_limit_exceeded", Kind::RateLimited, 3),
        (429, "insufficient_quota", Kind::Quota, 1),
        (400, "context_length_exceeded", Kind::ContextLength, 1),
        (400, "image_content_policy_violation", Kind::Refused, 1),
        (500, "server_error", Kind::Server, 3),
        (503, "overloaded", Kind::Overloaded, 3),
    ] {
        let body =
            json!({"error": {"message": "my diary", "type": "t", "param": null, "code": code}});
        let peer = Peer::start((0..3).map(|_| Act::json(status, &body))).await;
        let error = ask(
            &provider(&peer),
            &[Message::user("x")],
            ResponseMode::Complete,
        )
        .await;
        let error = error.unwrap_err();
        assert_eq!((error.kind(), error.code()), (kind, Some(code)));
        assert_eq!(peer.received().len(), requests, "{code}");
        assert!(!format!("{error} {error:?}").contains("diary"));
    }
    let failed = |code: &str| json!({"type": "response.failed", "response": {"id": "r", "status": "failed", "error": {"code": code, "message": "my diary"}}});
    for (event, kind) in [
        (failed("server_error"), Kind::Server),
        (failed("rate_limit_exceeded"), Kind::RateLimited),
        (failed("invalid_image"), Kind::MediaRefused),
        (
            json!({"type": "error", "code": "rate_limit_exceeded", "message": "m", "param": null}),
            Kind::RateLimited,
        ),
    ] {
        let peer = Peer::start([Act::events(&sse(&[event]), 50)]).await;
        let error = ask(
            &provider(&peer),
            &[Message::user("x")],
            ResponseMode::Streaming,
        )
        .await;
        assert_eq!(error.unwrap_err().kind(), kind);
    }
    let message = json!([{"id": "m", "type": "message", "role": "assistant", "status": "incomplete", "content": [{"type": "output_text", "text": "a", "annotations": []}]}]);
    for (reason, finish) in [
        ("max_output_tokens", FinishReason::Length),
        ("content_filter", FinishReason::Refusal),
        (
            "something_new",
            FinishReason::Other("something_new".to_owned()),
        ),
    ] {
        let mut body = answer(&message);
        body["status"] = json!("incomplete");
        body["incomplete_details"] = json!({"reason": reason});
        let peer = Peer::start([Act::json(200, &body)]).await;
        let done = ask(
            &provider(&peer),
            &[Message::user("x")],
            ResponseMode::Complete,
        )
        .await;
        assert_eq!(done.unwrap().finish, finish);
    }
}

#[tokio::test]
async fn what_the_server_refuses_is_left_out_once() {
    let refused = |param: &str, code: &str| json!({"error": {"message": "m", "type": "invalid_request_error", "param": param, "code": code}});
    let reasoning = json!([{"id": "rs_1", "type": "reasoning", "summary": [], "encrypted_content": "E"},
        {"id": "m", "type": "message", "role": "assistant", "status": "completed", "content": [{"type": "output_text", "text": "a", "annotations": []}]}]);
    let image = |seed: u64| {
        MediaContent::from_bytes(Mime::IMAGE_PNG, picture_bytes(seed, 200))
            .with_filename(format!("{seed}.png"))
    };
    let peer = Peer::start([
        Act::json(200, &answer(&reasoning)),
        Act::json(
            400,
            &refused("input[4].content[2].image_url", "invalid_image"),
        ),
        Act::json(400, &refused("input", "invalid_encrypted_content")),
        Act::json(400, &refused("include", "invalid_request")),
        Act::json(200, &answer(&json!([]))),
    ])
    .await;
    let provider = provider(&peer);
    let done = ask(&provider, &[Message::user("x")], ResponseMode::Complete)
        .await
        .unwrap();
    let mut calls = message_of(done);
    calls.tool_calls = vec![ToolCall::new("c", "f", "{}")];
    let see = UserMessage::from("see")
        .with_part(image(1))
        .with_part(image(2));
    let messages = [
        calls,
        Message::tool("c", vec![Part::from("r")]),
        Message::user(see),
    ];
    let request = ProviderRequest::new(&messages);
    let response = provider
        .complete(request, &MediaContext::default())
        .await
        .unwrap();
    let events: Vec<_> = response.into_events().collect().await;
    let Some(Ok(ResponseEvent::Done(done))) = events.into_iter().last() else {
        panic!("no answer")
    };
    let omitted: Vec<_> = done
        .omitted_media
        .iter()
        .map(|o| (o.name.as_str(), &o.reason))
        .collect();
    assert_eq!(omitted.len(), 1);
    assert_eq!(omitted[0].1, &OmissionReason::Refused);
    let last = peer.received().last().unwrap().json();
    assert_eq!(last.get("include"), None);
    assert!(!last.to_string().contains("rs_1"));
    check_rules(&last);
}
