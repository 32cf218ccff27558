//! What goes in comes out.

use bytes::Bytes;
use chrono::DateTime;
use media_storage::{
    MediaBody, MediaMetadata, MediaStorage, MediaStorageExt as _, MediaUpload, RetentionPolicy,
};
use media_types::{ConversationId, Mime, RunId, SessionId, StorageReference, base64};

use crate::backend::AnyBackend;
use crate::fixture::{SIZES, about, holds, noise, odd_pieces, open, put};

async fn all_sizes(backend: &dyn AnyBackend, body: impl Fn(Bytes) -> MediaBody + Send + Sync) {
    let store = open(backend).await;
    for (seed, len) in SIZES.into_iter().enumerate() {
        let bytes = noise(seed as u64, len);
        let upload = MediaUpload::new(Mime::IMAGE_PNG, body(bytes.clone()), about("conv-1"));
        let reference = store.store(upload).await.expect("the store takes it");
        holds(&store, &reference, &bytes).await;
    }
}

/// Media of 0 bytes to 20 MiB, given whole.
pub async fn whole_bytes_come_back(backend: &dyn AnyBackend) {
    all_sizes(backend, MediaBody::from_bytes).await;
}

/// The same in base64, whole and as text that arrives in pieces, with line breaks.
pub async fn base64_comes_back(backend: &dyn AnyBackend) {
    all_sizes(backend, |bytes| {
        MediaBody::from_base64(base64::encode(&bytes).into())
    })
    .await;
    all_sizes(backend, |bytes| {
        let text = base64::encode(&bytes);
        let lines: Vec<_> = text.as_bytes().chunks(7600).collect();
        MediaBody::from_base64_stream(odd_pieces(lines.join(&b"\r\n"[..]).into()))
    })
    .await;
}

/// The same as a stream in odd pieces, with its length declared.
pub async fn streams_come_back(backend: &dyn AnyBackend) {
    all_sizes(backend, |bytes| {
        MediaBody::from_stream(Some(bytes.len() as u64), odd_pieces(bytes))
    })
    .await;
}

/// The same as a stream of unknown length.
pub async fn streams_of_unknown_length_come_back(backend: &dyn AnyBackend) {
    all_sizes(backend, |bytes| {
        MediaBody::from_stream(None, odd_pieces(bytes))
    })
    .await;
}

/// Everything said about media, and types with and without a usual extension.
pub async fn type_and_metadata_come_back(backend: &dyn AnyBackend) {
    let store = open(backend).await;
    let said = about("conv-1")
        .with_user("user-1".parse().unwrap())
        .with_message_index(7)
        .with_content_index(u64::MAX)
        .with_created_at(DateTime::from_timestamp_millis(1_767_323_045_678).unwrap())
        .with_filename("../../etc/\u{202e}gnp.exe \"quoted\"\n".to_owned())
        .with_provider("p r\u{f6}vider".to_owned())
        .with_retention(RetentionPolicy::RetainDays(30));
    for mime in [
        "image/png",
        "image/svg+xml",
        "text/html",
        "application/x-thing",
        "video/vnd.some.maker+json",
    ] {
        let mime: Mime = mime.parse().unwrap();
        let reference = store
            .store_bytes(mime.clone(), "x", said.clone())
            .await
            .unwrap();
        let stored = store.retrieve(&reference).await.unwrap();
        assert_eq!(stored.mime, mime);
        assert_eq!(stored.metadata, said);
        assert_eq!(stored.stored_at, reference.created_at());
        assert!(stored.stored_at.is_some(), "the store reports the time");
    }
    let bare = MediaMetadata::new()
        .with_run(RunId::mint())
        .with_session(SessionId::mint())
        .with_conversation(ConversationId::mint());
    let reference = put(&store, &noise(1, 10), bare.clone()).await;
    let stored = store.retrieve(&reference).await.unwrap();
    assert_eq!(
        stored.metadata.with_retention(RetentionPolicy::Retain),
        bare.with_retention(RetentionPolicy::Retain)
    );
}

/// A reference names its backend and its store, carries size and hash, is small, unlike any other, works after
/// a trip through JSON, and reveals nothing about the name of the file.
pub async fn references_are_small_values(backend: &dyn AnyBackend) {
    let store = open(backend).await;
    let bytes = noise(1, 100);
    let mut ids = std::collections::HashSet::new();
    for _ in 0..20 {
        let metadata = MediaMetadata::new()
            .with_run(RunId::mint())
            .with_session(SessionId::mint())
            .with_conversation(ConversationId::mint())
            .with_filename("holiday-photo.png".to_owned());
        let reference = put(&store, &bytes, metadata).await;
        assert_eq!(reference.backend(), store.backend());
        assert_eq!(reference.store_name(), store.name());
        assert!(reference.size().is_some());
        assert_eq!(
            reference.sha256().is_some(),
            backend.references_have_hashes()
        );
        assert!(ids.insert(reference.id().to_owned()), "an id came twice");
        let json = serde_json::to_string(&reference).unwrap();
        assert!(json.len() <= 400, "{} bytes: {json}", json.len());
        assert!(!json.contains("holiday"), "{json}");
        let read: StorageReference = serde_json::from_str(&json).unwrap();
        holds(&store, &read, &bytes).await;
    }
}
