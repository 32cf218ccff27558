//! `ObjectMediaStore` over a bucket in memory: requests, faults, races, memory.

mod bucket;
mod damage;
mod dropped;
mod encrypted;
mod faults;
mod files;
mod forged;
mod inbox;
mod leftovers;
mod memory;
mod modes;
mod neighbours;
mod read_only;
mod renditions;
mod requests;
mod returning;
mod schedules;
mod second;
mod upkeep;

use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt as _;
use media_storage::{
    Entry, Inventory as _, MediaMetadata, MediaStorageExt as _, Scope, StorageErrorKind,
    SweepDepth, SweepOptions,
};
use media_store_object::{ObjectMediaStore, ProtocolVersion};
use media_types::{Mime, StorageReference};

pub(crate) use bucket::{Fate, FaultyBucket, Verb};

pub(crate) const MIB: usize = 1024 * 1024;

/// Bytes that look random, the same for the same seed.
pub(crate) fn noise(seed: u64, len: usize) -> Bytes {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let bytes: Vec<u8> = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    })
    .take(len.div_ceil(8))
    .flatten()
    .take(len)
    .collect();
    bytes.into()
}

pub(crate) fn about(conversation: &str) -> MediaMetadata {
    MediaMetadata::new()
        .with_run("run-1".parse().unwrap())
        .with_session("session-1".parse().unwrap())
        .with_conversation(conversation.parse().unwrap())
}

/// Opens a store by the first protocol, unless the bucket is used by the second; the module `second` is
/// about that.
pub(crate) async fn open(bucket: &FaultyBucket, deduplication: bool) -> ObjectMediaStore {
    ObjectMediaStore::builder()
        .with_object_store(Arc::new(bucket.clone()))
        .with_deduplication(deduplication)
        .with_protocol(ProtocolVersion::First)
        .build()
        .await
        .unwrap()
}

pub(crate) async fn put(store: &ObjectMediaStore, bytes: &Bytes) -> StorageReference {
    store
        .store_bytes(Mime::IMAGE_PNG, bytes.clone(), about("conv-1"))
        .await
        .unwrap()
}

pub(crate) async fn holds(store: &ObjectMediaStore, reference: &StorageReference, bytes: &Bytes) {
    let read = store.retrieve_bytes(reference, bytes.len() as u64).await;
    assert!(
        read.unwrap() == *bytes,
        "the bytes of {reference:?} are others"
    );
}

pub(crate) async fn is_gone(store: &ObjectMediaStore, reference: &StorageReference) {
    let error = store.retrieve(reference).await.expect_err("it was deleted");
    assert_eq!(error.kind(), StorageErrorKind::NotFound, "{error:?}");
}

pub(crate) async fn listed(store: &ObjectMediaStore) -> Vec<Entry> {
    let entries: Vec<_> = store.list(Scope::All).collect().await;
    entries.into_iter().map(Result::unwrap).collect()
}

pub(crate) fn full() -> SweepOptions {
    SweepOptions::new()
        .with_depth(SweepDepth::Full)
        .with_grace(std::time::Duration::ZERO)
}

/// After a full sweep nothing is left but records of dead hashes and notes about organisations; by the
/// second protocol, when tombstones are old.
pub(crate) async fn is_clean(store: &ObjectMediaStore, bucket: &FaultyBucket) {
    if store.refuses_late_writes() {
        assert!(listed(store).await.is_empty());
        return second::is_clean(store, bucket).await;
    }
    store.sweep(full()).await.unwrap();
    let left: Vec<String> = bucket
        .names()
        .into_iter()
        .filter(|name| {
            !name.starts_with(".store/v1/rec/") && !name.starts_with(".store/v1/layout/")
        })
        .collect();
    assert!(left.is_empty(), "left behind: {left:#?}");
    assert_eq!(bucket.open_uploads(), 0, "uploads that nobody completed");
}
