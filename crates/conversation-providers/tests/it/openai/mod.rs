//! The OpenAI provider against a server that keeps every byte.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::sync::Arc;
use std::time::Duration;

use conversation_providers::{
    Completion, OpenAiImages, OpenAiProvider, Provider, ProviderRequest, ResponseEvent,
};
use conversation_providers::{MediaContext, ProviderError};
use conversation_types::{Message, Part, Role, UserMessage};
use futures_util::StreamExt;
use media_loader::MediaLoader;
use media_storage::MediaStorage;
use media_types::{MediaContent, Mime};
use serde_json::{Value, json};

use crate::peer;

pub(crate) mod contract;
mod cut_images;
mod failures;
mod images;
mod images_refused;
mod kept;
mod limits;
mod media;
#[cfg(target_os = "linux")]
mod memory;
mod paid;
mod received;
mod refused;
mod repaired;
mod signed;
mod stream;
mod wire;

pub(crate) const KEY: &str = "sk-test-0123456789";

fn provider(peer: &peer::Peer) -> OpenAiProvider {
    OpenAiProvider::new(KEY, "gpt-4o")
        .with_base_url(peer.url())
        .with_backoff(Duration::from_millis(1), Duration::from_millis(2))
        .with_first_byte_timeout(peer::LONG)
        .with_idle_timeout(peer::LONG)
}

fn images(peer: &peer::Peer, model: &str) -> OpenAiImages {
    OpenAiImages::new(KEY, model)
        .with_base_url(peer.url())
        .with_backoff(Duration::from_millis(1), Duration::from_millis(2))
        .with_first_byte_timeout(peer::LONG)
        .with_idle_timeout(peer::LONG)
}

/// Media from nowhere but the content itself.
fn no_storage() -> MediaContext {
    MediaContext::new(MediaLoader::builder().build(), None)
}

fn over(storage: Arc<dyn MediaStorage>) -> MediaContext {
    let loader = MediaLoader::builder()
        .with_storage(storage)
        .with_max_bytes(u64::MAX)
        .build();
    MediaContext::new(loader, None)
}

/// The answer of a service that says hello.
fn hello() -> Value {
    json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "gpt-4o-2024-08-06",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "hello", "refusal": null},
            "logprobs": null, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
    })
}

fn error_body(code: &str, message: &str, param: Option<&str>) -> Value {
    json!({"error": {"message": message, "type": "invalid_request_error", "param": param, "code": code}})
}

async fn ask(
    provider: &OpenAiProvider,
    messages: &[Message],
    media: &MediaContext,
) -> Result<Completion, ProviderError> {
    answer(provider, ProviderRequest::new(messages), media).await
}

async fn answer(
    provider: &OpenAiProvider,
    request: ProviderRequest<'_>,
    media: &MediaContext,
) -> Result<Completion, ProviderError> {
    let mut events = provider.complete(request, media).await?.into_events();
    while let Some(event) = events.next().await {
        if let ResponseEvent::Done(done) = event? {
            assert!(events.next().await.is_none());
            return Ok(*done);
        }
    }
    panic!("a response without an end")
}

fn user(text: &str) -> Message {
    Message::user(text)
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
    Message::new(Role::Assistant, vec![Part::from(text)])
}

/// Bytes that pass for a PNG.
fn png(rest: &[u8]) -> Vec<u8> {
    [b"\x89PNG\r\n\x1a\n", rest].concat()
}

fn inline_png(rest: &[u8]) -> MediaContent {
    MediaContent::from_bytes(Mime::IMAGE_PNG, png(rest))
}
