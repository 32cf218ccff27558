use base64::Engine as _;
use painter::{OutputFormat, Size, paint};
use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::*;

mod edits;
mod media;
mod messages;
mod refusals;

struct Peer {
    url: String,
    http: reqwest::Client,
    _stop: oneshot::Sender<()>,
}

async fn peer() -> Peer {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    let (stop, stopped) = oneshot::channel::<()>();
    tokio::spawn(serve(listener, "secret", async move {
        let _ = stopped.await;
    }));
    Peer {
        url,
        http: reqwest::Client::builder().no_proxy().build().unwrap(),
        _stop: stop,
    }
}

impl Peer {
    async fn send(&self, path: &str, body: impl Into<reqwest::Body>) -> (u16, String) {
        let request = self
            .http
            .post(format!("{}{path}", self.url))
            .header("authorization", "Bearer secret")
            .body(body);
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }

    async fn ask(&self, path: &str, body: &Value) -> Value {
        let (status, text) = self.send(path, body.to_string()).await;
        assert_eq!(status, 200, "{text}");
        serde_json::from_str(&text).unwrap()
    }

    async fn chat(&self, messages: Value) -> Value {
        self.ask(
            "/chat/completions",
            &json!({"model": "gpt-5.4-mini", "messages": messages, "tools": [tool()]}),
        )
        .await
    }

    async fn refused(&self, path: &str, body: &Value) -> (u16, Value) {
        let (status, text) = self.send(path, body.to_string()).await;
        let body: Value = serde_json::from_str(&text).unwrap();
        for field in ["message", "type", "param", "code"] {
            assert!(body["error"].get(field).is_some(), "{field} in {text}");
        }
        (status, body)
    }
}

fn tool() -> Value {
    let properties = json!({"prompt": {"type": "string"}, "size": {"type": "string"}});
    let parameters = json!({"type": "object", "properties": properties, "required": ["prompt"]});
    json!({"type": "function", "function": {"name": "image-generator", "parameters": parameters}})
}

