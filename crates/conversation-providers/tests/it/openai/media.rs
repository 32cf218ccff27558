//! The media of requests.

use async_trait::async_trait;
use bytes::Bytes;
use conversation_providers::ProviderErrorKind as Kind;
use conversation_providers::{Capabilities, SignedUrls};
use conversation_types::Message;
use conversation_types::OmissionReason;
use futures_util::stream;
use media_storage::{
    DeleteOptions, InMemoryStorage, MediaBody, MediaMetadata, MediaStorageExt, MediaUpload,
    Operation, RetrieveOptions, Scope, SignedUrl, SignedUrlOptions, StorageError, StorageErrorKind,
    StoredMedia, UrlSigner,
};
use media_store_fs::FileStore;
use media_types::{MediaUrl, StorageReference, base64};

use super::peer::{Act, Peer};
use super::*;
use crate::wire::broken::{FATES, Fate, Fated};

/// Media that is there in no way but as a length: for stores that fail and for large bodies.
#[derive(Debug)]
pub(super) struct Zeros {
    pub(super) size: u64,
    /// After so many bytes reading fails.
    pub(super) fails_at: Option<u64>,
}

impl Zeros {
    pub(super) fn content() -> MediaContent {
        let reference = StorageReference::builder("zeros", "zeros.png")
            .build()
            .unwrap();
        MediaContent::from_reference(Mime::IMAGE_PNG, reference)
    }
}

const PIECE: usize = 64 * 1024;

#[async_trait]
impl MediaStorage for Zeros {
    fn backend(&self) -> &str {
        "zeros"
    }

    async fn store(&self, _: MediaUpload) -> Result<StorageReference, StorageError> {
        Err(StorageError::new(
            StorageErrorKind::Unsupported,
            Operation::Store,
        ))
    }

    async fn retrieve_opts(
        &self,
        _: &StorageReference,
        _: RetrieveOptions,
    ) -> Result<StoredMedia, StorageError> {
        let (size, fails_at) = (self.size, self.fails_at.unwrap_or(u64::MAX));
        let zeros = Bytes::from(vec![0; PIECE]);
        let pieces = stream::unfold(0_u64, move |at| {
            let zeros = zeros.clone();
            async move {
                if at >= fails_at && at < size {
                    let error = StorageError::new(StorageErrorKind::Corrupted, Operation::Retrieve);
                    return Some((Err(error), u64::MAX));
                }
                let left = usize::try_from(size.checked_sub(at)?)
                    .unwrap_or(PIECE)
                    .min(PIECE);
                (left > 0).then(|| (Ok(zeros.slice(..left)), at + left as u64))
            }
        });
        let body = MediaBody::from_stream(Some(size), pieces);
        Ok(StoredMedia::new(Mime::IMAGE_PNG, size, body))
    }

    async fn delete_opts(
        &self,
        _: &StorageReference,
        _: DeleteOptions,
    ) -> Result<(), StorageError> {
        Ok(())
    }
}

fn picture_of(sent: &serde_json::Value, message: usize, part: usize) -> Vec<u8> {
    let url = sent["messages"][message]["content"][part]["image_url"]["url"].as_str();
    let url = url.unwrap_or_else(|| panic!("{}", sent["messages"][message]));
    base64::decode(
        url.strip_prefix("data:image/png;base64,")
            .unwrap()
            .as_bytes(),
    )
    .unwrap()
}

#[tokio::test]
async fn stored_media_arrives_byte_for_byte() {
    let dir = tempfile::tempdir().unwrap();
    let store = FileStore::open(dir.path()).await.unwrap();
    let metadata = MediaMetadata::new()
        .with_session("s".parse().unwrap())
        .with_conversation("c".parse().unwrap());
    let mut messages = Vec::new();
    let sizes = [
        9, 10, 11, 178, 65_535, 65_536, 65_537, 5_000_000, 20_000_000,
    ];
    let bytes = |size: usize| png(&(8..size).map(|n| (n * 31 % 251) as u8).collect::<Vec<_>>());
    for size in sizes {
        let photo = MediaContent::from_bytes(Mime::IMAGE_PNG, bytes(size));
        let reference = store.store_media(&photo, metadata.clone()).await.unwrap();
        let stored = MediaContent::from_reference(Mime::IMAGE_PNG, reference);
        messages.push(user_with("see", [stored]));
    }
    let peer = Peer::start([Act::json(200, &hello())]).await;
    let media = over(Arc::new(store));
    let done = ask(&provider(&peer), &messages, &media).await.unwrap();
    assert!(done.omitted_media.is_empty());
    let sent = peer.only();
    assert_eq!(
        sent.header("content-length"),
        Some(sent.body.len().to_string().as_str())
    );
    let sent = sent.json();
    for (at, size) in sizes.into_iter().enumerate() {
        assert!(picture_of(&sent, at, 1) == bytes(size), "{size}");
    }
}

