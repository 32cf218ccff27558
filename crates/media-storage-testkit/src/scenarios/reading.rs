//! Other ways to read: ranges, heads, verification, duplicates.

use futures_util::StreamExt as _;
use media_storage::{
    MediaStorage, MediaStorageExt as _, RetrieveOptions, Sha256Hasher, StorageErrorKind,
    Verification,
};
use media_types::MediaContent;

use crate::backend::Backend;
use crate::fixture::{KIB, about, fails, holds, is_not_found, noise, open, put};

/// A range gives these bytes, cut at the end; size and hash stay those of the whole.
pub async fn ranges_are_cut_out(backend: &impl Backend) {
    let store = open(backend).await;
    let len = 200 * KIB as u64 + 3;
    let bytes = noise(1, 200 * KIB + 3);
    let reference = put(&store, &bytes, about("conv-1")).await;
    for (start, end) in [
        (0, 0),
        (0, 1),
        (0, len),
        (65_535, 65_537),
        (len - 1, len),
        (len - 10, len + 10),
        (7, u64::MAX),
        (len, len + 1),
        (u64::MAX - 1, u64::MAX),
    ] {
        let options = RetrieveOptions::new().with_range(start..end);
        let stored = store.retrieve_opts(&reference, options).await.unwrap();
        assert_eq!(stored.size, len, "{start}..{end}");
        assert_eq!(stored.sha256, Some(Sha256Hasher::digest(&bytes)));
        let read = stored.body.bytes(len).await.unwrap();
        let cut = |at: u64| usize::try_from(at.min(len)).unwrap();
        assert!(read == bytes.slice(cut(start)..cut(end)), "{start}..{end}");
    }
    #[allow(clippy::reversed_empty_ranges, reason = "callers make this mistake")]
    let options = RetrieveOptions::new().with_range(9..3);
    if let Ok(stored) = store.retrieve_opts(&reference, options).await {
        assert!(stored.body.bytes(len).await.unwrap().is_empty());
    }
}

/// A head tells everything and brings no byte.
pub async fn heads_bring_no_body(backend: &impl Backend) {
    let store = open(backend).await;
    let bytes = noise(1, 1000);
    let reference = put(&store, &bytes, about("conv-1")).await;
    let whole = store.retrieve(&reference).await.unwrap();
    let head = store
        .retrieve_opts(&reference, RetrieveOptions::new().with_head())
        .await
        .unwrap();
    assert_eq!(head.size, 1000);
    assert_eq!(head.sha256, whole.sha256);
    assert_eq!(head.mime, whole.mime);
    assert_eq!(head.metadata, whole.metadata);
    assert_eq!(head.stored_at, whole.stored_at);
    assert!(head.body.bytes(1000).await.unwrap().is_empty());
    store.delete(&reference).await.unwrap();
    let gone = store
        .retrieve_opts(&reference, RetrieveOptions::new().with_head())
        .await;
    fails(gone, StorageErrorKind::NotFound);
}

/// Whole media reads under every verification; a limit on reading is exact.
pub async fn reads_can_be_tuned(backend: &impl Backend) {
    let store = open(backend).await;
    let bytes = noise(1, 100 * KIB);
    let reference = put(
        &store,
        &bytes,
        about("conv-1").with_filename("a.png".into()),
    )
    .await;
    for verification in [Verification::Always, Verification::SizeOnly] {
        let options = RetrieveOptions::new().with_verification(verification);
        let stored = store.retrieve_opts(&reference, options).await.unwrap();
        assert!(stored.body.bytes(stored.size).await.unwrap() == bytes);
    }
    let len = bytes.len() as u64;
    assert!(store.retrieve_bytes(&reference, len).await.unwrap() == bytes);
    fails(
        store.retrieve_bytes(&reference, len - 1).await,
        StorageErrorKind::TooLarge,
    );
    let content = store.retrieve_media(&reference).await.unwrap();
    assert!(content.inline() == Some(&bytes));
    assert_eq!(content.filename(), Some("a.png"));
    let stored = MediaContent::from_reference(content.mime().clone(), reference);
    fails(
        store.store_media(&stored, about("conv-1")).await,
        StorageErrorKind::InvalidInput,
    );
}

/// A duplicate is a reference of its own, with its own metadata, and outlives the original.
pub async fn duplicates_stand_alone(backend: &impl Backend) {
    let store = open(backend).await;
    let bytes = noise(1, 150 * KIB);
    let original = put(&store, &bytes, about("conv-1")).await;
    let copy = store.duplicate(&original, about("conv-2")).await.unwrap();
    assert_ne!(original.id(), copy.id());
    store.delete(&original).await.unwrap();
    holds(&store, &copy, &bytes).await;
    let stored = store.retrieve(&copy).await.unwrap();
    assert_eq!(stored.metadata.conversation().unwrap().as_str(), "conv-2");
    is_not_found(&store, &original).await;
    fails(
        store.duplicate(&original, about("conv-2")).await,
        StorageErrorKind::NotFound,
    );
}

/// A reader that is overtaken by a delete, and by other media, gets its bytes or an error.
pub async fn readers_never_get_other_bytes(backend: &impl Backend) {
    let store = open(backend).await;
    let bytes = noise(1, 600 * KIB);
    let reference = put(&store, &bytes, about("conv-1")).await;
    let mut stream = store.retrieve(&reference).await.unwrap().body.into_stream();
    let mut read = stream.next().await.unwrap().unwrap().to_vec();
    store.delete(&reference).await.unwrap();
    put(&store, &noise(2, 600 * KIB), about("conv-1")).await;
    let mut failed = false;
    while let Some(piece) = stream.next().await {
        match piece {
            Ok(piece) => read.extend_from_slice(&piece),
            Err(_) => failed = true,
        }
    }
    assert!(bytes.starts_with(&read), "other bytes were read");
    assert!(
        failed || read == bytes,
        "the end is missing without an error"
    );
}
