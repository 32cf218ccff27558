//! Our bodies against those that the official clients were recorded to send.

use conversation_providers::body::Multipart;
use conversation_types::{Role, ToolCall, ToolDefinition};
use media_types::{MediaSource, MediaUrl, ProviderFile};
use serde_json::json;

use super::*;

pub(super) fn recorded(name: &str) -> Value {
    let path = format!("{}/tests/golden/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

async fn body(format: ApiFormat, model: &str, request: &ProviderRequest<'_>) -> Value {
    let api = Capabilities::builtin()
        .api(format.capability_name())
        .unwrap();
    let body = RequestBody::new(format, model, request, &api, &no_storage())
        .await
        .unwrap();
    assert_eq!(body.omitted_media(), []);
    assert_eq!(body.content_type(), "application/json");
    json_of(&body).await
}

fn picture(text: &Value) -> MediaContent {
    let text = text.as_str().unwrap();
    let text = text.rsplit(',').next().unwrap();
    MediaContent::from_bytes(Mime::IMAGE_PNG, decoded(text))
}

fn pdf() -> MediaContent {
    MediaContent::from_base64(Mime::APPLICATION_PDF, "JVBERi0=").unwrap()
}

pub(super) fn file_at(provider: &str, id: &str) -> MediaContent {
    let file = ProviderFile::new(provider, id).unwrap();
    MediaContent::new(Mime::IMAGE_PNG, MediaSource::ProviderFile(file))
}

fn call(id: &str, name: &str, arguments: &str) -> Message {
    let mut message = Message::new(Role::Assistant, vec![]);
    message.tool_calls = vec![ToolCall::new(id, name, arguments)];
    message
}

fn parts(parts: impl IntoIterator<Item = Part>) -> Message {
    Message::new(Role::User, parts.into_iter().collect())
}

fn fields(value: Value) -> serde_json::Map<String, Value> {
    value.as_object().unwrap().clone()
}

#[tokio::test]
async fn chat_completions() {
    let expected = recorded("openai/chat_multimodal_tools")["body"].clone();
    let content = &expected["messages"][1]["content"];
    let url = MediaUrl::new("https://example.com/a.jpg").unwrap();
    let messages = [
        user_with(
            "what",
            [
                picture(&content[1]["image_url"]["url"]).with_detail(media_types::Detail::High),
                MediaContent::from_url(Mime::IMAGE_JPEG, url),
                MediaContent::from_base64(Mime::AUDIO_WAV, "UklGRg==").unwrap(),
                pdf().with_filename("a.pdf"),
            ],
        ),
        call("call_1", "dalle-image-generator", r#"{"prompt":"x"}"#),
        Message::tool("call_1", vec![Part::from(r#"{"ok":true}"#)]),
    ];
    let schema = expected["tools"][0]["function"]["parameters"].clone();
    let tools = [ToolDefinition::new(
        "dalle-image-generator",
        "Generate",
        schema,
    )];
    let request = ProviderRequest::new(&messages)
        .with_system(Some("sys"))
        .with_tools(&tools)
        .with_parameters(fields(
            json!({"max_tokens": 500, "temperature": 0.7, "tool_choice": "auto"}),
        ));
    let mut sent = body(ApiFormat::OPENAI_CHAT, "gpt-4o", &request).await;
    // The client was given a null; an empty text says the same and is read by more servers.
    assert_eq!(sent["messages"][2]["content"].take(), json!(""));
    assert_eq!(sent, expected);
}

#[tokio::test]
async fn responses() {
    let expected = recorded("openai/responses_multimodal")["body"].clone();
    let image = picture(&expected["input"][0]["content"][1]["image_url"]);
    let messages = [
        user_with(
            "x",
            [
                image.clone(),
                file_at("openai", "file-abc"),
                pdf().with_filename("a.pdf"),
            ],
        ),
        call("c1", "f", "{}"),
        Message::tool("c1", vec![Part::Media(image)]),
    ];
    let request = ProviderRequest::new(&messages)
        .with_system(Some("sys"))
        .with_parameters(fields(json!({"tools": [{"type": "image_generation"}]})));
    let sent = body(ApiFormat::OPENAI_RESPONSES, "gpt-4o", &request).await;
    assert_eq!(sent, expected);
}

#[tokio::test]
async fn anthropic_messages() {
    for (client, parameters) in [
        (
            "0.125.0",
            json!({"max_tokens": 500, "temperature": 0.7, "tool_choice": {"type": "auto"}}),
        ),
        (
            "2.11.0",
            json!({"max_tokens": 500, "tool_choice": {"type": "auto"}}),
        ),
    ] {
        let name = format!("anthropic/messages_multimodal_tools.sdk-{client}");
        let expected = recorded(&name)["body"].clone();
        let image = picture(&expected["messages"][0]["content"][0]["source"]["data"]);
        let url = MediaUrl::new("https://example.com/a.jpg").unwrap();
        let messages = [
            parts([
                Part::Media(image.clone()),
                Part::Media(MediaContent::from_url(Mime::IMAGE_JPEG, url)),
                Part::Media(pdf()),
                Part::from("what"),
            ]),
            call("toolu_1", "dalle-image-generator", r#"{"prompt":"x"}"#),
            Message::tool("toolu_1", vec![Part::from("done"), Part::Media(image)]),
        ];
        let schema = expected["tools"][0]["input_schema"].clone();
        let tools = [ToolDefinition::new("dalle-image-generator", "d", schema)];
        let request = ProviderRequest::new(&messages)
            .with_system(Some("sys"))
            .with_tools(&tools)
            .with_parameters(fields(parameters));
        let sent = body(ApiFormat::ANTHROPIC_MESSAGES, "claude-sonnet-4-5", &request).await;
        assert_eq!(sent, expected);
    }
}

#[tokio::test]
async fn gemini_contents() {
    let expected = recorded("gemini/generate_content_multimodal_tools")["body"].clone();
    let image = picture(&expected["contents"][0]["parts"][0]["inlineData"]["data"]);
    let uri = "https://generativelanguage.googleapis.com/v1beta/files/abc";
    for id in [uri, "files/abc"] {
        let messages = [
            parts([
                Part::Media(image.clone()),
                Part::Media(file_at("gemini", id)),
                Part::from("what"),
            ]),
            call("f", "f", r#"{"a":1}"#),
            Message::tool("f", vec![Part::from(r#"{"ok":true}"#)]),
        ];
        let tools = [ToolDefinition::new("f", "d", json!({"type": "object"}))];
        let request = ProviderRequest::new(&messages)
            .with_system(Some("sys"))
            .with_tools(&tools)
            .with_parameters(fields(json!({
                "temperature": 0.5, "max_tokens": 10, "responseModalities": ["TEXT", "IMAGE"]
            })));
        let sent = body(ApiFormat::GEMINI_CONTENTS, "gemini-2.5-flash", &request).await;
        assert_eq!(sent, expected);
    }
}

/// Bytes as the recording has them, one character each.
fn raw(text: &Value) -> Vec<u8> {
    let text = text.as_str().unwrap();
    text.chars().map(|c| u8::try_from(c).unwrap()).collect()
}

#[tokio::test]
async fn uploads() {
    let image = recorded("openai/responses_multimodal");
    let image = picture(&image["body"]["input"][0]["content"][1]["image_url"]);
    let image = image.with_filename("a.png");
    for (name, provider, api, multipart) in [
        (
            "openai/files_create_multipart",
            "openai",
            "openai.files",
            Multipart::new()
                .with_field("purpose", "user_data")
                .with_field("expires_after[anchor]", "created_at")
                .with_field("expires_after[seconds]", "3600")
                .with_file("file", image.clone()),
        ),
        (
            "openai/images_edit_multipart",
            "openai",
            "openai.images",
            Multipart::new()
                .with_field("prompt", "x")
                .with_field("model", "gpt-image-1")
                .with_file("image[]", image.clone())
                .with_file("image[]", image.clone()),
        ),
        (
            "anthropic/files_upload_multipart",
            "anthropic",
            "anthropic.files",
            Multipart::new().with_file("file", image.clone()),
        ),
    ] {
        let recorded = recorded(name);
        let kind = recorded["headers"]["content-type"].as_str().unwrap();
        let boundary = kind.split_once("boundary=").unwrap().1;
        let api = Capabilities::builtin().api(api).unwrap();
        let multipart = multipart.with_boundary(boundary);
        let body = multipart.into_body(provider, &api, &no_storage()).await;
        let body = body.unwrap();
        assert_eq!(body.content_type(), kind);
        let len = recorded["headers"]["content-length"].as_str().unwrap();
        assert_eq!(body.len().to_string(), len, "{name}");
        let expected = raw(&recorded["body"]["_raw_prefix"]);
        assert!(text(&body).await.starts_with(&expected), "{name}");
    }
}