async fn stored(store: &InMemoryStorage, bytes: Vec<u8>, metadata: MediaMetadata) -> MediaContent {
    let reference = store
        .store_bytes(Mime::IMAGE_PNG, bytes, metadata)
        .await
        .unwrap();
    MediaContent::from_reference(Mime::IMAGE_PNG, reference)
}

#[tokio::test]
async fn missing_and_foreign_media_is_omitted() {
    let store = InMemoryStorage::new();
    let own = MediaMetadata::new().with_user("me".parse().unwrap());
    let kept = stored(&store, png(b"kept"), own.clone()).await;
    let gone = stored(&store, png(b"gone"), own)
        .await
        .with_caption("a lost cat");
    store.delete(gone.reference().unwrap()).await.unwrap();
    let foreign = stored(
        &store,
        png(b"foreign"),
        MediaMetadata::new().with_user("you".parse().unwrap()),
    )
    .await;
    let file = MediaContent::from_path(Mime::IMAGE_PNG, "/etc/hostname");
    let lying = MediaContent::from_bytes(Mime::IMAGE_PNG, &b"<html><body>hi</body></html>"[..]);
    let empty = MediaContent::from_bytes(Mime::IMAGE_PNG, Vec::new());

    let loader = MediaLoader::builder().with_storage(Arc::new(store)).build();
    let media = MediaContext::new(loader, Some(Scope::User("me".parse().unwrap())));
    let peer = Peer::start([Act::json(200, &hello())]).await;
    let messages = [user_with(
        "see",
        [kept, gone.clone(), foreign, file, lying, empty],
    )];
    let done = ask(&provider(&peer), &messages, &media).await.unwrap();

    let sent = peer.only().json();
    assert_eq!(picture_of(&sent, 0, 1), png(b"kept"));
    let note = sent["messages"][0]["content"][2]["text"].as_str().unwrap();
    assert!(
        note.contains("no longer available") && note.contains("a lost cat"),
        "{note}"
    );
    assert_eq!(done.omitted_media.len(), 5);
    assert_eq!(done.omitted_media[0].reference.as_ref(), gone.reference());
    assert_eq!(done.omitted_media[0].reason, OmissionReason::Unavailable);
    assert!(!sent.to_string().contains("/etc/"));
}

#[tokio::test]
async fn media_that_fails_while_it_is_sent_is_replaced_and_the_request_repeated() {
    let broken = Zeros {
        size: 4 << 20,
        fails_at: Some(1 << 20),
    };
    let peer = Peer::start([Act::json(200, &hello()), Act::json(200, &hello())]).await;
    let messages = [user_with("see", [inline_png(b"fine"), Zeros::content()])];
    let media = over(Arc::new(broken));
    let done = ask(&provider(&peer), &messages, &media).await.unwrap();
    // The first attempt never became a whole request.
    let sent = peer.only().json();
    assert_eq!(picture_of(&sent, 0, 1), png(b"fine"));
    assert!(
        sent["messages"][0]["content"][2]["text"]
            .as_str()
            .unwrap()
            .contains("it is damaged")
    );
    assert_eq!(done.omitted_media.len(), 1);
    assert_eq!(done.omitted_media[0].reason, OmissionReason::ReadFailed);
}

