//! `ObjectMediaStore` by the second protocol: what was deleted stays deleted, and upkeep decides by
//! listings.

mod competing;
mod copies;
mod crossing;
mod deleted;
mod erased;
mod fixtures;
mod imports;
mod leases;
mod lost;
mod opening;
mod pointers;
mod requests;
mod schedules;
mod shared_sweeps;
mod sweeps;
mod updates;
mod upgrade;

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use media_storage::{Inventory as _, MediaMetadata, MediaStorageExt as _, Scope};
use media_store_object::{ObjectMediaStore, ObjectMediaStoreBuilder, ProtocolVersion};
use media_types::{Mime, StorageReference};
use object_store::ObjectStoreExt as _;
use object_store::path::Path;

use super::{FaultyBucket, about, full, noise};

pub(super) fn builder(bucket: &FaultyBucket, deduplication: bool) -> ObjectMediaStoreBuilder {
    ObjectMediaStore::builder()
        .with_object_store(Arc::new(bucket.clone()))
        .with_deduplication(deduplication)
        .with_protocol(ProtocolVersion::Second)
}

pub(super) async fn open(bucket: &FaultyBucket, deduplication: bool) -> ObjectMediaStore {
    let store = builder(bucket, deduplication).build().await.unwrap();
    assert!(store.refuses_late_writes());
    store
}

pub(super) fn of_user(conversation: &str, user: &str) -> MediaMetadata {
    about(conversation).with_user(user.parse().unwrap())
}

pub(super) async fn put_for(
    store: &ObjectMediaStore,
    seed: u64,
    metadata: MediaMetadata,
) -> StorageReference {
    let bytes = noise(seed, 1000);
    let stored = store.store_bytes(Mime::IMAGE_PNG, bytes, metadata);
    stored.await.unwrap()
}

/// All keys, and what is under them.
pub(super) async fn objects(bucket: &FaultyBucket) -> BTreeMap<String, Bytes> {
    let mut objects = BTreeMap::new();
    for name in bucket.names() {
        let path = Path::parse(&name).unwrap();
        let read = bucket.inner().get(&path).await.unwrap();
        objects.insert(name, read.bytes().await.unwrap());
    }
    objects
}

/// Everything in the bucket that contains one of these words, in its name or in its bytes.
pub(super) async fn traces(bucket: &FaultyBucket, words: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for (name, body) in objects(bucket).await {
        let text = String::from_utf8_lossy(&body);
        if words
            .iter()
            .any(|word| name.contains(word) || text.contains(word))
        {
            found.push(name);
        }
    }
    found
}

/// After everything was deleted, and tombstones are old, full sweeps leave records of dead hashes and
/// what belongs to the store as a whole.
pub(super) async fn is_clean(store: &ObjectMediaStore, bucket: &FaultyBucket) {
    store.delete_scope(Scope::All).await.unwrap();
    store.sweep(full()).await.unwrap();
    bucket.age(chrono::TimeDelta::days(8));
    store.sweep(full()).await.unwrap();
    bucket.age(chrono::TimeDelta::days(8));
    let report = store.sweep(full()).await.unwrap();
    assert_eq!(report.failed, 0);
    let of_store = [
        ".store/format.json",
        ".store/v2/key",
        ".store/v2/user-complete",
    ];
    let mut left = bucket.names();
    left.retain(|name| {
        !of_store.contains(&name.as_str())
            && !name.starts_with(".store/v2/layout/")
            && !name.starts_with(".store/v2/rec/")
            && !name.starts_with(".store/v1/rec/")
            && !name.starts_with(".store/v1/layout/")
    });
    assert!(left.is_empty(), "left behind: {left:#?}");
    assert_eq!(bucket.open_uploads(), 0, "uploads that nobody completed");
}
