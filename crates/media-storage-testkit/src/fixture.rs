//! Helpers of scenarios: bytes, metadata, streams and checks.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, stream};
use media_storage::{
    Entry, MediaMetadata, MediaStorage, MediaStorageExt as _, MediaUpload, Scope, Sha256Hasher,
    StorageError, StorageErrorKind, SweepDepth, SweepOptions,
};
use media_types::{Mime, StorageReference};

use crate::backend::{AnyBackend, StoreOptions};
use crate::run::not_run;

pub(crate) const KIB: usize = 1024;
pub(crate) const MIB: usize = 1024 * KIB;

/// Sizes around the limits at which stores change how they work.
pub(crate) const SIZES: [usize; 7] = [0, 1, 64 * KIB - 1, 64 * KIB, 64 * KIB + 1, MIB, 20 * MIB];

/// A reproducible sequence of pseudo-random numbers (SplitMix64).
pub(crate) struct Numbers(u64);

impl Numbers {
    pub(crate) fn from_seed(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.draw() % end as u64).unwrap()
    }
}

/// Returns incompressible bytes that depend on a seed.
pub(crate) fn noise(seed: u64, len: usize) -> Bytes {
    let mut numbers = Numbers::from_seed(seed);
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        bytes.extend_from_slice(&numbers.draw().to_le_bytes());
    }
    bytes.truncate(len);
    bytes.into()
}

/// Returns metadata with every id that an organization may require.
pub(crate) fn about(conversation: &str) -> MediaMetadata {
    MediaMetadata::new()
        .with_run("run-1".parse().unwrap())
        .with_session("session-1".parse().unwrap())
        .with_conversation(conversation.parse().unwrap())
}

pub(crate) fn conversation(name: &str) -> Scope {
    Scope::Conversation(name.parse().unwrap())
}

/// Returns a stream of bytes in pieces of odd sizes, some of them empty, that is often not ready.
pub(crate) fn odd_pieces(
    bytes: Bytes,
) -> impl Stream<Item = Result<Bytes, StorageError>> + Send + 'static {
    let mut numbers = Numbers::from_seed(bytes.len() as u64);
    let longest = (bytes.len() / 16).clamp(7, 99_991);
    stream::unfold(bytes, move |mut rest| {
        let len = rest.len().min(numbers.below(longest));
        async move {
            if len % 2 == 1 {
                tokio::task::yield_now().await;
            }
            (!rest.is_empty()).then(|| (Ok(rest.split_to(len)), rest))
        }
    })
}

/// A store that is tested, whatever its type.
pub(crate) type Store = Arc<dyn MediaStorage>;

pub(crate) async fn open(backend: &dyn AnyBackend) -> Store {
    open_with(backend, StoreOptions::new()).await
}

pub(crate) async fn open_with(backend: &dyn AnyBackend, options: StoreOptions) -> Store {
    backend.open(options).await.expect("the store opens")
}

/// Stores bytes as a PNG. Stores do not examine them.
pub(crate) async fn put(
    store: &impl MediaStorage,
    bytes: &Bytes,
    metadata: MediaMetadata,
) -> StorageReference {
    store
        .store_bytes(Mime::IMAGE_PNG, bytes.clone(), metadata)
        .await
        .expect("the store takes the media")
}

pub(crate) fn upload(bytes: &Bytes) -> MediaUpload {
    MediaUpload::new(Mime::IMAGE_PNG, bytes.clone(), about("conv-1"))
}

/// Checks that a reference opens exactly these bytes, and has their size and, if any, their hash.
pub(crate) async fn holds(store: &impl MediaStorage, reference: &StorageReference, bytes: &Bytes) {
    let len = bytes.len() as u64;
    let hash = Sha256Hasher::digest(bytes);
    assert_eq!(reference.size(), Some(len), "size of {reference:?}");
    let told = reference.sha256().unwrap_or(hash);
    assert_eq!(told, hash, "hash of {reference:?}");
    let stored = store
        .retrieve(reference)
        .await
        .unwrap_or_else(|error| panic!("{reference:?} opens: {error:?}"));
    assert_eq!(stored.size, len, "size of what {reference:?} opens");
    assert_eq!(
        stored.sha256,
        Some(hash),
        "hash of what {reference:?} opens"
    );
    let read = stored.body.bytes(len).await.expect("the body reads");
    // No assert_eq: a failure would print megabytes.
    assert!(read == *bytes, "the bytes of {reference:?} are others");
}

pub(crate) async fn is_not_found(store: &impl MediaStorage, reference: &StorageReference) {
    fails(store.retrieve(reference).await, StorageErrorKind::NotFound);
}

/// Returns the error of a result, which must be of a kind.
#[track_caller]
pub(crate) fn fails<T>(result: Result<T, StorageError>, kind: StorageErrorKind) -> StorageError {
    match result {
        Ok(_) => panic!("succeeded where {kind:?} was due"),
        Err(error) => {
            assert_eq!(error.kind(), kind, "{error:?}");
            error
        }
    }
}

/// Returns the entries of a scope. Prints that it cannot, and returns `None`, if there is no inventory.
pub(crate) async fn listed(
    store: &impl MediaStorage,
    scope: Scope,
    scenario: &str,
) -> Option<Vec<Entry>> {
    let Some(inventory) = store.inventory() else {
        not_run(store, scenario, "the store has no inventory");
        return None;
    };
    let entries: Vec<_> = inventory.list(scope).collect().await;
    Some(
        entries
            .into_iter()
            .map(|entry| entry.expect("the entry reads"))
            .collect(),
    )
}

/// Returns options for a sweep of everything that is due.
pub(crate) fn full_sweep() -> SweepOptions {
    SweepOptions::new()
        .with_depth(SweepDepth::Full)
        .with_grace(std::time::Duration::ZERO)
}

/// Checks that nothing is visible, and that nothing uses space after a sweep.
pub(crate) async fn is_empty(store: &impl MediaStorage, scenario: &str) {
    let Some(entries) = listed(store, Scope::All, scenario).await else {
        return;
    };
    assert!(entries.is_empty(), "left behind: {entries:?}");
    let inventory = store.inventory().expect("it was there a moment ago");
    let usage = inventory.usage(Scope::All).await.unwrap();
    assert_eq!((usage.references, usage.logical_bytes), (0, 0));
    inventory.sweep(full_sweep()).await.unwrap();
    let usage = inventory.usage(Scope::All).await.unwrap();
    assert_eq!((usage.blobs, usage.stored_bytes), (0, 0), "after a sweep");
}
