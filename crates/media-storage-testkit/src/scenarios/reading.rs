//! Other ways to read: ranges, heads, verification, duplicates.

use futures_util::StreamExt as _;
use media_storage::{
    DeleteOptions, DuplicateOptions, MediaStorage, MediaStorageExt as _, RetentionPolicy,
    RetrieveOptions, Sha256Hasher, StorageErrorKind, Verification,
};
use media_types::{MediaContent, Mime, StorageReference};

use crate::backend::AnyBackend;
use crate::fixture::{
    KIB, MIB, about, conversation, fails, holds, is_empty, is_not_found, noise, open, put,
};

/// A range gives these bytes, cut at the end; size and hash stay those of the whole.
pub async fn ranges_are_cut_out(backend: &dyn AnyBackend) {
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
    let unsized_reference = StorageReference::builder(reference.backend(), reference.id());
    let unsized_reference = match reference.store_name() {
        Some(name) => unsized_reference.with_store_name(name),
        None => unsized_reference,
    };
    for suffix in [0, 1, 70_000, len, len + 5] {
        for reference in [&reference, &unsized_reference.clone().build().unwrap()] {
            let stored = store.retrieve_suffix(reference, suffix).await.unwrap();
            let read = stored.body.bytes(len).await.unwrap();
            let start = usize::try_from(len - suffix.min(len)).unwrap();
            assert!(read == bytes.slice(start..), "the last {suffix}");
        }
    }
    #[allow(clippy::reversed_empty_ranges, reason = "callers make this mistake")]
    let options = RetrieveOptions::new().with_range(9..3);
    if let Ok(stored) = store.retrieve_opts(&reference, options).await {
        assert!(stored.body.bytes(len).await.unwrap().is_empty());
    }
}

