//! The media of requests.

use async_trait::async_trait;
use bytes::Bytes;
use conversation_providers::ProviderErrorKind as Kind;
use conversation_types::OmissionReason;
use futures_util::stream;
use media_storage::{
    DeleteOptions, InMemoryStorage, MediaBody, MediaMetadata, MediaStorageExt, MediaUpload,
    Operation, RetrieveOptions, Scope, StorageError, StorageErrorKind, StoredMedia,
};
use media_store_fs::FileStore;
use media_types::{StorageReference, base64};

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

pub(super) fn picture_of(sent: &serde_json::Value, message: usize, part: usize) -> Vec<u8> {
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

pub(super) async fn stored(
    store: &InMemoryStorage,
    bytes: Vec<u8>,
    metadata: MediaMetadata,
) -> MediaContent {
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
