//! The requests, and what each must be on the wire.

use std::sync::Arc;

use bytes::Bytes;
use conversation_providers::body::{Multipart, RequestBody};
use conversation_providers::{
    ApiFormat, Capabilities, MediaContext, OpenAiProvider, Provider, ProviderRequest, ResponseEvent,
};
use conversation_types::{Message, UserMessage};
use futures_util::StreamExt;
use media_loader::MediaLoader;
use media_storage::{MediaMetadata, MediaStorageExt};
use media_store_fs::FileStore;
use media_types::{MediaContent, Mime, StorageReference};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::Result;
use crate::recorder::{self, send};

const SIZES: [usize; 6] = [178, 65_535, 65_536, 65_537, 5_000_000, 20_000_000];
/// What the peer that speaks chat completions takes.
const MOST_AT_CHAT: usize = 5_000_000;
const WORDS: &str = "wire \"test\" \u{2028}";

const FORMS: [(ApiFormat, &str); 4] = [
    (ApiFormat::OPENAI_CHAT, "/v1/chat/completions"),
    (ApiFormat::OPENAI_RESPONSES, "/v1/responses"),
    (ApiFormat::ANTHROPIC_MESSAGES, "/v1/messages"),
    (
        ApiFormat::GEMINI_CONTENTS,
        "/v1beta/models/model-1:generateContent",
    ),
];

const UPLOADS: [(&str, &str, &str, &str); 3] = [
    ("openai", "openai.files", "/v1/files", "file"),
    ("openai", "openai.images", "/v1/images/edits", "image[]"),
    ("anthropic", "anthropic.files", "/v1/files", "file"),
];

pub(crate) async fn run(dir: &str, chat: &str, port: u16, through: &str) -> Result<Vec<String>> {
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    let peer = tokio::spawn(recorder::serve(listener));
    let store = FileStore::open(dir).await?;
    let loader = MediaLoader::builder()
        .with_storage(Arc::new(store.clone()))
        .build();
    let media = MediaContext::new(loader, None);
    let mut lines = Vec::new();
    for size in SIZES {
        let reference = stored(&store, size).await?;
        let mut expect = |case: &str, body: Option<&str>, around: Value| {
            let line = json!({"case": case, "media": reference.sha256().map(|h| h.to_string()),
                "body": body, "around": around});
            lines.push(line.to_string());
        };
        if size <= MOST_AT_CHAT {
            let case = format!("provider-{size}");
            by_provider(chat, &case, &reference, &media).await?;
            expect(&case, None, around(ApiFormat::OPENAI_CHAT, "gpt-4o"));
        }
        for (form, path) in FORMS {
            let case = format!("{}-{size}", form.capability_name());
            let body = by_form(form, &reference, &media).await?;
            let hash = send(through, path, &case, &body).await?;
            expect(&case, Some(&hash), around(form, "model-1"));
        }
        for (provider, api, path, field) in UPLOADS {
            let case = format!("{api}-{field}-{size}");
            let api = Capabilities::builtin().api(api).unwrap_or_default();
            let multipart = Multipart::new()
                .with_field("purpose", WORDS)
                .with_file(field, content(&reference));
            let body = multipart.into_body(provider, &api, &media).await?;
            let hash = send(through, path, &case, &body).await?;
            expect(&case, Some(&hash), json!({"purpose": WORDS}));
        }
    }
    peer.abort();
    Ok(lines)
}

async fn stored(store: &FileStore, size: usize) -> Result<StorageReference> {
    let mut state = size as u64;
    let noise = std::iter::repeat_with(move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 56) as u8
    });
    let start = *b"\x89PNG\r\n\x1a\n";
    let picture: Bytes = start.into_iter().chain(noise).take(size).collect();
    let metadata = MediaMetadata::new()
        .with_session("wire".parse()?)
        .with_conversation("wire".parse()?);
    let picture = MediaContent::from_bytes(Mime::IMAGE_PNG, picture);
    Ok(store.store_media(&picture, metadata).await?)
}

fn content(reference: &StorageReference) -> MediaContent {
    MediaContent::from_reference(Mime::IMAGE_PNG, reference.clone())
}

fn message(reference: &StorageReference) -> Message {
    Message::user(UserMessage::from(WORDS).with_part(content(reference)))
}

/// By the provider itself, with its own client, to a service that answers.
async fn by_provider(
    url: &str,
    case: &str,
    reference: &StorageReference,
    media: &MediaContext,
) -> Result<()> {
    let provider = OpenAiProvider::new("sk-test", "gpt-4o")
        .with_base_url(url)
        .with_max_retries(0)
        .with_header("x-case", case);
    let messages = [message(reference)];
    let reply = provider
        .complete(ProviderRequest::new(&messages), media)
        .await?;
    let mut events = reply.into_events();
    while let Some(event) = events.next().await {
        if let ResponseEvent::Done(done) = event?
            && let Some(note) = done.omitted_media.first()
        {
            return Err(format!("{case}: {note}").into());
        }
    }
    Ok(())
}

async fn by_form(
    form: ApiFormat,
    reference: &StorageReference,
    media: &MediaContext,
) -> Result<RequestBody> {
    // The limits of the services are not what this is about.
    let rules = json!({"format_version": 1, "revised": "none", "apis": {form.capability_name(): {
        "media": [{"mime": ["*"], "forms": ["base64"]}]}}});
    let capabilities = Capabilities::from_json(&rules.to_string())?;
    let api = capabilities.api(form.capability_name()).unwrap_or_default();
    let messages = [message(reference)];
    let request = ProviderRequest::new(&messages);
    let body = RequestBody::new(form, "model-1", &request, &api, media).await?;
    Ok(body)
}

/// The request in plain JSON, its media left out.
fn around(form: ApiFormat, model: &str) -> Value {
    match form.capability_name() {
        "openai.responses" => json!({"model": model, "input": [
        {"role": "user", "content": [
            {"type": "input_text", "text": WORDS},
            {"type": "input_image", "detail": "auto", "image_url": "data:image/png;base64,"}
        ]}]}),
        "anthropic.messages" => json!({"model": model, "max_tokens": 4096, "messages": [
        {"role": "user", "content": [
            {"type": "text", "text": WORDS},
            {"type": "image", "source":
                {"type": "base64", "media_type": "image/png", "data": ""}}
        ]}]}),
        "gemini.generate_content" => json!({"contents": [
        {"role": "user", "parts": [
            {"text": WORDS},
            {"inlineData": {"mime_type": "image/png", "data": ""}}
        ]}]}),
        _ => json!({"model": model, "messages": [
        {"role": "user", "content": [
            {"type": "text", "text": WORDS},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,"}}
        ]}]}),
    }
}