/// A head contains everything except the body.
pub async fn heads_bring_no_body(backend: &dyn AnyBackend) {
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
pub async fn reads_can_be_tuned(backend: &dyn AnyBackend) {
    let store = open(backend).await;
    let bytes = noise(1, 100 * KIB);
    let reference = put(
        &store,
        &bytes,
        about("conv-1").with_filename("a.png".into()),
    )
    .await;
    // More than any store reads at a time.
    let large = noise(2, 3 * MIB + 7);
    let large_reference = put(&store, &large, about("conv-1")).await;
    for verification in [Verification::HashAndSize, Verification::SizeOnly] {
        for (reference, bytes) in [(&reference, &bytes), (&large_reference, &large)] {
            let options = RetrieveOptions::new().with_verification(verification);
            let stored = store.retrieve_opts(reference, options).await.unwrap();
            assert!(stored.body.bytes(stored.size).await.unwrap() == *bytes);
        }
    }
    for range in [0..MIB, 5..2 * MIB, MIB..large.len(), 10..large.len() - 1] {
        let asked = range.start as u64..range.end as u64;
        let options = RetrieveOptions::new().with_range(asked);
        let part = store
            .retrieve_opts(&large_reference, options)
            .await
            .unwrap();
        assert!(part.body.bytes(u64::MAX).await.unwrap() == large[range]);
    }
    let len = bytes.len() as u64;
    assert!(store.retrieve_bytes(&reference, len).await.unwrap() == bytes);
    fails(
        store.retrieve_bytes(&reference, len - 1).await,
        StorageErrorKind::TooLarge,
    );
    fails(
        store.retrieve_media(&reference, len - 1).await,
        StorageErrorKind::TooLarge,
    );
    let content = store.retrieve_media(&reference, len).await.unwrap();
    assert!(content.inline() == Some(&bytes));
    assert_eq!(content.filename(), Some("a.png"));
    let stored = MediaContent::from_reference(content.mime().clone(), reference);
    fails(
        store.store_media(&stored, about("conv-1")).await,
        StorageErrorKind::InvalidInput,
    );
}

/// A duplicate is a reference of its own, with its own place, and outlives the original. The source
/// is admitted like a read; what describes the media itself is taken over.
pub async fn duplicates_stand_alone(backend: &dyn AnyBackend) {
    let store = open(backend).await;
    let bytes = noise(1, 150 * KIB);
    let metadata = about("conv-1").with_filename("photo.png".to_owned());
    let original = put(&store, &bytes, metadata).await;
    let options = || DuplicateOptions::new(about("conv-2"));
    let copy = store.duplicate(&original, options()).await.unwrap();
    let scoped = options().with_expected_scope(conversation("conv-1"));
    let second = store.duplicate(&original, scoped).await.unwrap();
    let foreign = options().with_expected_scope(conversation("conv-2"));
    fails(
        store.duplicate(&original, foreign).await,
        StorageErrorKind::NotFound,
    );
    assert_ne!(original.id(), copy.id());
    assert_ne!(second.id(), copy.id());
    store.delete(&original).await.unwrap();
    store.delete(&second).await.unwrap();
    holds(&store, &copy, &bytes).await;
    let stored = store.retrieve(&copy).await.unwrap();
    assert_eq!(stored.mime, Mime::IMAGE_PNG);
    assert_eq!(stored.metadata.conversation().unwrap().as_str(), "conv-2");
    assert_eq!(stored.metadata.filename(), Some("photo.png"));
    is_not_found(&store, &original).await;
    fails(
        store.duplicate(&original, options()).await,
        StorageErrorKind::NotFound,
    );
    store.delete(&copy).await.unwrap();
    is_empty(&store, "duplicates_stand_alone").await;
}

/// A duplicate expires when its source does, or earlier if its own retention says so.
pub async fn duplicates_expire_with_their_source(backend: &dyn AnyBackend) {
    let store = open(backend).await;
    let metadata = about("conv-1").with_retention(RetentionPolicy::RetainHours(2));
    let original = put(&store, &noise(1, 5000), metadata).await;
    let expiry = store.head(&original).await.unwrap().expires_at();
    assert!(expiry.is_some());
    for (retention, same) in [
        (None, true),
        (Some(RetentionPolicy::Retain), true),
        (Some(RetentionPolicy::RetainDays(9)), true),
        (Some(RetentionPolicy::RetainHours(1)), false),
    ] {
        let mut metadata = about("conv-2");
        if let Some(retention) = retention {
            metadata = metadata.with_retention(retention);
        }
        let options = DuplicateOptions::new(metadata);
        let copy = store.duplicate(&original, options).await.unwrap();
        let stored = store.head(&copy).await.unwrap();
        if same {
            assert_eq!(stored.expires_at(), expiry, "{retention:?}");
        } else {
            assert!(stored.expires_at() < expiry, "{retention:?}");
        }
    }
}

/// `head` and `exists` report what is stored without its bytes.
pub async fn existence_is_reported(backend: &dyn AnyBackend) {
    let store = open(backend).await;
    let reference = put(&store, &noise(1, 5000), about("conv-1")).await;
    assert!(store.exists(&reference).await.unwrap());
    let head = store.head(&reference).await.unwrap();
    assert_eq!((head.size, head.body.len()), (5000, Some(0)));
    store.delete(&reference).await.unwrap();
    assert!(!store.exists(&reference).await.unwrap());
    fails(store.head(&reference).await, StorageErrorKind::NotFound);
}

/// Deleting many references answers for each of them, in order, and is idempotent.
pub async fn many_are_deleted_at_once(backend: &dyn AnyBackend) {
    let store = open(backend).await;
    let bytes = noise(1, 5000);
    let mut references = Vec::new();
    for at in 0..20 {
        let conversation = if at % 4 == 3 { "conv-2" } else { "conv-1" };
        references.push(put(&store, &bytes, about(conversation)).await);
    }
    let scoped = DeleteOptions::new().with_expected_scope(conversation("conv-1"));
    let results = store.delete_many(&references, scoped).await;
    assert_eq!(results.len(), references.len());
    for (at, (reference, result)) in references.iter().zip(results).enumerate() {
        if at % 4 == 3 {
            fails(result, StorageErrorKind::NotFound);
            holds(&store, reference, &bytes).await;
        } else {
            result.unwrap();
            is_not_found(&store, reference).await;
        }
    }
    for result in store.delete_many(&references, DeleteOptions::new()).await {
        result.unwrap();
    }
    is_empty(&store, "many_are_deleted_at_once").await;
}

/// A reader that is overtaken by a delete, and by other media, gets its bytes or an error.
pub async fn readers_never_get_other_bytes(backend: &dyn AnyBackend) {
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
