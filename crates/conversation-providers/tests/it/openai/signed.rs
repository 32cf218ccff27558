//! Media at an address, where the provider can fetch it.

use async_trait::async_trait;
use conversation_providers::SignedUrls;
use media_storage::{
    InMemoryStorage, MediaMetadata, SignedUrl, SignedUrlOptions, StorageError, UrlSigner,
};
use media_types::{MediaUrl, StorageReference};

use super::media::{picture_of, stored};
use super::peer::{Act, Peer};
use super::*;

/// Signs URLs for a host.
#[derive(Debug)]
struct Signing {
    store: InMemoryStorage,
    host: &'static str,
}

#[async_trait]
impl UrlSigner for Signing {
    async fn signed_url(
        &self,
        reference: &StorageReference,
        options: SignedUrlOptions,
    ) -> Result<SignedUrl, StorageError> {
        let url = format!("{}/{}?X-Signature=secret", self.host, reference.id());
        let expires = chrono::Utc::now() + options.validity();
        Ok(SignedUrl::new(MediaUrl::new(url)?, expires))
    }
}

#[async_trait]
impl MediaStorage for Signing {
    media_storage::forward_storage!(self => self.store; backend, store, retrieve_opts, delete_opts);

    fn url_signer(&self) -> Option<&dyn UrlSigner> {
        Some(self)
    }
}

fn url_of(sent: &serde_json::Value) -> String {
    let url = &sent["messages"][0]["content"][1]["image_url"]["url"];
    url.as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_signed_url_is_sent_where_the_provider_can_fetch_it() {
    for (host, wish, by_url) in [
        ("https://bucket.s3.example.com", SignedUrls::Prefer, true),
        ("https://bucket.s3.example.com", SignedUrls::Never, false),
        ("http://bucket.s3.example.com", SignedUrls::Prefer, false),
        ("https://localhost:9000", SignedUrls::Prefer, false),
        ("https://10.1.2.3", SignedUrls::Prefer, false),
    ] {
        let store = InMemoryStorage::new();
        let content = stored(&store, png(b"x"), MediaMetadata::new()).await;
        let media = over(Arc::new(Signing { store, host })).with_signed_urls(wish);
        let peer = Peer::start([Act::json(200, &hello())]).await;
        ask(&provider(&peer), &[user_with("see", [content])], &media)
            .await
            .unwrap();
        let url = url_of(&peer.only().json());
        assert_eq!(url.starts_with(host), by_url, "{host} {wish:?}");
        assert_eq!(url.starts_with("data:"), !by_url, "{host} {wish:?}");
    }
}

#[tokio::test]
async fn a_signed_url_that_the_provider_cannot_fetch_is_replaced_by_the_bytes() {
    let store = InMemoryStorage::new();
    let content = stored(&store, png(b"x"), MediaMetadata::new()).await;
    let host = "https://bucket.s3.example.com";
    let url = format!(
        "{host}/{}?X-Signature=secret",
        content.reference().unwrap().id()
    );
    let refusal = error_body(
        "invalid_image_url",
        &format!("Error while downloading {url}."),
        Some("url"),
    );
    let peer = Peer::start([Act::json(400, &refusal), Act::json(200, &hello())]).await;
    let media = over(Arc::new(Signing { store, host }));
    let done = ask(&provider(&peer), &[user_with("see", [content])], &media)
        .await
        .unwrap();
    assert!(done.omitted_media.is_empty());
    let received = peer.received();
    assert_eq!(url_of(&received[0].json()), url);
    assert_eq!(picture_of(&received[1].json(), 0, 1), png(b"x"));
}

#[tokio::test]
async fn a_foreign_url_that_the_provider_cannot_fetch_is_omitted() {
    let url = MediaUrl::new("https://example.com/a.png?token=secret").unwrap();
    let refusal = error_body("invalid_image_url", "Error while downloading file.", None);
    let peer = Peer::start([Act::json(400, &refusal), Act::json(200, &hello())]).await;
    let messages = [user_with(
        "see",
        [MediaContent::from_url(Mime::IMAGE_PNG, url)],
    )];
    let done = ask(&provider(&peer), &messages, &no_storage())
        .await
        .unwrap();
    assert_eq!(done.omitted_media.len(), 1);
    assert!(!format!("{:?}", done.omitted_media).contains("secret"));
    let second = peer.received()[1].json().to_string();
    assert!(second.contains("was refused by openai") && !second.contains("secret"));
}
