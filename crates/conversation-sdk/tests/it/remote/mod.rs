//! Media at URLs, over the turns of a conversation.

use std::time::Duration;

use conversation_providers::testing::{ScriptedAnswer, ScriptedProvider};
use conversation_sdk::{ConversationErrorKind as Kind, Owner, TurnOptions, UserMessage, Window};
use media_loader::{MediaLoader, UrlPolicy};
use media_storage_testkit::{MockRequest, MockResponse, MockServer};
use media_types::{MediaContent, Mime};
use tokio::sync::watch;

use crate::support::{Rig, image_bytes};

mod late;
mod limits;
mod races;

/// Longer than anything here takes.
const GUARD: Duration = Duration::from_secs(120);

/// A server that gives an image of 5,000 bytes for every path, and notes what it is asked for.
struct Images {
    server: MockServer,
    asked: watch::Sender<Vec<String>>,
    /// Whether answers wait.
    is_held: watch::Sender<bool>,
}

impl Images {
    async fn start() -> Self {
        let (asked, is_held) = (watch::Sender::default(), watch::Sender::new(false));
        let (noted, held) = (asked.clone(), is_held.clone());
        let server = MockServer::start(move |request: MockRequest| {
            let path = request.path().to_owned();
            noted.send_modify(|asked: &mut Vec<String>| asked.push(path));
            let mut held = held.subscribe();
            async move {
                held.wait_for(|held| !held).await.unwrap();
                MockResponse::new(200, "image/png", image_bytes(1, 5000))
            }
        });
        Self {
            server: server.await.unwrap(),
            asked,
            is_held,
        }
    }

    fn at(&self, target: &str) -> MediaContent {
        MediaContent::from_url(Mime::IMAGE_PNG, self.server.url(target).parse().unwrap())
    }

    fn asked(&self) -> Vec<String> {
        self.asked.borrow().clone()
    }

    /// Waits until so many images were asked for.
    async fn wait(&self, times: usize) {
        let mut asked = self.asked.subscribe();
        let asked = asked.wait_for(|asked| asked.len() >= times);
        drop(tokio::time::timeout(GUARD, asked).await.unwrap().unwrap());
    }

    fn rig(&self, provider: ScriptedProvider) -> Rig {
        self.rig_with_limit(provider, 1024 * 1024)
    }

    /// A manager that may fetch from here, items of so many bytes.
    fn rig_with_limit(&self, provider: ScriptedProvider, limit: u64) -> Rig {
        let loader = self.loader(limit);
        Rig::with(provider, |builder| builder.with_media_loader(loader))
    }

    /// What may fetch from here, items of so many bytes.
    fn loader(&self, limit: u64) -> MediaLoader {
        let address = self.server.address();
        let policy = UrlPolicy::public()
            .with_http_allowed()
            .with_allowed_port(address.port())
            .with_allowed_address(address.ip());
        MediaLoader::builder()
            .with_url_policy(policy)
            .with_max_bytes(limit)
            .build()
    }
}

#[tokio::test]
async fn an_image_at_a_signed_url_is_fetched_once_and_its_signature_is_kept_nowhere() {
    let images = Images::start().await;
    let signed = images.at("a.png?X-Amz-Signature=hush");
    // The model answers with the address of an image too.
    let provider = ScriptedProvider::new()
        .with_answer(
            ScriptedAnswer::new()
                .text("mine")
                .content(images.at("b.png?sig=hush")),
        )
        .with_answer(ScriptedAnswer::new().text("the same"));
    let rig = images.rig(provider);
    let mut conversation = rig.start().await;
    for text in ["look", "look again"] {
        let message = UserMessage::from(text).with_part(signed.clone());
        conversation.send(message).await.unwrap();
    }
    assert_eq!(images.asked(), ["/a.png", "/b.png"]);
    assert_eq!(rig.stored().await.len(), 2);
    // Every request names the stored image, the first one too.
    for request in rig.provider.requests() {
        for media in request.messages.iter().flat_map(|message| message.media()) {
            assert!(media.reference().is_some(), "{media:?}");
        }
    }
    let messages = conversation.messages(Window::All).await.unwrap();
    let json = serde_json::to_string(&messages).unwrap();
    assert!(json.contains("a.png") && !json.contains("hush"), "{json}");
    let id = conversation.id().clone();
    let receipt = rig
        .manager
        .delete_conversation(&id, Owner::any())
        .await
        .unwrap();
    assert!(receipt.is_complete());
    assert!(rig.stored().await.is_empty());
}

/// Waits until the store holds so many media items: what a turn takes back is deleted by a task.
async fn stored(rig: &Rig, expected: usize) {
    let reached = async {
        while rig.stored().await.len() != expected {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(GUARD, reached).await.unwrap();
}
