//! What the API refuses, and answers that are none.

use conversation_providers::ProviderErrorKind as Kind;
use conversation_types::RawJson;

use super::*;

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

#[tokio::test]
async fn a_compaction_of_another_conversation_is_left_out_once() {
    let refused = json!({"type": "error", "error": {"type": "invalid_request_error", "message": "m",
        "details": {"error_code": "compaction_signature_invalid"}}});
    let peer = Peer::start([Act::json(400, &refused), Act::json(200, &whole())]).await;
    let item = json!({"type": "compaction", "content": "so far", "signature": "EqQBsig=="});
    let item = Part::opaque("anthropic", RawJson::from(item));
    let answer = Message::assistant(vec![item, Part::from("Yes.")]);
    let messages = [user("x"), answer, user("go on")];
    ask(&provider(&peer), &messages, ResponseMode::Complete)
        .await
        .unwrap();
    let sent = peer.received();
    assert!(sent[0].json().to_string().contains("compaction"));
    let again = sent[1].json();
    assert!(!again.to_string().contains("compaction"), "{again}");
    check_rules(&again);
}
