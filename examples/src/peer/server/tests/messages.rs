//! Anthropic's messages.

use painter::OutputFormat;
use serde_json::{Value, json};

use super::{Peer, encode, peer, photo};

impl Peer {
    async fn message(&self, headers: &[(&str, &str)], body: &Value) -> (u16, String) {
        let mut request = self
            .http
            .post(format!("{}/messages", self.url))
            .body(body.to_string());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }
}

const KEY: (&str, &str) = ("x-api-key", "secret");
const VERSION: (&str, &str) = ("anthropic-version", "2023-06-01");

fn image(mime: &str, bytes: &[u8]) -> Value {
    let source = json!({"type": "base64", "media_type": mime, "data": encode(bytes)});
    json!({"type": "image", "source": source})
}

fn request(content: &Value) -> Value {
    json!({
        "model": "claude-haiku-4-5",
        "max_tokens": 100,
        "messages": [{"role": "user", "content": content}],
    })
}

#[tokio::test]
async fn an_image_is_described_at_once_and_in_a_stream() {
    let peer = peer().await;
    let png = photo("coffee", OutputFormat::Png);
    let text = json!({"type": "text", "text": "What is this?"});
    let mut body = request(&json!([text, image("image/png", &png)]));
    let (status, whole) = peer.message(&[KEY, VERSION], &body).await;
    assert_eq!(status, 200, "{whole}");
    let whole: Value = serde_json::from_str(&whole).unwrap();
    assert_eq!(whole["stop_reason"], "end_turn");
    let whole = whole["content"][0]["text"].as_str().unwrap();
    assert!(whole.contains("320x200 pixels"), "{whole}");

    body["stream"] = json!(true);
    let (status, stream) = peer.message(&[KEY, VERSION], &body).await;
    assert_eq!(status, 200, "{stream}");
    let mut names = Vec::new();
    let mut pieces = String::new();
    for event in stream.split("\n\n").filter(|event| !event.is_empty()) {
        let (name, data) = event.split_once('\n').unwrap();
        let data: Value = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
        assert_eq!(name, format!("event: {}", data["type"].as_str().unwrap()));
        pieces += data["delta"]["text"].as_str().unwrap_or_default();
        names.push(name.to_owned());
    }
    assert_eq!(names.first().unwrap(), "event: message_start");
    assert_eq!(names.last().unwrap(), "event: message_stop");
    assert_eq!(pieces, whole);
}

#[tokio::test]
async fn what_the_service_refuses_is_refused_in_its_form() {
    let peer = peer().await;
    let good = request(&json!("hello"));
    assert_eq!(peer.message(&[KEY, VERSION], &good).await.0, 200);
    let with = |name: &str, value: Value| {
        let mut body = good.clone();
        body[name] = value;
        body
    };
    let url = json!({"type": "image", "source": {"type": "url", "url": "https://example.com/a"}});
    let robot = json!([{"role": "robot", "content": "x"}]);
    let assistant = json!([{"role": "assistant", "content": "x"}]);
    let headers = [KEY, VERSION];
    let other_key = [("x-api-key", "other"), VERSION];
    let bearer = [("authorization", "Bearer secret"), VERSION];
    let cases = [
        (&headers[..1], good.clone(), 400, "invalid_request_error"),
        (&other_key, good.clone(), 401, "authentication_error"),
        (&bearer, good.clone(), 401, "authentication_error"),
        (
            &headers,
            with("model", json!("claude")),
            404,
            "not_found_error",
        ),
        (
            &headers,
            with("max_tokens", json!(0)),
            400,
            "invalid_request_error",
        ),
        (
            &headers,
            with("max_tokens", Value::Null),
            400,
            "invalid_request_error",
        ),
        (
            &headers,
            with("messages", json!([])),
            400,
            "invalid_request_error",
        ),
        (
            &headers,
            with("messages", robot),
            400,
            "invalid_request_error",
        ),
        (
            &headers,
            with("messages", assistant),
            400,
            "invalid_request_error",
        ),
        (
            &headers,
            with("tools", json!([{}])),
            400,
            "invalid_request_error",
        ),
        (&headers, request(&json!(" ")), 400, "invalid_request_error"),
        (&headers, request(&json!([])), 400, "invalid_request_error"),
        (
            &headers,
            request(&json!([url])),
            400,
            "invalid_request_error",
        ),
        (
            &headers,
            request(&json!([image("image/png", b"no image")])),
            400,
            "invalid_request_error",
        ),
    ];
    for (headers, body, status, kind) in cases {
        let (found, text) = peer.message(headers, &body).await;
        let answer: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            (
                found,
                answer["type"].as_str(),
                answer["error"]["type"].as_str()
            ),
            (status, Some("error"), Some(kind)),
            "{body}: {text}"
        );
    }
}
