//! The loader against real stores, real files and stores that fail.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod cache;
mod facts;
mod files;
#[cfg(feature = "http")]
mod http;
mod limits;
mod sources;
#[cfg(feature = "http")]
mod ssrf;
mod text;

use std::sync::Arc;

use bytes::Bytes;
use media_loader::{LoadErrorKind, MediaLoader};
use media_storage::{InMemoryStorage, MediaMetadata, MediaStorageExt as _};
use media_storage_testkit::FaultyStorage;
use media_types::{MediaContent, Mime};

type Store = FaultyStorage<InMemoryStorage>;

/// A store that counts, and a loader over it.
fn with_store() -> (Store, MediaLoader) {
    let store = FaultyStorage::new(InMemoryStorage::new());
    let loader = MediaLoader::builder().with_storage(Arc::new(store.clone()));
    (store, loader.build())
}

/// Bytes that begin like a PNG and do not repeat.
fn png(len: usize) -> Bytes {
    let magic = b"\x89PNG\r\n\x1a\n".iter().copied();
    let rest = (0_u32..).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes());
    magic.chain(rest).take(len).collect()
}

async fn stored(store: &Store, bytes: &Bytes) -> MediaContent {
    let metadata = MediaMetadata::new()
        .with_user("user-1".parse().unwrap())
        .with_conversation("conv-1".parse().unwrap());
    let reference = store
        .store_bytes(Mime::IMAGE_PNG, bytes.clone(), metadata)
        .await
        .unwrap();
    MediaContent::from_reference(Mime::IMAGE_PNG, reference)
}

async fn kind(loader: &MediaLoader, content: &MediaContent) -> LoadErrorKind {
    let error = loader.bytes(content).await.expect_err("this must not load");
    error.kind().clone()
}
