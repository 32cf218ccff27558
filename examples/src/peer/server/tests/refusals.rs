//! Requests that the service refuses.

use bytes::Bytes;
use painter::OutputFormat;
use serde_json::{Value, json};

use super::super::BODY_LIMIT;
use super::{data_uri, peer, photo, with_photo};

#[tokio::test]
async fn what_the_service_refuses_is_refused_in_its_words() {
    let peer = peer().await;
    let user = json!([{"role": "user", "content": "hello"}]);
    let chat = |extra: Value| {
        let mut body = json!({"model": "gpt-5.4-mini", "messages": user});
        body.as_object_mut()
            .unwrap()
            .extend(extra.as_object().unwrap().clone());
        body
    };
    let order = |extra: Value| {
        let mut body = json!({"model": "gpt-image-1-mini", "prompt": "x", "size": "16x16"});
        body.as_object_mut()
            .unwrap()
            .extend(extra.as_object().unwrap().clone());
        body
    };
    let no_image = with_photo("?", &data_uri("image/png", b"this is no image"));
    let wrong_type = with_photo(
        "?",
        &data_uri("image/jpeg", &photo("coffee", OutputFormat::Png)),
    );
    let orphan = json!({"role": "tool", "tool_call_id": "c1", "content": "x"});
    let call =
        json!({"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}});
    let calls = json!({"role": "assistant", "content": null, "tool_calls": [call]});
    let photo_of_tool = json!({"role": "tool", "tool_call_id": "c1", "content": with_photo("x", "data:,")["content"]});
    let chats = [
        (json!({"model": "gpt-99"}), 404, json!("model_not_found")),
        (json!({"model": "gpt-image-1-mini"}), 400, Value::Null),
        (
            json!({"max_tokens": 5}),
            400,
            json!("unsupported_parameter"),
        ),
        (json!({"messages": []}), 400, Value::Null),
        (
            json!({"messages": [{"role": "robot", "content": "x"}]}),
            400,
            json!("invalid_value"),
        ),
        (
            json!({"messages": [no_image]}),
            400,
            json!("invalid_image_format"),
        ),
        (
            json!({"messages": [wrong_type]}),
            400,
            json!("invalid_image_format"),
        ),
        (
            json!({"messages": [with_photo("?", "data:image/png;base64,???")]}),
            400,
            json!("invalid_base64"),
        ),
        (
            json!({"messages": [with_photo("?", "https://example.com/a.png")]}),
            400,
            json!("invalid_image_url"),
        ),
        (json!({"messages": [orphan]}), 400, Value::Null),
        (
            json!({"messages": [calls, {"role": "user", "content": "x"}]}),
            400,
            Value::Null,
        ),
        (json!({"messages": [calls]}), 400, Value::Null),
        (
            json!({"messages": [calls, photo_of_tool]}),
            400,
            Value::Null,
        ),
        (
            json!({"tools": [{"type": "function", "function": {"name": "no spaces"}}]}),
            400,
            json!("invalid_value"),
        ),
    ];
    for (extra, status, code) in chats {
        let (found, body) = peer
            .refused("/chat/completions", &chat(extra.clone()))
            .await;
        assert_eq!(
            (found, &body["error"]["code"]),
            (status, &code),
            "{extra}: {body}"
        );
    }
    let orders = [
        (json!({"model": "dall-e-3"}), 404, json!("model_not_found")),
        (
            json!({"response_format": "b64_json"}),
            400,
            json!("unknown_parameter"),
        ),
        (json!({"prompt": " "}), 400, Value::Null),
        (json!({"size": "7x7"}), 400, json!("invalid_value")),
        (json!({"n": 11}), 400, json!("invalid_value")),
        (json!({"output_format": "bmp"}), 400, json!("invalid_value")),
    ];
    for (extra, status, code) in orders {
        let (found, body) = peer
            .refused("/images/generations", &order(extra.clone()))
            .await;
        assert_eq!(
            (found, &body["error"]["code"]),
            (status, &code),
            "{extra}: {body}"
        );
    }
    let (status, text) = peer.send("/images/generations", "{").await;
    assert!(
        status == 400 && text.contains("could not parse"),
        "{status} {text}"
    );
    assert_eq!(peer.refused("/models", &json!({})).await.0, 404);
}

#[tokio::test]
async fn another_key_or_none_is_refused_before_the_body_is_read() {
    let peer = peer().await;
    for key in [None, Some("Bearer other"), Some("secret"), Some("Bearer ")] {
        let mut request = peer
            .http
            .post(format!("{}/chat/completions", peer.url))
            .body("{");
        if let Some(key) = key {
            request = request.header("authorization", key);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status().as_u16(), 401, "{key:?}");
        let body: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
        assert_eq!(body["error"]["code"], "invalid_api_key");
    }
    let get = peer
        .http
        .get(format!("{}/chat/completions", peer.url))
        .header("authorization", "Bearer secret");
    assert_eq!(get.send().await.unwrap().status().as_u16(), 405);
}

#[tokio::test]
async fn bodies_have_a_limit_that_large_photos_do_not_reach() {
    let peer = peer().await;
    // A PNG of more than 20 MB: real pixels, then a chunk that decoders skip.
    let mut large = photo("coffee", OutputFormat::Png);
    let end = large.len() - 12;
    let mut chunk = vec![0_u8; 21_000_000];
    chunk.splice(0..0, [(21_000_000_u32).to_be_bytes(), *b"teXt"].concat());
    chunk.extend([0; 4]);
    large.splice(end..end, chunk);
    let request = json!({"model": "gpt-5.4-mini", "messages": [with_photo("?", &data_uri("image/png", &large))]});
    let answer = peer.ask("/chat/completions", &request).await;
    let text = answer["choices"][0]["message"]["content"].as_str().unwrap();
    assert!(text.contains(&format!("{} bytes", large.len())), "{text}");

    let piece = Bytes::from(vec![b' '; 1 << 20]);
    let body = futures_util::stream::iter(
        (0..=BODY_LIMIT >> 20).map(move |_| Ok::<_, std::io::Error>(piece.clone())),
    );
    let sent = peer
        .http
        .post(format!("{}/chat/completions", peer.url))
        .header("authorization", "Bearer secret");
    let response = sent
        .body(reqwest::Body::wrap_stream(body))
        .send()
        .await
        .unwrap();
    assert_eq!(response.status().as_u16(), 413);
}
