//! Stored bytes that are not what was encrypted.

use bytes::Bytes;
use media_encryption::Encrypted;
use media_storage::{
    InMemoryStorage, MediaBody, MediaStorage, MediaStorageExt as _, MediaUpload, RetrieveOptions,
    StorageErrorKind,
};
use media_types::{Mime, StorageReference};

use crate::support::{local, noise, of, put};

const CHUNK: usize = 64 * 1024;

/// Stores other bytes under the metadata of media, and returns the reference to them.
async fn replaced(
    store: &Encrypted<InMemoryStorage>,
    reference: &StorageReference,
    change: impl FnOnce(Vec<u8>) -> Vec<u8>,
) -> StorageReference {
    let inner = store.inner();
    let to_ciphertext = StorageReference::builder(reference.backend(), reference.id());
    let stored = inner
        .retrieve(&to_ciphertext.build().unwrap())
        .await
        .unwrap();
    let metadata = stored.metadata.clone();
    let bytes = stored.body.bytes(u64::MAX).await.unwrap();
    let changed = change(bytes.to_vec());
    let upload = MediaUpload::new(Mime::IMAGE_PNG, changed, metadata);
    let other = inner.store(upload).await.unwrap();
    StorageReference::builder("memory", other.id())
        .build()
        .unwrap()
}

async fn store() -> (Encrypted<InMemoryStorage>, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let keys = local(directory.path()).await;
    (Encrypted::new(InMemoryStorage::new(), keys), directory)
}

async fn read(store: &impl MediaStorage, reference: &StorageReference) -> StorageErrorKind {
    match store.retrieve(reference).await {
        Err(error) => error.kind(),
        Ok(stored) => stored.body.bytes(u64::MAX).await.unwrap_err().kind(),
    }
}

#[tokio::test]
async fn every_flipped_bit_is_found() {
    let (store, _directory) = store().await;
    let bytes = noise(2 * CHUNK + 100);
    let reference = put(&store, &bytes, "ann").await.unwrap();
    let len = 120 + bytes.len() + 3 * 16;
    let header = 0..120;
    let chunks = [
        120,
        121,
        120 + CHUNK,
        120 + CHUNK + 15,
        120 + CHUNK + 16,
        len - 1,
    ];
    for at in header.chain(chunks) {
        let flip = |mut bytes: Vec<u8>| {
            assert_eq!(bytes.len(), len);
            bytes[at] ^= 0x10;
            bytes
        };
        let damaged = replaced(&store, &reference, flip).await;
        assert_eq!(
            read(&store, &damaged).await,
            StorageErrorKind::Corrupted,
            "byte {at}"
        );
    }
    let same = replaced(&store, &reference, |bytes| bytes).await;
    assert_eq!(store.retrieve_bytes(&same, u64::MAX).await.unwrap(), bytes);
}

#[tokio::test]
async fn chunks_cannot_be_moved_left_out_or_cut_off() {
    let (store, _directory) = store().await;
    let reference = put(&store, &noise(3 * CHUNK), "ann").await.unwrap();
    let sealed = CHUNK + 16;
    let changes: [fn(Vec<u8>) -> Vec<u8>; 4] = [
        |mut bytes| {
            let (first, second) = bytes[120..].split_at_mut(CHUNK + 16);
            first.swap_with_slice(&mut second[..CHUNK + 16]);
            bytes
        },
        |mut bytes| {
            bytes.drain(120..120 + CHUNK + 16);
            bytes
        },
        |mut bytes| {
            bytes.truncate(bytes.len() - CHUNK - 16);
            bytes
        },
        |mut bytes| {
            bytes.truncate(bytes.len() - 1);
            bytes
        },
    ];
    for (at, change) in changes.into_iter().enumerate() {
        let damaged = replaced(&store, &reference, change).await;
        assert_eq!(
            read(&store, &damaged).await,
            StorageErrorKind::Corrupted,
            "{at}"
        );
    }
    // A range reads its chunks only, and verifies them.
    let second = |mut bytes: Vec<u8>| {
        bytes[120 + sealed + 5] ^= 1;
        bytes
    };
    let damaged = replaced(&store, &reference, second).await;
    let chunk = CHUNK as u64;
    let range = |range| RetrieveOptions::new().with_range(range);
    let stored = store
        .retrieve_opts(&damaged, range(0..chunk))
        .await
        .unwrap();
    assert_eq!(stored.body.bytes(chunk).await.unwrap().len(), CHUNK);
    let stored = store.retrieve_opts(&damaged, range(chunk..chunk + 1)).await;
    let error = stored.unwrap().body.bytes(1).await.unwrap_err();
    assert_eq!(error.kind(), StorageErrorKind::Corrupted);
}

#[tokio::test]
async fn bytes_of_other_media_are_refused() {
    let (store, _directory) = store().await;
    let (one, other) = (noise(1000), Bytes::from(vec![3; 1000]));
    let reference = put(&store, &one, "ann").await.unwrap();
    let second = put(&store, &other, "ann").await.unwrap();
    let plain = StorageReference::builder("memory", second.id()).build();
    let stored = store.inner().retrieve(&plain.unwrap()).await.unwrap();
    let ciphertext = stored.body.bytes(u64::MAX).await.unwrap();
    let swapped = replaced(&store, &reference, |_| ciphertext.to_vec()).await;
    assert_eq!(read(&store, &swapped).await, StorageErrorKind::Corrupted);
    // The reference pins the content, so a swap of everything is found too.
    let forged = second.to_builder().with_metadata("hmac", "0".repeat(64));
    let error = store.retrieve(&forged.build().unwrap()).await.unwrap_err();
    assert_eq!(error.kind(), StorageErrorKind::InvalidRef);
}

#[tokio::test]
async fn media_whose_file_name_is_lost_is_read_by_its_header() {
    let (store, _directory) = store().await;
    let bytes = noise(CHUNK + 5);
    let upload = MediaUpload::new(
        Mime::IMAGE_PNG,
        MediaBody::from_bytes(bytes.clone()),
        of("ann").with_filename("photo.png".to_owned()),
    );
    let reference = store.store(upload).await.unwrap();
    let stored = store.retrieve(&reference).await.unwrap();
    assert_eq!(stored.metadata.filename(), Some("photo.png"));
    let plain = StorageReference::builder("memory", reference.id()).build();
    let stored = store.inner().retrieve(&plain.unwrap()).await.unwrap();
    let metadata = stored.metadata.clone().without_filename();
    let ciphertext = stored.body.bytes(u64::MAX).await.unwrap();
    let upload = MediaUpload::new(Mime::IMAGE_PNG, ciphertext, metadata);
    let rebuilt = store.inner().store(upload).await.unwrap();
    let rebuilt = StorageReference::builder("memory", rebuilt.id())
        .build()
        .unwrap();
    let stored = store.retrieve(&rebuilt).await.unwrap();
    assert_eq!(stored.metadata.filename(), None);
    assert_eq!(stored.body.bytes(u64::MAX).await.unwrap(), bytes);
    // Media that was never encrypted says so.
    let upload = MediaUpload::new(Mime::IMAGE_PNG, b"plain".to_vec(), of("ann"));
    let plain = store.inner().store(upload).await.unwrap();
    let plain = StorageReference::builder("memory", plain.id())
        .build()
        .unwrap();
    let error = store.retrieve(&plain).await.unwrap_err();
    assert!(
        error.to_string().contains("not stored encrypted"),
        "{error}"
    );
}
