//! Request bodies of every API, from outside.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::sync::Arc;

use conversation_providers::MediaContext;
use conversation_providers::{ApiFormat, body::RequestBody};
use conversation_providers::{Capabilities, ProviderRequest};
use conversation_types::{Message, MessageStatus, Part, ToolCall, UserMessage};
use futures_util::TryStreamExt;
use media_loader::MediaLoader;
use media_storage::MediaStorage;
use media_types::{MediaContent, Mime};
use serde_json::Value;

mod audio;
pub(crate) mod broken;
mod exact;
mod forms;
mod golden;
mod golden_turns;
mod interrupted;
mod kinds;
mod opaque;
mod planning;
mod recorder;
mod rounds;
mod stable;
mod wishes;

const FORMS: [ApiFormat; 4] = [
    ApiFormat::OPENAI_CHAT,
    ApiFormat::OPENAI_RESPONSES,
    ApiFormat::ANTHROPIC_MESSAGES,
    ApiFormat::GEMINI_CONTENTS,
];

fn over(storage: Arc<dyn MediaStorage>) -> MediaContext {
    let loader = MediaLoader::builder()
        .with_storage(storage)
        .with_max_bytes(u64::MAX)
        .build();
    MediaContext::new(loader, None)
}

fn no_storage() -> MediaContext {
    MediaContext::new(MediaLoader::builder().build(), None)
}

/// Limits are not what these tests are about.
fn without_limits() -> Capabilities {
    let apis: serde_json::Map<String, Value> = FORMS
        .iter()
        .map(|format| {
            let media =
                serde_json::json!([{"mime": ["*"], "forms": ["provider_file", "url", "base64"]}]);
            (
                format.capability_name().to_owned(),
                serde_json::json!({"media": media}),
            )
        })
        .collect();
    let file = serde_json::json!({"format_version": 1, "revised": "r", "apis": apis});
    Capabilities::from_json(&file.to_string()).unwrap()
}

async fn body_by(
    capabilities: &Capabilities,
    format: ApiFormat,
    request: &ProviderRequest<'_>,
    media: &MediaContext,
) -> RequestBody {
    let api = capabilities.api(format.capability_name()).unwrap();
    RequestBody::new(format, "model-1", request, &api, media)
        .await
        .unwrap()
}

async fn text(body: &RequestBody) -> Vec<u8> {
    let pieces: Vec<_> = body.stream().try_collect().await.unwrap();
    let text = pieces.concat();
    assert_eq!(text.len() as u64, body.len());
    text
}

async fn json_of(body: &RequestBody) -> Value {
    serde_json::from_slice(&text(body).await).unwrap()
}

fn user_with(text: &str, media: impl IntoIterator<Item = MediaContent>) -> Message {
    let message = media
        .into_iter()
        .fold(UserMessage::new().with_part(text), |message, media| {
            message.with_part(media)
        });
    Message::user(message)
}

fn assistant(text: &str) -> Message {
    Message::new(conversation_types::Role::Assistant, vec![Part::from(text)])
}

/// The picture in the user's first message, as it is in the body.
fn first_picture(format: ApiFormat, body: &Value) -> &str {
    let text = match format.capability_name() {
        "openai.chat" => &body["messages"][0]["content"][1]["image_url"]["url"],
        "openai.responses" => &body["input"][0]["content"][1]["image_url"],
        "anthropic.messages" => &body["messages"][0]["content"][1]["source"]["data"],
        "gemini.generate_content" => &body["contents"][0]["parts"][1]["inlineData"]["data"],
        other => panic!("{other:?}"),
    };
    let text = text.as_str().unwrap_or_else(|| panic!("{format:?}"));
    text.strip_prefix("data:image/png;base64,").unwrap_or(text)
}

/// The bytes of base64 in either alphabet.
fn decoded(text: &str) -> Vec<u8> {
    let standard = text.replace('-', "+").replace('_', "/");
    media_types::base64::decode(standard.as_bytes()).unwrap()
}

fn png_of(len: usize) -> MediaContent {
    MediaContent::from_bytes(
        Mime::IMAGE_PNG,
        crate::support::picture_bytes(len as u64, len),
    )
}

async fn body_of(format: ApiFormat, messages: &[Message], media: &MediaContext) -> Value {
    let request = ProviderRequest::new(messages);
    let body = body_by(&without_limits(), format, &request, media).await;
    json_of(&body).await
}

async fn sent(format: ApiFormat, messages: &[Message]) -> Value {
    body_of(format, messages, &no_storage()).await
}

fn partial(content: Vec<Part>, calls: Vec<ToolCall>) -> Message {
    Message::assistant(content)
        .with_tool_calls(calls)
        .with_status(MessageStatus::Partial)
}
