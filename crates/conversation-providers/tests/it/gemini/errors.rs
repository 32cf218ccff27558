//! What the API refuses, and how answers end.

use conversation_providers::ProviderErrorKind as Kind;

use super::*;

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
            3,
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
