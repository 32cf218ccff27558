//! Media at URLs, over the turns of a conversation.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use conversation_providers::testing::{ScriptedAnswer, ScriptedProvider};
use conversation_sdk::{Owner, UserMessage, Window};
use media_loader::{MediaLoader, UrlPolicy};
use media_storage_testkit::{MockResponse, MockServer};
use media_types::{MediaContent, Mime};

use crate::support::{Rig, image_bytes};

#[tokio::test]
async fn an_image_at_a_signed_url_is_fetched_once_and_its_signature_is_kept_nowhere() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let server = MockServer::start(move |_| {
        counter.fetch_add(1, Ordering::SeqCst);
        std::future::ready(MockResponse::new(200, "image/png", image_bytes(1, 5000)))
    });
    let server = server.await.unwrap();
    let address = server.address();
    let at =
        |target: &str| MediaContent::from_url(Mime::IMAGE_PNG, server.url(target).parse().unwrap());
    let signed = at("a.png?X-Amz-Signature=hush");
    // The model answers with the address of an image too.
    let provider = ScriptedProvider::new()
        .with_answer(
            ScriptedAnswer::new()
                .text("mine")
                .content(at("b.png?sig=hush")),
        )
        .with_answer(ScriptedAnswer::new().text("the same"));
    let policy = UrlPolicy::public()
        .with_http_allowed()
        .with_allowed_port(address.port())
        .with_allowed_address(address.ip());
    let loader = MediaLoader::builder().with_url_policy(policy).build();
    let rig = Rig::with(provider, |builder| builder.with_media_loader(loader));
    let mut conversation = rig.start().await;
    for text in ["look", "look again"] {
        let message = UserMessage::from(text).with_part(signed.clone());
        conversation.send(message).await.unwrap();
    }
    assert_eq!(asked.load(Ordering::SeqCst), 2);
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
