//! Images that are refused and were not sent as the history has them.

use std::sync::Arc;

use async_trait::async_trait;
use conversation_providers::{Capabilities, ImageFitter, ImageNeeds, MemoryPlannerStore};
use media_loader::{MediaLoader, UrlPolicy};
use media_storage::Scope;

use super::*;

/// Makes a small image of each.
#[derive(Debug)]
struct Fitter;

#[async_trait]
impl ImageFitter for Fitter {
    async fn fit(
        &self,
        image: &MediaContent,
        _needs: &ImageNeeds,
        _scope: Option<&Scope>,
    ) -> Option<MediaContent> {
        let seed = u64::from(image.height().unwrap_or_default());
        let image = MediaContent::from_bytes(Mime::IMAGE_PNG, picture_bytes(seed, 300));
        Some(image.with_width(10).with_height(10))
    }
}

/// An image that is too wide to be sent as it is.
fn wide(seed: u32) -> MediaContent {
    MediaContent::from_bytes(Mime::IMAGE_PNG, picture_bytes(seed.into(), 500))
        .with_width(20_000)
        .with_height(seed)
}

/// Asks three times, where an image is refused the first time; returns what was sent.
async fn sent(refusal: &Value, image: MediaContent, media: &MediaContext) -> Vec<Value> {
    let acts =
        std::iter::once(Act::json(400, refusal)).chain((0..3).map(|_| Act::json(200, &whole())));
    let peer = Peer::start(acts).await;
    let capabilities = json!({"format_version": 1, "revised": "r", "apis": {"anthropic.messages":
        {"media": [{"mime": ["image/*"], "forms": ["base64"], "max_side": 8000}]}}});
    let capabilities = Capabilities::from_json(&capabilities.to_string()).unwrap();
    let provider = provider(&peer).with_capabilities(&capabilities);
    let messages = [Message::user(UserMessage::from("see").with_part(image))];
    for _ in 0..3 {
        let request = ProviderRequest::new(&messages);
        let response = provider.complete(request, media).await.unwrap();
        let done: Events = response.into_events().collect().await;
        assert!(matches!(done.last(), Some(Ok(ResponseEvent::Done(_)))));
    }
    peer.received().iter().map(peer::Received::json).collect()
}

fn has_image(body: &Value) -> bool {
    body.to_string().contains("\"type\":\"image\"")
}

fn refusals() -> [Value; 2] {
    let named = json!({"type": "error", "error": {"type": "invalid_request_error", "message": "m",
        "details": {"error_code": "image_dimensions_too_large", "paths": ["messages.0.content.1"]}}});
    let unnamed = json!({"type": "error", "error": {"type": "invalid_request_error",
        "message": "Could not process image"}});
    [named, unnamed]
}

#[tokio::test]
async fn an_image_that_was_made_to_fit_is_refused_once() {
    for (seed, refusal) in refusals().iter().enumerate() {
        let image = wide(u32::try_from(seed).unwrap() + 1);
        let media = MediaContext::default()
            .with_image_fitter(Arc::new(Fitter) as Arc<dyn ImageFitter>)
            .with_planner_store(Arc::new(MemoryPlannerStore::default()));
        let sent = sent(refusal, image, &media).await;
        let images: Vec<bool> = sent.iter().map(has_image).collect();
        assert_eq!(images, [true, false, false, false], "{refusal}");
    }
}

#[tokio::test]
async fn an_image_that_was_fetched_is_refused_once() {
    let host = Peer::judging(|_| {
        let image = picture_bytes(1, 500);
        let head = head(200, &[], Some(image.len()), "image/png");
        Act::Send(vec![[head.as_bytes(), &image].concat()])
    })
    .await;
    let url: media_types::MediaUrl = format!("{}/a.png", host.url()).parse().unwrap();
    let port = host
        .url()
        .rsplit(':')
        .next()
        .unwrap()
        .trim_end_matches("/v1")
        .parse()
        .unwrap();
    let policy = UrlPolicy::public()
        .with_http_allowed()
        .with_allowed_port(port)
        .with_allowed_address(std::net::IpAddr::from([127, 0, 0, 1]));
    for refusal in refusals() {
        let loader = MediaLoader::builder()
            .with_url_policy(policy.clone())
            .build();
        let media = MediaContext::new(loader, None)
            .with_planner_store(Arc::new(MemoryPlannerStore::default()));
        let image = MediaContent::from_url(Mime::IMAGE_PNG, url.clone());
        let sent = sent(&refusal, image, &media).await;
        let images: Vec<bool> = sent.iter().map(has_image).collect();
        assert_eq!(images, [true, false, false, false], "{refusal}");
    }
}
