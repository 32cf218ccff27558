//! The same history gives the same bytes, and one turn begins the next.

use async_trait::async_trait;
use conversation_types::{Role, ToolCall, ToolDefinition};
use media_storage::{
    InMemoryStorage, MediaMetadata, MediaStorageExt, SignedUrl, SignedUrlOptions, StorageError,
    UrlSigner,
};
use media_types::{MediaUrl, StorageReference};
use serde_json::json;

use super::*;

/// Signs as stores do: from the start of a window, so that the same address comes out within it.
#[derive(Debug)]
struct Windowed {
    store: InMemoryStorage,
    now: Arc<std::sync::atomic::AtomicI64>,
}

const WINDOW: i64 = 450;

#[async_trait]
impl UrlSigner for Windowed {
    async fn signed_url(
        &self,
        reference: &StorageReference,
        options: SignedUrlOptions,
    ) -> Result<SignedUrl, StorageError> {
        let now = self.now.load(std::sync::atomic::Ordering::SeqCst);
        let start = now / WINDOW * WINDOW;
        let url = format!(
            "https://bucket.example.com/{}?X-Date={start}&X-Signature={:x}",
            reference.id(),
            start.wrapping_mul(7919)
        );
        let expires = chrono::Utc::now() + options.validity();
        Ok(SignedUrl::new(MediaUrl::new(url)?, expires))
    }
}

#[async_trait]
impl MediaStorage for Windowed {
    media_storage::forward_storage!(self => self.store; backend, store, retrieve_opts, delete_opts);

    fn url_signer(&self) -> Option<&dyn UrlSigner> {
        Some(self)
    }
}

async fn stored(store: &InMemoryStorage, len: usize) -> MediaContent {
    let reference = store
        .store_media(&png_of(len), MediaMetadata::new())
        .await
        .unwrap();
    MediaContent::from_reference(Mime::IMAGE_PNG, reference)
}

/// Three turns: a picture and a tool that paints, an answer with the painted picture, a question.
async fn turns(store: &InMemoryStorage) -> Vec<Vec<Message>> {
    let painted = stored(store, 3000).await;
    let mut calls = assistant("I paint");
    calls.tool_calls = vec![
        ToolCall::new("c1", "paint", r#"{"what":"sun"}"#),
        ToolCall::new("c2", "look", "{}"),
    ];
    let mut answer = assistant("here");
    answer.content.push(Part::Media(painted.clone()));
    let first = vec![user_with("see", [stored(store, 5000).await])];
    let second = [
        first.clone(),
        vec![
            calls,
            Message::tool("c1", vec![Part::from("done"), Part::Media(painted)]),
            Message::tool("c2", vec![Part::from("nothing")]),
        ],
    ]
    .concat();
    let third = [
        second.clone(),
        vec![
            answer,
            user_with("and this?", [stored(store, 70_000).await]),
        ],
    ]
    .concat();
    vec![first, second, third]
}

fn request<'a>(messages: &'a [Message], tools: &'a [ToolDefinition]) -> ProviderRequest<'a> {
    ProviderRequest::new(messages)
        .with_system(Some("Be brief."))
        .with_tools(tools)
        .with_parameters(
            json!({"temperature": 0.5, "max_tokens": 99})
                .as_object()
                .unwrap()
                .clone(),
        )
}

fn tools() -> [ToolDefinition; 2] {
    ["paint", "look"].map(|name| ToolDefinition::new(name, "d", json!({"type": "object"})))
}

/// A body without what closes it.
fn open(body: &[u8]) -> &[u8] {
    body.strip_suffix(b"]}").unwrap()
}

#[tokio::test]
async fn a_turn_begins_with_the_bytes_of_the_one_before() {
    let store = InMemoryStorage::new();
    let turns = turns(&store).await;
    let now = Arc::new(std::sync::atomic::AtomicI64::new(90_000));
    let signing = Windowed {
        store: store.clone(),
        now: Arc::clone(&now),
    };
    let tools = tools();
    for (media, by_url) in [
        (over(Arc::new(store)), false),
        (over(Arc::new(signing)), true),
    ] {
        for format in FORMS {
            let mut before: Option<Vec<u8>> = None;
            for messages in &turns {
                now.fetch_add(100, std::sync::atomic::Ordering::SeqCst);
                let request = request(messages, &tools);
                let body = body_by(&without_limits(), format, &request, &media).await;
                let sent = text(&body).await;
                let again = body_by(&without_limits(), format, &request, &media).await;
                assert!(sent == text(&again).await, "{format:?}");
                let signed = String::from_utf8_lossy(&sent).contains("X-Signature");
                assert_eq!(signed, by_url, "{format:?}");
                if let Some(before) = before {
                    assert!(sent.starts_with(open(&before)), "{format:?}");
                }
                before = Some(sent);
            }
            now.store(90_000, std::sync::atomic::Ordering::SeqCst);
        }
    }
}

#[tokio::test]
async fn beyond_the_window_only_the_addresses_differ() {
    let store = InMemoryStorage::new();
    let turns = turns(&store).await;
    let now = Arc::new(std::sync::atomic::AtomicI64::new(0));
    let media = over(Arc::new(Windowed {
        store,
        now: Arc::clone(&now),
    }));
    let messages = [Message::new(Role::User, turns[0][0].content.clone())];
    let request = ProviderRequest::new(&messages);
    let mut sent = Vec::new();
    for time in [0, WINDOW - 1, WINDOW] {
        now.store(time, std::sync::atomic::Ordering::SeqCst);
        let body = body_by(&without_limits(), ApiFormat::OPENAI_CHAT, &request, &media).await;
        sent.push(json_of(&body).await);
    }
    assert_eq!(sent[0], sent[1]);
    assert_ne!(sent[0], sent[2]);
    for body in &mut sent {
        body["messages"][0]["content"][1]["image_url"]["url"].take();
    }
    assert_eq!(sent[0], sent[2]);
}
