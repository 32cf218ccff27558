//! Equal bytes under one key and under several, duplicates, and bodies of every form.

use bytes::Bytes;
use futures_util::stream;
use media_encryption::{Encrypted, KeyScope};
use media_storage::{
    DuplicateOptions, InMemoryStorage, MediaBody, MediaStorage, MediaStorageExt as _, MediaUpload,
    MetadataPatch, RetrieveOptions, Scope, Sha256Hasher, StorageError, StorageErrorKind,
};
use media_storage_testkit::{Call, FaultyStorage};
use media_types::Mime;
use proptest::prelude::*;

use crate::support::{local, noise, of, put};

async fn blobs(store: &InMemoryStorage) -> u64 {
    let usage = store.inventory().unwrap().usage(Scope::All).await;
    usage.unwrap().blobs
}

#[tokio::test]
async fn equal_bytes_are_shared_under_one_key_only() {
    let directory = tempfile::tempdir().unwrap();
    let keys = local(directory.path()).await;
    let store = Encrypted::new(InMemoryStorage::new(), keys);
    let bytes = noise(300_000);
    let first = put(&store, &bytes, "ann").await.unwrap();
    let named = of("ann").with_filename("other.png".to_owned());
    let stored = store
        .store_bytes(Mime::IMAGE_PNG, bytes.clone(), named)
        .await;
    stored.unwrap();
    assert_eq!(blobs(store.inner()).await, 1);
    let bens = put(&store, &bytes, "ben").await.unwrap();
    assert_eq!(blobs(store.inner()).await, 2);
    assert_ne!(first.metadata("hmac"), bens.metadata("hmac"));

    let own = DuplicateOptions::new(of("ann"));
    let copy = store.duplicate(&first, own).await.unwrap();
    assert_eq!(copy.metadata("hmac"), first.metadata("hmac"));
    let foreign = DuplicateOptions::new(of("eve"));
    let given = store.duplicate(&first, foreign).await.unwrap();
    assert_eq!(blobs(store.inner()).await, 3);
    store
        .forget_key(&"ann".parse::<media_types::UserId>().unwrap())
        .await
        .unwrap();
    assert_eq!(store.retrieve_bytes(&given, u64::MAX).await.unwrap(), bytes);
    assert_eq!(store.retrieve_bytes(&bens, u64::MAX).await.unwrap(), bytes);
    for gone in [first, copy] {
        let error = store.retrieve(&gone).await.unwrap_err();
        assert_eq!(error.kind(), StorageErrorKind::NotFound, "{error}");
        assert!(error.to_string().contains("forgotten"), "{error}");
        // What cannot be read can still be deleted.
        store.delete(&gone).await.unwrap();
    }
}

#[tokio::test]
async fn media_without_a_user_needs_the_shared_key() {
    let directory = tempfile::tempdir().unwrap();
    let keys = local(directory.path()).await;
    let inner = InMemoryStorage::new();
    let nobody = || media_storage::MediaMetadata::new();
    let strict = Encrypted::new(inner.clone(), keys.clone());
    let error = strict.store_bytes(Mime::IMAGE_PNG, "x", nobody()).await;
    let error = error.unwrap_err();
    assert_eq!(error.kind(), StorageErrorKind::InvalidInput);
    assert!(error.to_string().contains("without a user"), "{error}");
    let lenient = Encrypted::builder(inner.clone(), keys.clone())
        .with_shared_key()
        .build();
    let stored = lenient.store_bytes(Mime::IMAGE_PNG, "x", nobody());
    let reference = stored.await.unwrap();
    // A store that would not make it may still read it.
    assert_eq!(strict.retrieve_bytes(&reference, 9).await.unwrap(), "x");

    let anns = put(&strict, &noise(10), "ann").await.unwrap();
    let patch = MetadataPatch::new().with_user(None);
    let error = strict.update(&anns, patch.clone()).await.unwrap_err();
    assert_eq!(error.kind(), StorageErrorKind::Unsupported);
    let shared = Encrypted::builder(inner, keys).with_key_scope(KeyScope::Shared);
    shared.build().update(&anns, patch).await.unwrap();
}

