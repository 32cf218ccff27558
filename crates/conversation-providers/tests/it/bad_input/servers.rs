//! Wrong keys, models and base URLs, and servers that are not of the API.

use super::*;

#[tokio::test]
async fn wrong_keys_and_models_say_what_to_check() {
    for (api, key, model) in [
        (
            Api::Chat,
            (401, "invalid_api_key"),
            (404, "model_not_found"),
        ),
        (
            Api::Responses,
            (401, "invalid_api_key"),
            (400, "model_not_found"),
        ),
        (
            Api::Anthropic,
            (401, "authentication_error"),
            (404, "not_found_error"),
        ),
        (Api::Gemini, (403, "PERMISSION_DENIED"), (404, "NOT_FOUND")),
        (
            Api::Images,
            (401, "invalid_api_key"),
            (404, "model_not_found"),
        ),
    ] {
        for mode in MODES {
            for ((status, code), kind, hint) in [
                (key, Kind::Authentication, "key"),
                (model, Kind::NotFound, "model"),
            ] {
                let act = Act::json(status, &api.error(status, code));
                let (error, asked) = failure(api, mode, [act]).await;
                assert_eq!((error.kind(), asked), (kind, 1), "{api:?} {mode:?}");
                assert!(kind.hint().contains(hint), "{}", kind.hint());
            }
        }
    }
}

#[tokio::test]
async fn wrong_base_urls_say_what_to_check() {
    let page = "<!DOCTYPE html><title>Welcome</title>";
    let html = |status: u16, headers: &[(&str, &str)]| {
        let head = peer::head(status, headers, Some(page.len()), "text/html");
        Act::Send(vec![[head.as_bytes(), page.as_bytes()].concat()])
    };
    for api in ALL {
        for mode in MODES {
            for (act, kind) in [
                (html(200, &[]), Kind::InvalidResponse),
                (html(404, &[]), Kind::NotFound),
                (html(405, &[]), Kind::InvalidRequest),
                (
                    html(302, &[("location", "https://example.com/login")]),
                    Kind::InvalidResponse,
                ),
            ] {
                let (error, asked) = failure(api, mode, [act]).await;
                assert_eq!((error.kind(), asked), (kind, 1), "{api:?} {mode:?}");
                assert!(kind.hint().contains("base URL"), "{}", kind.hint());
            }
            for url in ["", "not a url", "ftp://example.com", "http://"] {
                let error = failure_at(api, mode, url).await;
                assert_eq!(error.kind(), Kind::Config, "{api:?} {url:?}");
            }
        }
        let (_held, url) = peer::nobody();
        let error = failure_at(api, ResponseMode::Complete, &url).await;
        assert_eq!(error.kind(), Kind::Connect, "{api:?}");
        assert!(Kind::Connect.hint().contains("base URL"));
    }
}

#[tokio::test]
async fn json_of_another_shape_is_no_answer() {
    let chat = json!({"choices": [{"message": {"content": "x"}, "finish_reason": "stop"}]});
    let responses = json!({"object": "response", "status": "completed", "output": []});
    let anthropic = json!({"type": "message", "content": [{"type": "text", "text": "x"}], "stop_reason": "end_turn"});
    let gemini =
        json!({"candidates": [{"content": {"parts": [{"text": "x"}]}, "finishReason": "STOP"}]});
    let shapes = [
        (Some(Api::Chat), chat),
        (Some(Api::Responses), responses),
        (Some(Api::Anthropic), anthropic),
        (Some(Api::Gemini), gemini),
        (None, json!([])),
        (None, json!({})),
        (None, json!(null)),
        (None, json!("an answer")),
        (Some(Api::Images), json!({"data": [{"b64_json": "AAAA"}]})),
        (
            None,
            json!({"choices": {}, "output": 1, "content": true, "candidates": "x"}),
        ),
    ];
    for api in ALL {
        for (of, shape) in &shapes {
            if *of == Some(api) {
                continue;
            }
            for mode in MODES {
                let (error, asked) = failure(api, mode, [Act::json(200, shape)]).await;
                assert_eq!(
                    (error.kind(), asked),
                    (Kind::InvalidResponse, 1),
                    "{api:?} {mode:?} {shape}"
                );
            }
        }
    }
}
