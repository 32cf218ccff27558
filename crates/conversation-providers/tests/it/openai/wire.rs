//! What goes over the wire.

use conversation_providers::{ProviderRequest, ResponseMode};
use conversation_types::{Message, Part, Role, ToolCall, ToolDefinition};
use media_types::{Detail, MediaContent, MediaSource, MediaUrl, Mime, ProviderFile};
use serde_json::{Value, json};

use super::peer::{Act, Peer};
use super::*;

fn golden(name: &str) -> Value {
    let path = format!(
        "{}/tests/golden/openai/{name}.json",
        env!("CARGO_MANIFEST_DIR")
    );
    let text = std::fs::read_to_string(path).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// The conversation of the recorded body.
pub(super) fn golden_messages(recorded: &Value) -> Vec<Message> {
    let picture = recorded["messages"][1]["content"][1]["image_url"]["url"]
        .as_str()
        .unwrap();
    let mut call = Message::new(Role::Assistant, vec![]);
    call.tool_calls = vec![ToolCall::new(
        "call_1",
        "dalle-image-generator",
        r#"{"prompt":"x"}"#,
    )];
    vec![
        user_with(
            "what",
            [
                MediaContent::from_base64(Mime::IMAGE_PNG, picture)
                    .unwrap()
                    .with_detail(Detail::High),
                MediaContent::from_url(
                    Mime::IMAGE_JPEG,
                    MediaUrl::new("https://example.com/a.jpg").unwrap(),
                ),
                MediaContent::from_base64(Mime::AUDIO_WAV, "UklGRg==").unwrap(),
                MediaContent::from_base64(Mime::APPLICATION_PDF, "JVBERi0=")
                    .unwrap()
                    .with_filename("a.pdf"),
            ],
        ),
        call,
        Message::tool("call_1", vec![Part::from(r#"{"ok":true}"#)]),
    ]
}

pub(super) fn golden_tools() -> Vec<ToolDefinition> {
    let parameters = json!({
        "type": "object",
        "properties": {"prompt": {"type": "string"}},
        "required": ["prompt"]
    });
    vec![ToolDefinition::new(
        "dalle-image-generator",
        "Generate",
        parameters,
    )]
}

pub(super) fn golden_parameters() -> serde_json::Map<String, Value> {
    let parameters = json!({"max_tokens": 500, "temperature": 0.7, "tool_choice": "auto"});
    parameters.as_object().unwrap().clone()
}

#[tokio::test]
async fn the_body_is_the_one_that_the_official_client_sends() {
    let peer = Peer::start([Act::json(200, &hello())]).await;
    let recorded = golden("chat_multimodal_tools");
    let messages = golden_messages(&recorded["body"]);
    let tools = golden_tools();
    let request = ProviderRequest::new(&messages)
        .with_system(Some("sys"))
        .with_tools(&tools)
        .with_parameters(golden_parameters());
    answer(&provider(&peer), request, &no_storage())
        .await
        .unwrap();

    let sent = peer.only();
    assert_eq!(sent.line, "POST /v1/chat/completions HTTP/1.1");
    assert_eq!(
        sent.header("authorization"),
        Some(format!("Bearer {KEY}").as_str())
    );
    assert_eq!(sent.header("content-type"), Some("application/json"));
    assert_eq!(sent.header("transfer-encoding"), None);
    assert_eq!(
        sent.header("content-length"),
        Some(sent.body.len().to_string().as_str())
    );
    let mut expected = recorded["body"].clone();
    // The client was given a null; an empty text says the same and is read by more servers.
    assert_eq!(expected["messages"][2]["content"], Value::Null);
    expected["messages"][2]["content"] = json!("");
    assert_eq!(sent.json(), expected);
}

#[tokio::test]
async fn media_of_tools_and_of_the_model_follow_in_user_messages() {
    let peer = Peer::start([Act::json(200, &hello())]).await;
    let mut calls = assistant("two at once");
    calls.tool_calls = vec![
        ToolCall::new("c1", "paint", "{"),
        ToolCall::new("c2", "draw", "{}"),
    ];
    let mut own = assistant("as promised");
    own.content.push(Part::Media(inline_png(b"own")));
    let messages = vec![
        user("go"),
        calls,
        Message::tool(
            "c1",
            vec![Part::from("done"), Part::Media(inline_png(b"1"))],
        ),
        Message::tool("c2", vec![Part::Media(inline_png(b"2"))]),
        own,
        user("and now?"),
    ];
    ask(&provider(&peer), &messages, &no_storage())
        .await
        .unwrap();
    let url = |rest: &[u8]| {
        let text = media_types::base64::encode(&png(rest));
        json!({"type": "image_url", "image_url": {"url": format!("data:image/png;base64,{text}")}})
    };
    let text = |text: &str| json!({"type": "text", "text": text});
    let call = |id, name, arguments| json!({"id": id, "type": "function", "function": {"name": name, "arguments": arguments}});
    assert_eq!(
        peer.only().json()["messages"],
        json!([
            {"role": "user", "content": "go"},
            {"role": "assistant", "content": "two at once",
                "tool_calls": [call("c1", "paint", "{\"arguments\":\"{\"}"), call("c2", "draw", "{}")]},
            {"role": "tool", "tool_call_id": "c1", "content": "done"},
            {"role": "tool", "tool_call_id": "c2", "content": "The media follows."},
            {"role": "user", "content": [
                text("Media that the call c1 of paint returned:"), url(b"1"),
                text("Media that the call c2 of draw returned:"), url(b"2")]},
            {"role": "assistant", "content": "as promised"},
            {"role": "user", "content": [text("Media of the assistant's message above:"), url(b"own")]},
            {"role": "user", "content": "and now?"}
        ])
    );
}

#[tokio::test]
async fn parameters_fit_the_model_and_leave_the_request_alone() {
    let peer = Peer::start([Act::json(200, &hello()), Act::json(200, &hello())]).await;
    let messages = [user("hi")];
    let parameters = json!({
        "max_tokens": 7, "model": "other", "messages": [], "stream": true, "n": 3,
        "tool_choice": "required", "seed": 4, "top_p": null, "vendor_option": {"a": 1}
    });
    let request =
        || ProviderRequest::new(&messages).with_parameters(parameters.as_object().unwrap().clone());
    answer(&provider(&peer), request(), &no_storage())
        .await
        .unwrap();
    let newer = OpenAiProvider::new(KEY, "gpt-5.4-mini")
        .with_base_url(peer.url())
        .with_organization("org-1")
        .with_project("proj-1")
        .with_header("X-Trace", "t");
    answer(&newer, request(), &no_storage()).await.unwrap();

    let sent = peer.received();
    let messages = json!([{"role": "user", "content": "hi"}]);
    assert_eq!(
        sent[0].json(),
        json!({"model": "gpt-4o", "messages": messages, "max_tokens": 7, "seed": 4, "vendor_option": {"a": 1}})
    );
    assert_eq!(
        sent[1].json(),
        json!({"model": "gpt-5.4-mini", "messages": messages, "max_completion_tokens": 7, "seed": 4, "vendor_option": {"a": 1}})
    );
    assert_eq!(sent[1].header("openai-organization"), Some("org-1"));
    assert_eq!(sent[1].header("openai-project"), Some("proj-1"));
    assert_eq!(sent[1].header("x-trace"), Some("t"));
}

#[tokio::test]
async fn a_server_without_a_key_is_sent_none() {
    let peer = Peer::start([Act::json(200, &hello())]).await;
    let local = OpenAiProvider::new("", "llama").with_base_url(peer.url());
    ask(&local, &[user("hi")], &no_storage()).await.unwrap();
    assert_eq!(peer.only().header("authorization"), None);
}

#[tokio::test]
async fn text_that_looks_like_a_medium_stays_text() {
    let peer = Peer::start([Act::json(200, &hello())]).await;
    let tricky = "\"}]} \u{0}\u{1} {{media:0}} \u{2028} data:image/png;base64, \\u0000 \u{1f600}";
    let messages = [user_with(tricky, [inline_png(b"x")]), user(tricky)];
    ask(&provider(&peer), &messages, &no_storage())
        .await
        .unwrap();
    let sent = peer.only();
    assert_eq!(
        sent.header("content-length"),
        Some(sent.body.len().to_string().as_str())
    );
    assert_eq!(sent.json()["messages"][0]["content"][0]["text"], tricky);
    assert_eq!(sent.json()["messages"][1]["content"], tricky);
}

#[tokio::test]
async fn other_forms_are_sent_as_the_api_has_them() {
    let peer = Peer::start([Act::json(200, &hello())]).await;
    let file = |provider: &str| {
        let file = ProviderFile::new(provider, "file-abc").unwrap();
        MediaContent::new(Mime::APPLICATION_PDF, MediaSource::ProviderFile(file))
    };
    let mp3 = MediaContent::from_bytes(Mime::AUDIO_MPEG, &b"ID3\x03\0\0\0"[..]);
    let video =
        MediaContent::from_bytes(Mime::VIDEO_MP4, &b"0000ftypisom"[..]).with_caption("a cat");
    let messages = [user_with(
        "see",
        [file("openai"), file("gemini"), mp3, video],
    )];
    let done = ask(&provider(&peer), &messages, &no_storage())
        .await
        .unwrap();
    let content = peer.only().json()["messages"][0]["content"].clone();
    assert_eq!(
        content[1],
        json!({"type": "file", "file": {"file_id": "file-abc"}})
    );
    assert_eq!(content[2]["type"], "text");
    assert_eq!(content[3]["input_audio"]["format"], "mp3");
    let note = content[4]["text"].as_str().unwrap();
    assert!(
        note.contains("does not accept video/mp4") && note.contains("a cat"),
        "{note}"
    );
    assert_eq!(done.omitted_media.len(), 2);
}

#[tokio::test]
async fn a_stream_is_asked_for_with_its_usage() {
    let events = "data: {\"choices\":[{\"delta\":{\"content\":\"x\"},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
    let peer = Peer::start([Act::events(events, 1000), Act::events(events, 1000)]).await;
    let messages = [user("hi")];
    let request = || ProviderRequest::new(&messages).with_mode(ResponseMode::Streaming);
    answer(&provider(&peer), request(), &no_storage())
        .await
        .unwrap();
    let plain = provider(&peer).with_stream_usage(false);
    answer(&plain, request(), &no_storage()).await.unwrap();
    let sent = peer.received();
    assert_eq!(sent[0].json()["stream"], true);
    assert_eq!(
        sent[0].json()["stream_options"],
        json!({"include_usage": true})
    );
    assert_eq!(sent[1].json().get("stream_options"), None);
}

#[tokio::test]
async fn a_server_that_refuses_to_tell_the_usage_is_asked_without() {
    let events = "data: {\"choices\":[{\"delta\":{\"content\":\"x\"},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
    let refusal = error_body("unsupported_parameter", "m", Some("stream_options"));
    let acts = [
        Act::json(400, &refusal),
        Act::events(events, 1000),
        Act::events(events, 1000),
    ];
    let peer = Peer::start(acts).await;
    let provider = provider(&peer);
    let messages = [user("hi")];
    for _ in 0..2 {
        let request = ProviderRequest::new(&messages).with_mode(ResponseMode::Streaming);
        answer(&provider, request, &no_storage()).await.unwrap();
    }
    let sent = peer.received();
    let asked: Vec<bool> = sent
        .iter()
        .map(|sent| sent.json().get("stream_options").is_some())
        .collect();
    assert_eq!(asked, [true, false, false]);
}

#[tokio::test]
async fn what_tools_may_do_is_told() {
    use conversation_types::ToolChoice;
    let peer = Peer::start((0..3).map(|_| Act::json(200, &hello()))).await;
    let (messages, tools) = ([user("hi")], golden_tools());
    for choice in [ToolChoice::Auto, ToolChoice::Required, ToolChoice::None] {
        let request = ProviderRequest::new(&messages)
            .with_tools(&tools)
            .with_tool_choice(choice);
        answer(&provider(&peer), request, &no_storage())
            .await
            .unwrap();
    }
    let choices: Vec<Value> = peer
        .received()
        .iter()
        .map(|sent| sent.json()["tool_choice"].clone())
        .collect();
    assert_eq!(choices, [json!(null), json!("required"), json!("none")]);
}