#[tokio::test]
async fn whatever_happens_to_media_one_more_request_is_sent_and_no_wrong_byte() {
    for fate in FATES {
        let peer = Peer::start([Act::json(200, &hello()), Act::json(200, &hello())]).await;
        let messages = [user_with("see", [inline_png(b"fine"), Fated::content()])];
        let media = over(Arc::new(Fated(fate)));
        let provider = provider(&peer).with_max_retries(0);
        let done = ask(&provider, &messages, &media).await.unwrap();
        // The first attempt never became a whole request.
        let sent = peer.only().json();
        assert_eq!(picture_of(&sent, 0, 1), png(b"fine"));
        let second = &sent["messages"][0]["content"][2];
        if fate == Fate::Turns {
            let url = second["image_url"]["url"].as_str().unwrap();
            assert!(url.starts_with("data:image/jpeg;base64,"));
            assert!(done.omitted_media.is_empty());
        } else {
            assert_eq!(second["type"], "text", "{fate:?}");
            assert_eq!(done.omitted_media.len(), 1, "{fate:?}");
            assert_eq!(
                done.omitted_media[0].reason,
                OmissionReason::ReadFailed,
                "{fate:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_peer_that_closes_in_mid_body_is_an_error() {
    let messages = [user_with("see", [Zeros::content()])];
    let media = over(Arc::new(Zeros {
        size: 20 << 20,
        fails_at: None,
    }));
    let peer = Peer::start((0..3).map(|_| Act::CloseInBody(1 << 20))).await;
    let error = ask(&provider(&peer), &messages, &media).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Interrupted);
    assert!(peer.received().is_empty());
}

#[tokio::test]
async fn any_number_of_media_that_cannot_be_read_leaves_the_turn_alive() {
    let broken = Zeros {
        size: 1 << 20,
        fails_at: Some(1 << 19),
    };
    let peer = Peer::start((0..3).map(|_| Act::json(200, &hello()))).await;
    let mut messages = vec![user_with("see", [Zeros::content()]); 5];
    messages.push(user_with("and this", [inline_png(b"fine")]));
    let media = over(Arc::new(broken));
    let provider = provider(&peer).with_max_retries(0);
    let done = ask(&provider, &messages, &media).await.unwrap();
    assert_eq!(done.omitted_media.len(), 5);
    assert_eq!(picture_of(&peer.only().json(), 5, 1), png(b"fine"));
}

#[tokio::test]
async fn limits_of_the_provider_leave_the_newest_media() {
    let capabilities = Capabilities::from_json(
        r#"{"format_version":1,"revised":"r","apis":{"openai.chat":{
            "max_items": 3, "max_request_bytes": 202000,
            "media":[{"mime":["image/*"],"forms":["base64"],"max_item_bytes":100000}]}}}"#,
    )
    .unwrap();
    // 8 bytes of every image are its signature.
    let at_limit = inline_png(&[1; 99_992]);
    let above = inline_png(&[1; 99_993]);
    let half = inline_png(&[2; 49_992]);
    let peer = Peer::start((0..4).map(|_| Act::json(200, &hello()))).await;
    let provider = provider(&peer).with_capabilities(&capabilities);
    let causes = async |media: Vec<MediaContent>| -> Vec<(usize, OmissionReason)> {
        let messages: Vec<Message> = media.into_iter().map(|m| user_with("see", [m])).collect();
        let done = ask(&provider, &messages, &no_storage()).await.unwrap();
        let sent = peer.received().last().unwrap().json();
        let noted =
            (0..messages.len()).filter(|at| sent["messages"][*at]["content"][1]["type"] == "text");
        noted
            .zip(
                done.omitted_media
                    .iter()
                    .map(|omitted| omitted.reason.clone()),
            )
            .collect()
    };
    assert_eq!(
        causes(vec![at_limit.clone(), above]).await,
        [(1, OmissionReason::TooLarge)]
    );
    // Together the three newest are as large as a request may be.
    assert_eq!(
        causes(vec![half.clone(); 4]).await,
        [0, 1, 2].map(|at| (at, OmissionReason::TooLarge))
    );
    assert_eq!(causes(vec![half.clone(); 3]).await, []);
    // The second one was too much beside the first. The third has room beside the second.
    assert_eq!(
        causes(vec![at_limit.clone(), at_limit, half]).await,
        [(0, OmissionReason::TooLarge)]
    );
}

#[tokio::test]
async fn text_counts_for_the_largest_request() {
    let long = "word ".repeat(10_000);
    let messages: Vec<Message> = (0..3)
        .map(|n| user_with(&long, [inline_png(&[n; 5000])]))
        .collect();
    let with_limit = |bytes: usize| {
        let file = json!({"format_version": 1, "revised": "r", "apis": {"openai.chat": {
            "max_request_bytes": bytes, "media": [{"mime": ["image/*"], "forms": ["base64"]}]}}});
        Capabilities::from_json(&file.to_string()).unwrap()
    };
    let send = async |limit: usize| {
        let peer = Peer::start([Act::json(200, &hello())]).await;
        let provider = provider(&peer).with_capabilities(&with_limit(limit));
        let done = ask(&provider, &messages, &no_storage()).await.unwrap();
        let len = peer.only().body.len();
        (len, done.omitted_media.len())
    };
    let (len, omitted) = send(usize::MAX).await;
    assert_eq!(omitted, 0);
    assert_eq!(send(len).await, (len, 0));
    for (limit, omitted) in [(len - 1, 2), (len - 7000, 2), (len - 14_000, 3)] {
        let (sent, found) = send(limit).await;
        assert_eq!(found, omitted, "{limit}");
        assert!(sent <= limit);
    }
    // Text alone is the caller's to shorten.
    assert_eq!(send(10).await.1, 3);
}

