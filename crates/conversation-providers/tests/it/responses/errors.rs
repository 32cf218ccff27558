//! What the API refuses, and how answers end.

use conversation_providers::ProviderErrorKind as Kind;

use super::*;

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
    let last = peer.last().json();
    assert_eq!(last.get("include"), None);
    assert!(!last.to_string().contains("rs_1"));
    check_rules(&last);
}

#[tokio::test]
async fn reasoning_of_another_conversation_is_left_out_once() {
    let reasoning = json!([{"id": "rs_1", "type": "reasoning", "summary": [], "encrypted_content": "E"},
        {"id": "m", "type": "message", "role": "assistant", "status": "completed", "content": [{"type": "output_text", "text": "a", "annotations": []}]}]);
    let refused = json!({"error": {"message": "The encrypted content could not be verified.",
        "type": "invalid_request_error", "param": null, "code": "invalid_encrypted_content"}});
    let peer = Peer::start([
        Act::json(200, &answer(&reasoning)),
        Act::json(400, &refused),
        Act::json(200, &answer(&json!([]))),
        Act::json(400, &refused),
        Act::json(400, &refused),
    ])
    .await;
    let provider = provider(&peer);
    let done = ask(&provider, &[Message::user("x")], ResponseMode::Complete)
        .await
        .unwrap();
    let messages = [Message::user("x"), message_of(done), Message::user("on")];
    ask(&provider, &messages, ResponseMode::Complete)
        .await
        .unwrap();
    let sent = peer.received();
    assert_eq!(sent[1].json()["input"][1]["encrypted_content"], "E");
    assert!(!sent[2].json().to_string().contains("rs_1"));
    let failed = ask(&provider, &messages, ResponseMode::Complete).await;
    assert_eq!(failed.unwrap_err().kind(), Kind::InvalidRequest);
    assert_eq!(peer.received().len(), 5);
}

#[tokio::test]
async fn items_without_the_reasoning_that_they_came_with_go_without_their_ids_once() {
    let output = json!([{"id": "rs_1", "type": "reasoning", "summary": [], "encrypted_content": "E"},
        {"id": "fc_1", "type": "function_call", "call_id": "c", "name": "f", "arguments": "{}", "status": "completed"},
        {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "content": [{"type": "output_text", "text": "a", "annotations": []}]}]);
    let refused = json!({"error": {"message": "Item 'fc_1' of type 'function_call' was provided without its required 'reasoning' item: 'rs_1'.",
        "type": "invalid_request_error", "param": "input", "code": null}});
    let peer = Peer::start([
        Act::json(200, &answer(&output)),
        Act::json(400, &refused),
        Act::json(200, &answer(&json!([]))),
    ])
    .await;
    let provider = provider(&peer);
    let done = ask(&provider, &[Message::user("x")], ResponseMode::Complete)
        .await
        .unwrap();
    let messages = [
        Message::user("x"),
        message_of(done),
        Message::tool("c", vec![Part::from("r")]),
    ];
    ask(&provider, &messages, ResponseMode::Complete)
        .await
        .unwrap();
    let last = peer.last().json();
    for id in ["rs_1", "fc_1", "msg_1"] {
        assert!(peer.received()[1].json().to_string().contains(id));
        assert!(!last.to_string().contains(id), "{id} {last}");
    }
    check_rules(&last);
}
