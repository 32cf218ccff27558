//! What the first protocol left in buckets, as it is checked in: a store of the second does with it what
//! one of the first does, and leaves its objects to it alone.
//!
//! `fixtures/first-protocol.json` holds the keys and bodies. To write it again with the code of the first
//! protocol: `MEDIA_WRITE_FIXTURES=1 cargo test -p media-store-object --test it fixtures`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use media_storage::{
    Inventory as _, MediaStorageExt as _, Organization, RetentionPolicy, Scope, StorageErrorKind,
    SweepOptions, Usage,
};
use media_store_object::{ObjectMediaStore, ProtocolVersion};
use media_types::{Mime, StorageReference, base64};
use object_store::ObjectStoreExt as _;
use object_store::path::Path;
use serde::{Deserialize, Serialize};

use super::super::{Fate, FaultyBucket, Verb, full, holds, is_gone, listed, noise};
use super::{is_clean, objects, of_user, open, put_for};

const FILE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/it/store/second/fixtures/first-protocol.json"
);

/// Length of each media item, in bytes.
const LEN: usize = 200;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Fortune {
    Live,
    Expired,
    Deleted,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Item {
    reference: StorageReference,
    seed: u64,
    fortune: Fortune,
}

#[derive(Debug, Serialize, Deserialize)]
struct Fixture {
    items: Vec<Item>,
    /// Bodies by key, in base64.
    objects: BTreeMap<String, String>,
}

impl Fixture {
    fn read() -> Self {
        serde_json::from_slice(&std::fs::read(FILE).unwrap()).unwrap()
    }

    async fn bucket(&self) -> FaultyBucket {
        let bucket = FaultyBucket::new();
        for (key, body) in &self.objects {
            let body = base64::decode(body.as_bytes()).unwrap();
            let key = Path::parse(key).unwrap();
            bucket.inner().put(&key, body.into()).await.unwrap();
        }
        bucket
    }

    fn with(&self, fortune: Fortune) -> impl Iterator<Item = &Item> {
        self.items
            .iter()
            .filter(move |item| item.fortune == fortune)
    }
}

async fn first(
    bucket: &FaultyBucket,
    organization: Organization,
    shares: bool,
) -> ObjectMediaStore {
    let store = ObjectMediaStore::builder()
        .with_object_store(Arc::new(bucket.clone()))
        .with_deduplication(shares)
        .with_organization(organization)
        .with_protocol(ProtocolVersion::First);
    store.build().await.unwrap()
}

/// Fills a bucket by the first protocol: shared and own media in two organizations, of two users; some
/// that expires, some that is deleted, and what stores that died left.
async fn written() -> Fixture {
    let bucket = FaultyBucket::new();
    let mut items = Vec::new();
    for organization in [Organization::BySession, Organization::Flat] {
        for shares in [true, false] {
            let store = first(&bucket, organization, shares).await;
            let (one, two) = (of_user("conv-1", "user-1"), of_user("conv-2", "user-2"));
            let long = RetentionPolicy::RetainHours(24 * 365 * 100);
            let brief = RetentionPolicy::DeleteAfterMinutes(1);
            for (seed, metadata, fortune) in [
                (1, one.clone(), Fortune::Live),
                (1, two.clone(), Fortune::Live),
                (2, two.clone(), Fortune::Live),
                (3, one.clone().with_retention(long), Fortune::Live),
                (4, one.clone().with_retention(brief), Fortune::Expired),
                (1, one.clone(), Fortune::Deleted),
                (5, two, Fortune::Deleted),
            ] {
                let stored = store.store_bytes(Mime::IMAGE_PNG, noise(seed, LEN), metadata);
                let reference = stored.await.unwrap();
                if fortune == Fortune::Deleted {
                    store.delete(&reference).await.unwrap();
                }
                items.push(Item {
                    reference,
                    seed,
                    fortune,
                });
            }
            // A store that died before its last write.
            let last = if shares { 5 } else { 2 };
            let mut seen = 0;
            bucket.judge(move |request| {
                seen += usize::from(request.verb != Verb::List);
                let dead = seen >= last;
                (if dead { Fate::FailBefore } else { Fate::Pass }, 0)
            });
            let stored = store.store_bytes(Mime::IMAGE_PNG, noise(6, LEN), one);
            stored.await.unwrap_err();
            bucket.heal();
        }
    }
    let objects = objects(&bucket).await;
    let encoded = |(key, body): (String, bytes::Bytes)| (key, base64::encode(&body));
    Fixture {
        items,
        objects: objects.into_iter().map(encoded).collect(),
    }
}

/// A key with its random parts replaced.
fn shape(key: &str) -> String {
    let hidden = |segment: &str| {
        let parts = segment.split_inclusive(['-', '.']);
        let hidden = parts.map(|part| match part.trim_end_matches(['-', '.']) {
            random if [26, 32].contains(&random.len()) => part.replace(random, "*"),
            _ => part.to_owned(),
        });
        hidden.collect::<String>()
    };
    let hour = |segment: String| match segment.get(..2) {
        Some("20" | "21") => "hour".to_owned(),
        _ => segment,
    };
    let segments = key.split('/').map(|segment| hour(hidden(segment)));
    segments.collect::<Vec<_>>().join("/")
}

#[tokio::test]
async fn the_first_protocol_still_writes_the_same_keys() {
    let written = written().await;
    if std::env::var_os("MEDIA_WRITE_FIXTURES").is_some() {
        let json = serde_json::to_string_pretty(&written).unwrap();
        std::fs::write(FILE, json + "\n").unwrap();
    }
    let shapes = |fixture: &Fixture| {
        let mut all: Vec<_> = fixture.objects.keys().map(|key| shape(key)).collect();
        all.sort();
        all
    };
    assert_eq!(shapes(&written), shapes(&Fixture::read()));
}

/// Keys and bodies of the first protocol.
async fn of_first(bucket: &FaultyBucket) -> BTreeMap<String, bytes::Bytes> {
    let mut all = objects(bucket).await;
    all.retain(|key, _| !key.starts_with(".store/v2/") && key != ".store/format.json");
    all
}

#[tokio::test]
async fn old_media_is_read_listed_and_counted() {
    let fixture = Fixture::read();
    for shares in [true, false] {
        let bucket = fixture.bucket().await;
        let before = of_first(&bucket).await;
        let old = first(&fixture.bucket().await, Organization::BySession, shares).await;
        let store = open(&bucket, shares).await;
        for item in fixture.with(Fortune::Live) {
            holds(&store, &item.reference, &noise(item.seed, LEN)).await;
        }
        for item in fixture
            .with(Fortune::Expired)
            .chain(fixture.with(Fortune::Deleted))
        {
            is_gone(&store, &item.reference).await;
        }
        let ids = |entries: Vec<media_storage::Entry>| -> BTreeSet<String> {
            let ids = entries
                .into_iter()
                .map(|entry| entry.reference.id().to_owned());
            ids.collect()
        };
        assert_eq!(ids(listed(&store).await), ids(listed(&old).await));
        for scope in [
            Scope::All,
            Scope::User("user-1".parse().unwrap()),
            Scope::Conversation("conv-2".parse().unwrap()),
        ] {
            let counted = store.usage(scope.clone()).await.unwrap();
            assert!(counted.references > 0);
            assert_eq!(counted, old.usage(scope).await.unwrap());
        }
        // Opening, reading and counting changed nothing.
        assert_eq!(of_first(&bucket).await, before);
    }
}

#[tokio::test]
async fn equal_bytes_are_not_shared_with_old_media() {
    let fixture = Fixture::read();
    let bucket = fixture.bucket().await;
    let before = of_first(&bucket).await;
    let store = open(&bucket, true).await;
    let blobs = || {
        bucket
            .names()
            .into_iter()
            .filter(|name| name.contains("/v2/blob/"))
    };
    for seed in 1..5 {
        let reference = put_of(&store, seed).await;
        assert_eq!(blobs().count() as u64, seed);
        holds(&store, &reference, &noise(seed, LEN)).await;
    }
    // Whoever deletes and collects the old media does not touch the new.
    for item in fixture.with(Fortune::Live) {
        store.delete(&item.reference).await.unwrap();
    }
    store.sweep(full()).await.unwrap();
    assert_eq!(blobs().count(), 4);
    let usage: Usage = store.usage(Scope::All).await.unwrap();
    assert_eq!((usage.references, usage.blobs), (4, 4));
    let added: Vec<_> = of_first(&bucket).await.into_keys().collect();
    let added = added.iter().filter(|key| !before.contains_key(*key));
    // A fence writes the record of a hash that had none.
    let added: Vec<_> = added.filter(|key| key.contains("/v1/")).collect();
    assert!(
        added.iter().all(|key| key.contains("/v1/rec/")),
        "{added:#?}"
    );
    is_clean(&store, &bucket).await;
}

async fn put_of(store: &ObjectMediaStore, seed: u64) -> StorageReference {
    let metadata = of_user("conv-new", "user-new");
    let stored = store.store_bytes(Mime::IMAGE_PNG, noise(seed, LEN), metadata);
    stored.await.unwrap()
}

/// Deletes and sweeps by both protocols; the same objects must be left, and the same be reported.
#[tokio::test]
async fn old_media_is_deleted_and_swept_as_by_the_first_protocol() {
    let fixture = Fixture::read();
    let user = || Scope::User("user-1".parse().unwrap());
    for shares in [true, false] {
        for steps in [[0, 2, 1], [1, 2, 0], [2, 0, 1], [3, 2, 2]] {
            let mut left = Vec::new();
            for second in [false, true] {
                let bucket = fixture.bucket().await;
                let store = match second {
                    true => open(&bucket, shares).await,
                    false => first(&bucket, Organization::BySession, shares).await,
                };
                let mut told = Vec::new();
                for step in steps {
                    match step {
                        0 => {
                            for item in fixture.items.iter().step_by(2) {
                                let deleted = store.delete(&item.reference).await;
                                told.push(format!("{:?}", deleted.map_err(|e| e.kind())));
                            }
                        }
                        1 => told.push(format!("{:?}", store.delete_scope(user()).await.unwrap())),
                        2 => told.push(format!("{:?}", store.sweep(full()).await.unwrap())),
                        _ => {
                            let due = store.sweep(SweepOptions::new()).await.unwrap();
                            assert_eq!(due.expired, 4);
                            told.push(format!("{due:?}"));
                        }
                    }
                }
                left.push((
                    of_first(&bucket).await.into_keys().collect::<Vec<_>>(),
                    told,
                ));
                if second {
                    is_clean(&store, &bucket).await;
                }
            }
            assert_eq!(left[0], left[1], "{shares} {steps:?}");
        }
    }
}

/// A process of the first protocol, which opened the bucket before it was used by the second, meets
/// media of the second.
#[tokio::test]
async fn the_first_protocol_refuses_media_of_the_second_and_touches_nothing() {
    for shares in [true, false] {
        let bucket = FaultyBucket::new();
        let old = first(&bucket, Organization::BySession, shares).await;
        let store = open(&bucket, shares).await;
        let mut kept = Vec::new();
        for seed in 0..4 {
            kept.push(put_for(&store, seed, of_user("conv-1", "user-1")).await);
        }
        let deleted = put_for(&store, 9, of_user("conv-1", "user-1")).await;
        store.delete(&deleted).await.unwrap();
        let before = objects(&bucket).await;
        let scope = Scope::Conversation("conv-1".parse().unwrap());
        let user = Scope::User("user-1".parse().unwrap());
        for reference in kept.iter().chain([&deleted]) {
            let options = media_storage::DeleteOptions::new().with_expected_scope(scope.clone());
            let read = old.retrieve(reference).await.map(drop);
            let scoped = media_storage::MediaStorage::delete_opts(&old, reference, options).await;
            for answer in [read, scoped, old.delete(reference).await] {
                assert_eq!(answer.unwrap_err().kind(), StorageErrorKind::Corrupted);
            }
        }
        let entries: Vec<_> = futures_util::StreamExt::collect(old.list(Scope::All)).await;
        let entries: Vec<Result<media_storage::Entry, _>> = entries;
        assert!(entries.len() >= kept.len() && entries.iter().all(Result::is_err));
        for scope in [scope, user, Scope::All] {
            let report = old.delete_scope(scope).await.unwrap();
            assert_eq!(report.deleted, 0, "{report:?}");
            assert!(report.failed >= kept.len() as u64, "{report:?}");
        }
        let report = old.sweep(full()).await.unwrap();
        assert_eq!(
            (report.references(), report.blobs, report.staging),
            (0, 0, 0)
        );
        assert!(report.failed >= kept.len() as u64, "{report:?}");
        let mut after = objects(&bucket).await;
        // The sweep reads the time from the note of its organization.
        after.retain(|key, _| before.contains_key(key));
        assert_eq!(after, before);
        for (seed, reference) in kept.iter().enumerate() {
            holds(&store, reference, &noise(seed as u64, 1000)).await;
        }
        is_gone(&store, &deleted).await;
        is_clean(&store, &bucket).await;
    }
}
