//! What a caller asks of every API: a tool, an image as it is, media of several stores.

use conversation_types::{ToolChoice, ToolDefinition};
use media_storage::{InMemoryStorage, MediaMetadata, MediaStorageExt};
use media_types::Detail;
use serde_json::json;

use super::*;

#[tokio::test]
async fn one_tool_can_be_demanded() {
    let messages = [Message::user("go")];
    let tools = [ToolDefinition::new("f", "d", json!({"type": "object"}))];
    let request = ProviderRequest::new(&messages)
        .with_tools(&tools)
        .with_tool_choice(ToolChoice::Tool("f".into()));
    for (format, pointer, expected) in [
        (
            ApiFormat::OPENAI_CHAT,
            "/tool_choice",
            json!({"type": "function", "function": {"name": "f"}}),
        ),
        (
            ApiFormat::OPENAI_RESPONSES,
            "/tool_choice",
            json!({"type": "function", "name": "f"}),
        ),
        (
            ApiFormat::ANTHROPIC_MESSAGES,
            "/tool_choice",
            json!({"type": "tool", "name": "f"}),
        ),
        (
            ApiFormat::GEMINI_CONTENTS,
            "/toolConfig/functionCallingConfig",
            json!({"mode": "ANY", "allowedFunctionNames": ["f"]}),
        ),
    ] {
        let body = body_by(&without_limits(), format, &request, &no_storage()).await;
        let body = json_of(&body).await;
        assert_eq!(body.pointer(pointer), Some(&expected), "{format:?}");
    }
}

#[tokio::test]
async fn an_image_can_be_asked_for_as_it_is() {
    let messages = [user_with(
        "see",
        [png_of(100).with_detail(Detail::Original)],
    )];
    let body = sent(ApiFormat::OPENAI_CHAT, &messages).await;
    assert_eq!(
        body["messages"][0]["content"][1]["image_url"]["detail"],
        "original"
    );
    let body = sent(ApiFormat::OPENAI_RESPONSES, &messages).await;
    assert_eq!(body["input"][0]["content"][1]["detail"], "original");
}

#[tokio::test]
async fn several_stores_serve_one_request() {
    let (one, two) = (InMemoryStorage::new(), tempfile::tempdir().unwrap());
    let two = media_store_fs::FileStore::open(two.path()).await.unwrap();
    let metadata = MediaMetadata::new()
        .with_session("s".parse().unwrap())
        .with_conversation("c".parse().unwrap());
    let mut media = Vec::new();
    for (len, stored) in [
        (100, one.store_media(&png_of(100), metadata.clone()).await),
        (200, two.store_media(&png_of(200), metadata.clone()).await),
    ] {
        media.push((
            len,
            MediaContent::from_reference(Mime::IMAGE_PNG, stored.unwrap()),
        ));
    }
    let messages: Vec<Message> = media
        .iter()
        .map(|(_, m)| user_with("see", [m.clone()]))
        .collect();
    let context = MediaContext::from_stores([
        Arc::new(one) as Arc<dyn MediaStorage>,
        Arc::new(two) as Arc<dyn MediaStorage>,
    ]);
    let body = body_of(ApiFormat::OPENAI_CHAT, &messages, &context).await;
    for (at, (len, _)) in media.iter().enumerate() {
        let url = body["messages"][at]["content"][1]["image_url"]["url"]
            .as_str()
            .unwrap();
        let bytes = decoded(url.strip_prefix("data:image/png;base64,").unwrap());
        assert!(png_of(*len).inline().unwrap() == &bytes);
    }
}
