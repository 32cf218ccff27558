//! The store decides what may be read; the cache only where the bytes come from.

use media_read_cache::CacheFill;
use media_storage::{
    MediaMetadata, MediaStorage as _, MediaStorageExt as _, RetentionPolicy, RetrieveOptions,
    Scope, StorageErrorKind, Verification,
};
use media_types::{Mime, StorageReference};

use super::{Fixture, KIB, LARGE, get, get_range, noise, until};

#[tokio::test(flavor = "multi_thread")]
async fn the_second_read_comes_from_the_disk() {
    for len in [1, 300 * KIB, LARGE] {
        let fixture = Fixture::new();
        let cache = fixture.cache().await;
        let bytes = noise(1, len);
        let reference = fixture.put(&bytes).await;
        assert!(get(&cache, &reference).await == bytes);
        assert_eq!(fixture.store.heads(), 0, "a miss costs one request");
        for verification in [Verification::HashAndSize, Verification::SizeOnly] {
            let options = RetrieveOptions::new().with_verification(verification);
            let stored = cache.retrieve_opts(&reference, options).await.unwrap();
            assert!(stored.body.bytes(stored.size).await.unwrap() == bytes);
        }
        assert_eq!(fixture.store.taken(), len as u64);
        assert_eq!(fixture.store.heads(), 2, "the store is asked each time");
        let stats = cache.stats();
        assert_eq!((stats.hits, stats.misses, stats.filled), (2, 1, 1));
        assert_eq!(stats.hit_bytes, 2 * len as u64);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn equal_bytes_are_kept_once_and_keep_their_own_record() {
    let fixture = Fixture::new();
    let cache = fixture.cache().await;
    let bytes = noise(1, 1000);
    let first = fixture.put(&bytes).await;
    let metadata = MediaMetadata::new().with_filename("other.webp".into());
    let second = cache.store_bytes(Mime::IMAGE_WEBP, bytes.clone(), metadata);
    let second = second.await.unwrap();
    get(&cache, &first).await;
    let stored = cache.retrieve(&second).await.unwrap();
    assert_eq!(stored.mime, Mime::IMAGE_WEBP);
    assert_eq!(stored.metadata.filename(), Some("other.webp"));
    assert!(stored.body.bytes(1000).await.unwrap() == bytes);
    assert_eq!(cache.stats().hits, 1);
    assert_eq!(fixture.files().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_gone_is_gone_though_its_bytes_are_there() {
    let fixture = Fixture::new();
    let cache = fixture.cache().await;
    let bytes = noise(1, 1000);
    let keeper = fixture.put(&bytes).await;
    let deleted = fixture.put(&bytes).await;
    let at_once = MediaMetadata::new().with_retention(RetentionPolicy::DeleteAfterMinutes(0));
    let expired = cache.store_bytes(Mime::IMAGE_PNG, bytes.clone(), at_once);
    let expired = expired.await.unwrap();
    get(&cache, &deleted).await;
    until(&cache, |stats| stats.entries == 1).await;
    let error = cache.retrieve(&expired).await.unwrap_err();
    assert_eq!(error.kind(), StorageErrorKind::NotFound);
    // By another node: the cache is not told.
    fixture.store.delete(&deleted).await.unwrap();
    for options in [
        RetrieveOptions::new(),
        RetrieveOptions::new().with_head(),
        RetrieveOptions::new().with_range(0..10),
    ] {
        let error = cache.retrieve_opts(&deleted, options).await.unwrap_err();
        assert_eq!(error.kind(), StorageErrorKind::NotFound);
    }
    let scope = Scope::Conversation("conv-2".parse().unwrap());
    let foreign = RetrieveOptions::new().with_expected_scope(scope);
    let error = cache.retrieve_opts(&keeper, foreign).await.unwrap_err();
    assert_eq!(error.kind(), StorageErrorKind::NotFound);
    assert!(get(&cache, &keeper).await == bytes);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reference_that_lies_gets_nothing_from_the_disk() {
    let fixture = Fixture::new();
    let cache = fixture.cache().await;
    let secret = fixture.put(&noise(1, 1000)).await;
    let own = fixture.put(&noise(2, 1000)).await;
    get(&cache, &secret).await;
    until(&cache, |stats| stats.entries == 1).await;
    // One's own id with the hash of bytes that are cached.
    let forged = StorageReference::builder(own.backend(), own.id())
        .with_size(1000)
        .with_sha256(secret.sha256().unwrap())
        .build()
        .unwrap();
    let error = cache.retrieve(&forged).await.unwrap_err();
    assert_eq!(error.kind(), StorageErrorKind::InvalidRef);
    // And a reference that says nothing is as good as one that does.
    let bare = StorageReference::builder(secret.backend(), secret.id())
        .build()
        .unwrap();
    assert!(get(&cache, &bare).await == noise(1, 1000));
    assert_eq!(cache.stats().hits, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn ranges_are_cut_from_the_file_and_fill_nothing() {
    for len in [300 * KIB, LARGE] {
        let fixture = Fixture::new();
        let cache = fixture.cache().await;
        let bytes = noise(1, len);
        let reference = fixture.put(&bytes).await;
        assert!(get_range(&cache, &reference, 10, 20).await == bytes.slice(10..20));
        assert_eq!((cache.stats().entries, cache.stats().misses), (0, 1));
        get(&cache, &reference).await;
        until(&cache, |stats| stats.entries == 1).await;
        let before = fixture.store.taken();
        let end = len as u64;
        for (start, stop) in [
            (0, 1),
            (7, 70_000),
            (end - 5, end + 5),
            (end, u64::MAX),
            (0, end),
        ] {
            let read = get_range(&cache, &reference, start, stop).await;
            let cut = |at: u64| usize::try_from(at.min(end)).unwrap();
            assert!(
                read == bytes.slice(cut(start)..cut(stop)),
                "{start}..{stop}"
            );
        }
        assert!(get_range(&cache, &reference, 3, end - 3).await == bytes.slice(3..len - 3));
        assert_eq!(fixture.store.taken(), before);
        assert_eq!(cache.stats().hits, 6);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_large_or_empty_passes_by() {
    let fixture = Fixture::new();
    let cache = fixture.builder().with_max_item(1000).build().await.unwrap();
    for len in [0, 1001] {
        let bytes = noise(1, len);
        let reference = fixture.put(&bytes).await;
        for _ in 0..2 {
            assert!(get(&cache, &reference).await == bytes);
        }
    }
    assert_eq!(cache.stats().bytes, 0);
    let reference = fixture.put(&noise(1, 1000)).await;
    get(&cache, &reference).await;
    until(&cache, |stats| stats.entries == 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stores_fill_where_they_are_told_to() {
    let fixture = Fixture::new();
    let bytes = noise(1, LARGE);
    let put = |cache: media_read_cache::ReadCache| {
        let bytes = bytes.clone();
        async move {
            let stored = cache.store_bytes(Mime::IMAGE_PNG, bytes, MediaMetadata::new());
            stored.await.unwrap()
        }
    };
    let cache = fixture.cache().await;
    put(cache.clone()).await;
    let filling = fixture.builder().with_fill(CacheFill::ReadsAndStores);
    let filling = filling.build().await.unwrap();
    let reference = put(filling.clone()).await;
    until(&filling, |stats| stats.entries == 1).await;
    assert!(get(&filling, &reference).await == bytes);
    assert_eq!(fixture.store.bodies(), 0);
    assert_eq!(cache.stats().filled, 0);
}