#[tokio::test]
async fn media_that_is_refused_is_replaced_once_and_remembered() {
    let refusal = error_body(
        "image_parse_error",
        "The image data you provided does not represent a valid image.",
        Some("messages.[1].content.[2].image_url"),
    );
    let acts = [
        Act::json(400, &refusal),
        Act::json(200, &hello()),
        Act::json(200, &hello()),
    ];
    let peer = Peer::start(acts).await;
    let provider = provider(&peer);
    let bad = inline_png(b"bad").with_filename("bad.png");
    let messages = [user_with("see", [inline_png(b"good"), bad])];
    for _ in 0..2 {
        let request = ProviderRequest::new(&messages).with_system(Some("sys"));
        let done = answer(&provider, request, &no_storage()).await.unwrap();
        assert_eq!(done.omitted_media.len(), 1);
        assert_eq!(done.omitted_media[0].name, "bad.png");
        assert_eq!(done.omitted_media[0].reason, OmissionReason::Refused);
    }
    let received = peer.received();
    assert_eq!(received.len(), 3);
    for sent in &received[1..] {
        assert_eq!(picture_of(&sent.json(), 1, 1), png(b"good"));
        assert_eq!(sent.json()["messages"][1]["content"][2]["type"], "text");
    }
}

#[tokio::test]
async fn media_that_is_refused_again_and_again_ends_the_call() {
    let refusal = error_body(
        "invalid_image_format",
        "You uploaded an unsupported image.",
        None,
    );
    let peer = Peer::start((0..5).map(|_| Act::json(400, &refusal))).await;
    let messages = [user_with("see", [inline_png(b"1"), inline_png(b"2")])];
    let error = ask(&provider(&peer), &messages, &no_storage())
        .await
        .unwrap_err();
    // Without the older one, then without the one that was left.
    assert_eq!(peer.received().len(), 3);
    // Without media there is nothing to refuse but the request.
    assert_eq!(error.kind(), Kind::InvalidRequest);
}

#[tokio::test]
async fn a_model_that_takes_no_pictures_gets_none() {
    let refusal = |part: usize| {
        let param = format!("messages.[0].content.[{part}].type");
        let message = "Invalid content type. image_url is only supported by certain models.";
        Act::json(400, &error_body("invalid_value", message, Some(&param)))
    };
    let peer = Peer::start([refusal(1), Act::json(200, &hello())]).await;
    let pictures = [inline_png(b"1"), inline_png(b"2"), inline_png(b"3")];
    let messages = [user_with("see", pictures)];
    let done = ask(&provider(&peer), &messages, &no_storage())
        .await
        .unwrap();
    assert_eq!(done.omitted_media.len(), 3);
}

#[tokio::test]
async fn an_error_about_something_else_blames_no_picture() {
    let message = "Invalid 'tools[0].function.name': 'image generator' does not match.";
    let refusal = error_body("invalid_value", message, Some("tools[0].function.name"));
    let peer = Peer::start([Act::json(400, &refusal), Act::json(200, &hello())]).await;
    let messages = [user_with("see", [inline_png(b"1")])];
    let error = ask(&provider(&peer), &messages, &no_storage())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Kind::InvalidRequest);
    assert_eq!(peer.received().len(), 1);
}

#[tokio::test]
async fn a_request_that_is_too_large_is_sent_without_its_largest_item() {
    let acts = [
        Act::reply(413, &[], "<html>too large</html>"),
        Act::json(200, &hello()),
    ];
    let peer = Peer::start(acts).await;
    let messages = [user_with(
        "see",
        [inline_png(&[0; 100]), inline_png(&[0; 5000])],
    )];
    let done = ask(&provider(&peer), &messages, &no_storage())
        .await
        .unwrap();
    assert_eq!(done.omitted_media.len(), 1);
    assert_eq!(done.omitted_media[0].reason, OmissionReason::TooLarge);
    assert_eq!(picture_of(&peer.received()[1].json(), 0, 1), png(&[0; 100]));
}

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