fn encode(bytes: &[u8]) -> String {
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

fn data_uri(mime: &str, bytes: &[u8]) -> String {
    format!("data:{mime};base64,{}", encode(bytes))
}

fn with_photo(text: &str, uri: &str) -> Value {
    json!({"role": "user", "content": [{"type": "text", "text": text}, {"type": "image_url", "image_url": {"url": uri}}]})
}

fn photo(prompt: &str, format: OutputFormat) -> Vec<u8> {
    paint(prompt, 0, Size::new(320, 200).unwrap(), format).unwrap()
}

#[tokio::test]
async fn a_wish_becomes_a_tool_call_then_an_image_then_a_sentence() {
    let peer = peer().await;
    let mut messages = json!([
        {"role": "system", "content": "You paint."},
        {"role": "user", "content": "Generate a beautiful sunset over mountains"},
    ]);
    let answer = peer.chat(messages.clone()).await;
    assert_eq!(answer["choices"][0]["finish_reason"], "tool_calls");
    assert_eq!(answer["choices"][0]["message"]["content"], Value::Null);
    assert!(answer["usage"]["total_tokens"].as_u64().unwrap() > 10);
    let call = answer["choices"][0]["message"]["tool_calls"][0].clone();
    assert_eq!(call["function"]["name"], "image-generator");
    let arguments: Value =
        serde_json::from_str(call["function"]["arguments"].as_str().unwrap()).unwrap();
    assert_eq!(
        arguments,
        json!({"prompt": "a beautiful sunset over mountains", "size": "1024x1024"})
    );

    let order = json!({"model": "gpt-image-1-mini", "prompt": arguments["prompt"], "size": "512x256", "n": 2});
    let images = peer.ask("/images/generations", &order).await;
    assert_eq!(images["size"], "512x256");
    assert_eq!(images["output_format"], "png");
    assert!(images["usage"]["output_tokens"].as_u64().unwrap() > 0);
    let data: Vec<&str> = images["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["b64_json"].as_str().unwrap())
        .collect();
    assert_eq!(data.len(), 2);
    assert_ne!(data[0], data[1]);
    let file = base64::engine::general_purpose::STANDARD
        .decode(data[0])
        .unwrap();
    let expected = paint(
        "a beautiful sunset over mountains",
        0,
        Size::new(512, 256).unwrap(),
        OutputFormat::Png,
    )
    .unwrap();
    assert!(
        file == expected,
        "the endpoint paints what the painter paints"
    );

    let list = messages.as_array_mut().unwrap();
    list.push(json!({"role": "assistant", "content": "", "tool_calls": [call]}));
    list.push(json!({"role": "tool", "tool_call_id": call["id"], "content": "1 image"}));
    let plain = peer.chat(messages.clone()).await;
    let text = plain["choices"][0]["message"]["content"].as_str().unwrap();
    assert!(
        text.starts_with("Here is a beautiful sunset over mountains: "),
        "{text}"
    );
    // Images of tools travel in a user message behind the tool's; that is no new wish.
    let image = with_photo("The image of the tool:", &data_uri("image/png", &file));
    messages.as_array_mut().unwrap().push(image);
    let followed = peer.chat(messages.clone()).await;
    assert_eq!(followed["choices"][0]["message"]["content"], text);
    // The next wish is one.
    messages.as_array_mut().unwrap().extend([
        json!({"role": "assistant", "content": text}),
        json!({"role": "user", "content": "Please draw me a robot!"}),
    ]);
    let next = peer.chat(messages).await;
    let arguments = next["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"]
        .as_str()
        .unwrap();
    assert!(arguments.contains(r#""a robot""#), "{arguments}");
}

#[tokio::test]
async fn a_failed_tool_is_told_and_a_question_is_not_painted() {
    let peer = peer().await;
    let call = json!({"id": "c1", "type": "function", "function": {"name": "image-generator", "arguments": "{\"prompt\":\"a cat\"}"}});
    let messages = json!([
        {"role": "user", "content": "a cat"},
        {"role": "assistant", "content": null, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "{\"error\": \"quota is used up\"}"},
    ]);
    let answer = peer.chat(messages.clone()).await;
    assert_eq!(
        answer["choices"][0]["message"]["content"],
        "The image could not be made: quota is used up"
    );
    let mut messages = messages;
    messages
        .as_array_mut()
        .unwrap()
        .push(json!({"role": "user", "content": "What have you painted so far?"}));
    let answer = peer.chat(messages).await;
    let text = answer["choices"][0]["message"]["content"].as_str().unwrap();
    assert_eq!(
        text,
        "So far there is one image in this conversation: a cat."
    );
}

#[tokio::test]
async fn streamed_pieces_add_up_to_the_whole_answer() {
    let peer = peer().await;
    let mut request = json!({
        "model": "gpt-5.4-mini", "stream": true, "stream_options": {"include_usage": true}, "tools": [tool()],
        "messages": [{"role": "user", "content": "Ein Bär im Schnee 🐻 und noch viel mehr davon"}],
    });
    let (status, body) = peer.send("/chat/completions", request.to_string()).await;
    assert_eq!(status, 200);
    let chunks = events(&body);
    let arguments: String = chunks
        .iter()
        .filter_map(|chunk| {
            chunk
                .pointer("/choices/0/delta/tool_calls/0/function/arguments")?
                .as_str()
        })
        .collect();
    let arguments: Value = serde_json::from_str(&arguments).unwrap();
    assert_eq!(
        arguments["prompt"],
        "Ein Bär im Schnee 🐻 und noch viel mehr davon"
    );
    assert!(
        chunks
            .iter()
            .any(|chunk| chunk.pointer("/choices/0/finish_reason") == Some(&json!("tool_calls")))
    );
    let last = chunks.last().unwrap();
    assert_eq!(last["choices"], json!([]));
    assert!(last["usage"]["completion_tokens"].as_u64().unwrap() > 0);

    request["tools"] = Value::Null;
    let (_, body) = peer.send("/chat/completions", request.to_string()).await;
    let text: String = events(&body)
        .iter()
        .filter_map(|chunk| chunk.pointer("/choices/0/delta/content")?.as_str())
        .collect();
    assert_eq!(text, "I see no image in this conversation.");
}

fn events(body: &str) -> Vec<Value> {
    let mut lines: Vec<&str> = body
        .split("\n\n")
        .filter_map(|event| event.strip_prefix("data: "))
        .collect();
    assert_eq!(lines.pop(), Some("[DONE]"));
    lines
        .into_iter()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[tokio::test]
async fn images_of_every_turn_are_described_from_their_bytes() {
    let peer = peer().await;
    let files = [
        ("image/png", "PNG", photo("coffee", OutputFormat::Png)),
        (
            "image/jpeg",
            "JPEG",
            photo("moonlight over a lake", OutputFormat::Jpeg),
        ),
        ("image/webp", "WebP", photo("sunset", OutputFormat::Webp)),
    ];
    let first = with_photo("What is this?", &data_uri(files[0].0, &files[0].2));
    let answer = json!({"role": "assistant", "content": "..."});
    let mut second = with_photo("And these?", &data_uri(files[1].0, &files[1].2));
    let again = data_uri(files[2].0, &files[2].2);
    second["content"]
        .as_array_mut()
        .unwrap()
        .push(json!({"type": "image_url", "image_url": {"url": again}}));
    let request = json!({"model": "gpt-5.4-mini", "messages": [first, answer, second]});
    let reply = peer.ask("/chat/completions", &request).await;
    let text = reply["choices"][0]["message"]["content"].as_str().unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "I see 3 images:");
    for (line, (_, format, bytes)) in lines[1..].iter().zip(&files) {
        use sha2::Digest as _;
        let hash: String = sha2::Sha256::digest(bytes)
            .iter()
            .take(8)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        assert!(
            line.contains(&format!("a {format} of {} bytes", bytes.len())),
            "{line}"
        );
        assert!(
            line.contains("320x200 pixels") && line.contains(&hash),
            "{line}"
        );
    }
    assert!(lines[1].ends_with("(sent again, from turn 1)"), "{text}");
    assert!(
        lines[2].contains("navy") || lines[2].contains("blue"),
        "a lake by night: {}",
        lines[2]
    );
    assert!(lines[3].ends_with("(new, from turn 2)"), "{text}");
}