/// The key of a file follows from the hash of its bytes, never from the hash that the caller claims.
#[tokio::test]
async fn no_byte_of_a_body_that_is_not_the_expected_one_reaches_the_inner_store() {
    let directory = tempfile::tempdir().unwrap();
    let keys = local(directory.path()).await;
    let inner = FaultyStorage::new(InMemoryStorage::new());
    let store = Encrypted::new(inner.clone(), keys);
    for len in [70_000, 3_000_000] {
        let bytes = noise(len);
        let hash = Sha256Hasher::digest(&bytes);
        let mut other = bytes.to_vec();
        other[len - 1] ^= 1;
        for declared in [Some(len as u64), None] {
            let lied = MediaBody::from_stream(declared, pieces(&other.clone().into()));
            let lied = MediaUpload::new(Mime::IMAGE_PNG, lied, of("ann"));
            let error = store.store(lied.with_expected_sha256(hash)).await;
            let error = error.unwrap_err();
            assert_eq!(error.kind(), StorageErrorKind::InvalidInput, "{error}");
        }
    }
    assert_eq!((inner.calls(Call::Store), inner.bytes_stored()), (0, 0));

    let bytes = noise(3_000_000);
    let body = MediaBody::from_stream(Some(3_000_000), pieces(&bytes));
    let known = MediaUpload::new(Mime::IMAGE_PNG, body, of("ann"));
    let known = known.with_expected_sha256(Sha256Hasher::digest(&bytes));
    let reference = store.store(known).await.unwrap();
    let read = store.retrieve_bytes(&reference, u64::MAX).await.unwrap();
    assert_eq!(read, bytes);
}

#[tokio::test]
async fn a_missing_spool_directory_is_a_configuration_error() {
    let directory = tempfile::tempdir().unwrap();
    let keys = local(directory.path()).await;
    let nowhere = directory.path().join("no-such-directory");
    let store = Encrypted::builder(InMemoryStorage::new(), keys);
    let store = store.with_spool_directory(nowhere).build();
    let body = MediaBody::from_stream(None, pieces(&noise(3_000_000)));
    let upload = MediaUpload::new(Mime::IMAGE_PNG, body, of("ann"));
    let error = store.store(upload).await.unwrap_err();
    assert_eq!(error.kind(), StorageErrorKind::Config, "{error}");
    assert!(error.to_string().contains("spool directory"), "{error}");
    assert_eq!(blobs(store.inner()).await, 0);
}

fn pieces(bytes: &Bytes) -> impl futures_util::Stream<Item = Result<Bytes, StorageError>> + use<> {
    let pieces = bytes.chunks(70_001).map(|piece| Ok(bytes.slice_ref(piece)));
    stream::iter(pieces.collect::<Vec<_>>())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_range_of_every_size_comes_back(
        len in prop_oneof![0_usize..300, 65_000_usize..67_000, 1_048_000_usize..1_400_000],
        start in 0_u64..1_400_000,
        size in prop_oneof![0_u64..10, 0_u64..200_000],
        piece in 1_usize..100_000,
        declared: bool,
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let directory = tempfile::tempdir().unwrap();
            let keys = local(directory.path()).await;
            let store = Encrypted::new(InMemoryStorage::new(), keys);
            let bytes = noise(len);
            let pieces: Vec<_> = bytes.chunks(piece).map(|part| Ok(bytes.slice_ref(part))).collect();
            let declared = declared.then_some(len as u64);
            let body = MediaBody::from_stream(declared, stream::iter(pieces));
            let upload = MediaUpload::new(Mime::IMAGE_PNG, body, of("ann"));
            let reference = store.store(upload).await.unwrap();
            let whole = store.retrieve_bytes(&reference, u64::MAX).await.unwrap();
            assert!(whole == bytes);
            let options = RetrieveOptions::new().with_range(start..start + size);
            let stored = store.retrieve_opts(&reference, options).await.unwrap();
            let read = stored.body.bytes(u64::MAX).await.unwrap();
            let at = |place: u64| usize::try_from(place).unwrap().min(len);
            assert!(read == bytes.slice(at(start)..at(start + size)));
        });
    }
}
