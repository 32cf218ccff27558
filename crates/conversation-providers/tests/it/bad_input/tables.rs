//! The errors that each API documents, every one provoked.

use conversation_providers::ProviderErrorKind as Kind;
use conversation_types::{FinishReason, OmissionReason, UserMessage};
use media_types::{MediaContent, Mime};

use super::*;
use crate::asking::ask;
use crate::support::picture_bytes;

/// A status, the code or type in the body, the kind, and how often the request is sent.
type Row = (u16, &'static str, Kind, usize);

const OPENAI: [Row; 21] = [
    (400, "invalid_value", Kind::InvalidRequest, 1),
    (400, "context_length_exceeded", Kind::ContextLength, 1),
    (400, "invalid_prompt", Kind::InvalidRequest, 1),
    (400, "content_filter", Kind::Refused, 1),
    (400, "image_content_policy_violation", Kind::Refused, 1),
    (400, "moderation_blocked", Kind::Refused, 1),
    (401, "invalid_api_key", Kind::Authentication, 1),
    (402, "billing_not_active", Kind::Quota, 1),
    (
        403,
        "unsupported_country_region_territory",
        Kind::Authentication,
        1,
    ),
    (404, "model_not_found", Kind::NotFound, 1),
    (408, "timeout", Kind::Server, 3),
    (409, "conflict", Kind::Server, 3),
    (413, "request_too_large", Kind::TooLarge, 1),
    (422, "unprocessable_entity", Kind::InvalidRequest, 1),
    (429, "rate_limit_exceeded", Kind::RateLimited, 3),
    (429, "insufficient_quota", Kind::Quota, 1),
    (500, "server_error", Kind::Server, 3),
    (502, "bad_gateway", Kind::Server, 3),
    (503, "overloaded", Kind::Overloaded, 3),
    (504, "gateway_timeout", Kind::Server, 3),
    (529, "overloaded", Kind::Overloaded, 3),
];

const ANTHROPIC: [Row; 12] = [
    (400, "invalid_request_error", Kind::InvalidRequest, 1),
    (401, "authentication_error", Kind::Authentication, 1),
    (402, "billing_error", Kind::Quota, 1),
    (403, "permission_error", Kind::Authentication, 1),
    (404, "not_found_error", Kind::NotFound, 1),
    (408, "timeout_error", Kind::Server, 3),
    (409, "conflict_error", Kind::Server, 3),
    (413, "request_too_large", Kind::TooLarge, 1),
    (429, "rate_limit_error", Kind::RateLimited, 3),
    (500, "api_error", Kind::Server, 3),
    (504, "timeout_error", Kind::Server, 3),
    (529, "overloaded_error", Kind::Overloaded, 3),
];

const GEMINI: [Row; 16] = [
    (400, "INVALID_ARGUMENT", Kind::InvalidRequest, 1),
    (400, "FAILED_PRECONDITION", Kind::InvalidRequest, 1),
    (400, "OUT_OF_RANGE", Kind::InvalidRequest, 1),
    (401, "UNAUTHENTICATED", Kind::Authentication, 1),
    (403, "PERMISSION_DENIED", Kind::Authentication, 1),
    (404, "NOT_FOUND", Kind::NotFound, 1),
    (408, "CANCELLED", Kind::Server, 3),
    (409, "ABORTED", Kind::Server, 3),
    (413, "INVALID_ARGUMENT", Kind::TooLarge, 1),
    (429, "RESOURCE_EXHAUSTED", Kind::RateLimited, 3),
    (500, "INTERNAL", Kind::Server, 3),
    (500, "UNKNOWN", Kind::Server, 3),
    (501, "UNIMPLEMENTED", Kind::Server, 3),
    (502, "UNAVAILABLE", Kind::Overloaded, 3),
    (503, "UNAVAILABLE", Kind::Overloaded, 3),
    (504, "DEADLINE_EXCEEDED", Kind::Server, 3),
];

#[tokio::test]
async fn errors_are_typed_for_every_status() {
    let tables: [(Api, &[Row]); 5] = [
        (Api::Chat, &OPENAI),
        (Api::Responses, &OPENAI),
        (Api::Anthropic, &ANTHROPIC),
        (Api::Gemini, &GEMINI),
        (Api::Images, &OPENAI),
    ];
    let mut provoked = 0;
    for (api, table) in tables {
        for (status, code, kind, requests) in table.iter().copied() {
            // Images that a gateway did not wait for may have been made.
            let requests = match (api, status) {
                (Api::Images, 502 | 504) => 1,
                _ => requests,
            };
            for mode in MODES {
                let acts = (0..3).map(|_| Act::json(status, &api.error(status, code)));
                let (error, asked) = failure(api, mode, acts).await;
                assert_eq!(
                    (error.kind(), asked),
                    (kind, requests),
                    "{api:?} {status} {code}"
                );
                assert_eq!((error.status(), error.code()), (Some(status), Some(code)));
                assert!(!kind.hint().is_empty());
            }
            provoked += 1;
        }
    }
    println!("| errors by status: {0} of {0}", provoked);
}

/// The codes with which OpenAI refuses an image.
const IMAGE_CODES: [&str; 13] = [
    "invalid_image",
    "invalid_image_format",
    "invalid_base64_image",
    "invalid_image_url",
    "image_too_large",
    "image_too_small",
    "image_parse_error",
    "invalid_image_mode",
    "image_file_too_large",
    "unsupported_image_media_type",
    "empty_image_file",
    "failed_to_download_image",
    "image_file_not_found",
];

/// The codes of errors of Anthropic that say more than their type.
const ANTHROPIC_CODES: [(u16, &str, &str, Kind); 7] = [
    (404, "not_found_error", "file_expired", Kind::NotFound),
    (
        400,
        "invalid_request_error",
        "file_not_downloadable",
        Kind::InvalidRequest,
    ),
    (
        403,
        "invalid_request_error",
        "storage_quota_exceeded",
        Kind::Quota,
    ),
    (
        400,
        "invalid_request_error",
        "request_body_too_large_after_decoding",
        Kind::TooLarge,
    ),
    (
        400,
        "invalid_request_error",
        "request_body_encoding_invalid",
        Kind::InvalidRequest,
    ),
    (
        415,
        "invalid_request_error",
        "request_body_encoding_unsupported",
        Kind::InvalidRequest,
    ),
    (
        400,
        "invalid_request_error",
        "a_code_of_the_future",
        Kind::InvalidRequest,
    ),
];

fn two_images() -> [Message; 1] {
    let image = |seed: u64| {
        MediaContent::from_bytes(Mime::IMAGE_PNG, picture_bytes(seed, 200))
            .with_filename(format!("{seed}.png"))
    };
    let message = UserMessage::from("see")
        .with_part(image(1))
        .with_part(image(2));
    [Message::user(message)]
}

fn said(api: Api) -> Value {
    match api {
        Api::Chat => json!({"choices": [{"message": {"content": "ok"}, "finish_reason": "stop"}]}),
        _ => json!({"status": "completed", "output": [{"type": "message", "role": "assistant",
            "content": [{"type": "output_text", "text": "ok"}]}]}),
    }
}

#[tokio::test]
async fn errors_are_typed_for_every_code_about_an_image() {
    for code in IMAGE_CODES {
        for (api, path) in [
            (Api::Chat, "messages[0].content[2].image_url"),
            (Api::Responses, "input[0].content[2].image_url"),
        ] {
            let mut refusal = api.error(400, code);
            refusal["error"]["param"] = path.into();
            let peer = Peer::start([Act::json(400, &refusal), Act::json(200, &said(api))]).await;
            let provider = api.at(&peer.url());
            let done = ask(&*provider, &two_images(), ResponseMode::Complete).await;
            let done = done.unwrap_or_else(|error| panic!("{api:?} {code}: {error:?}"));
            let omitted: Vec<_> = done.omitted_media.iter().map(|o| o.name.as_str()).collect();
            assert_eq!(omitted, ["2.png"], "{api:?} {code}");
            assert_eq!(done.omitted_media[0].reason, OmissionReason::Refused);
            // Where there is no image left to leave out, it is the end.
            let acts = (0..3).map(|_| Act::json(400, &api.error(400, code)));
            let (error, asked) = failure(api, ResponseMode::Complete, acts).await;
            assert_eq!(
                (error.kind(), asked),
                (Kind::InvalidRequest, 1),
                "{api:?} {code}"
            );
        }
        // An image to be edited is not left out: without it the result is another one.
        let mut refusal = Api::Images.error(400, code);
        refusal["error"]["param"] = "image".into();
        let peer = Peer::start((0..3).map(|_| Act::json(400, &refusal))).await;
        let provider = Api::Images.at(&peer.url());
        for mode in MODES {
            let error = ask(&*provider, &two_images(), mode).await.unwrap_err();
            assert_eq!(
                (error.kind(), error.code()),
                (Kind::MediaRefused, Some(code))
            );
        }
        assert_eq!(peer.received().len(), 2, "{code}");
        // Once an answer has begun, nothing can be left out any more.
        let event = json!({"type": "response.failed", "response": {"status": "failed",
            "error": {"code": code, "message": "my diary"}}});
        let act = Act::events(&format!("data: {event}\n\n"), 100);
        let (error, _) = failure(Api::Responses, ResponseMode::Streaming, [act]).await;
        assert_eq!(error.kind(), Kind::MediaRefused, "{code}");
    }
    println!("| codes about an image: {0} of {0}", IMAGE_CODES.len());
}

#[tokio::test]
async fn errors_are_typed_for_every_code_within_a_type() {
    for (status, of, code, kind) in ANTHROPIC_CODES {
        let mut body = Api::Anthropic.error(status, of);
        body["error"]["details"] = json!({"error_code": code});
        let acts = (0..3).map(|_| Act::json(status, &body));
        let (error, asked) = failure(Api::Anthropic, ResponseMode::Complete, acts).await;
        assert_eq!((error.kind(), asked), (kind, 1), "{code}");
        assert_eq!(error.code(), Some(code));
    }
    println!("| codes within a type: {0} of {0}", ANTHROPIC_CODES.len());
}

#[tokio::test]
async fn errors_are_typed_for_every_reason_of_gemini() {
    for reason in [
        "SAFETY",
        "OTHER",
        "BLOCKLIST",
        "PROHIBITED_CONTENT",
        "IMAGE_SAFETY",
        "MODEL_ARMOR",
        "JAILBREAK",
    ] {
        let body = json!({"promptFeedback": {"blockReason": reason}});
        let (error, _) =
            failure(Api::Gemini, ResponseMode::Complete, [Act::json(200, &body)]).await;
        assert_eq!((error.kind(), error.code()), (Kind::Refused, Some(reason)));
    }
    let other = |reason: &str| FinishReason::Other(reason.to_owned());
    for (reason, finish) in [
        ("STOP", FinishReason::Stop),
        ("MAX_TOKENS", FinishReason::Length),
        ("SAFETY", FinishReason::Refusal),
        ("RECITATION", FinishReason::Refusal),
        ("LANGUAGE", FinishReason::Refusal),
        ("OTHER", other("OTHER")),
        ("BLOCKLIST", FinishReason::Refusal),
        ("PROHIBITED_CONTENT", FinishReason::Refusal),
        ("SPII", FinishReason::Refusal),
        ("MALFORMED_FUNCTION_CALL", other("MALFORMED_FUNCTION_CALL")),
        ("IMAGE_SAFETY", FinishReason::Refusal),
        ("IMAGE_PROHIBITED_CONTENT", FinishReason::Refusal),
        ("IMAGE_OTHER", other("IMAGE_OTHER")),
        ("NO_IMAGE", other("NO_IMAGE")),
        ("IMAGE_RECITATION", FinishReason::Refusal),
        ("UNEXPECTED_TOOL_CALL", other("UNEXPECTED_TOOL_CALL")),
        ("TOO_MANY_TOOL_CALLS", other("TOO_MANY_TOOL_CALLS")),
        (
            "MISSING_THOUGHT_SIGNATURE",
            other("MISSING_THOUGHT_SIGNATURE"),
        ),
        ("MALFORMED_RESPONSE", other("MALFORMED_RESPONSE")),
        ("ESCALATION", other("ESCALATION")),
        ("PUP_LIMITED_DISABLED", other("PUP_LIMITED_DISABLED")),
        ("CONTINUATION", FinishReason::Pause),
        ("MODEL_ARMOR", FinishReason::Refusal),
    ] {
        let body = json!({"candidates": [{"content": {"parts": [{"text": "a"}]}, "finishReason": reason}]});
        let peer = Peer::start([Act::json(200, &body)]).await;
        let provider = Api::Gemini.at(&peer.url());
        let done = ask(&*provider, &[Message::user("x")], ResponseMode::Complete).await;
        assert_eq!(done.unwrap().finish, finish, "{reason}");
    }
}
