//! Stores beside and inside of each other in one bucket, long prefixes, sizes at the limits.

use std::sync::Arc;

use futures_util::StreamExt as _;
use media_storage::{
    Inventory as _, MediaBody, MediaStorage as _, MediaStorageExt as _, MediaUpload, Organization,
    Scope, StorageErrorKind, SweepOptions,
};
use media_store_object::{ObjectMediaStore, ObjectMediaStoreBuilder};
use media_types::{Mime, StorageReference};
use object_store::prefix::PrefixStore;

use super::{FaultyBucket, MIB, about, full, holds, is_clean, is_gone, listed, noise, open, put};

async fn inside(
    bucket: &FaultyBucket,
    prefix: &str,
    organization: Organization,
    deduplication: bool,
) -> ObjectMediaStore {
    ObjectMediaStore::builder()
        .with_object_store(Arc::new(PrefixStore::new(bucket.clone(), prefix)))
        .with_organization(organization)
        .with_deduplication(deduplication)
        .build()
        .await
        .unwrap()
}

/// Nobody should put one store inside another. Who does loses nothing by it.
#[tokio::test]
async fn a_store_inside_another_is_left_alone() {
    for organization in [
        Organization::Flat,
        Organization::ByConversation,
        Organization::BySession,
    ] {
        for deduplication in [true, false] {
            let bucket = FaultyBucket::new();
            let outer = ObjectMediaStore::builder().with_object_store(Arc::new(bucket.clone()));
            let outer = outer.with_deduplication(true).build().await.unwrap();
            let inner = inside(&bucket, "tenant", organization, deduplication).await;
            let bytes = noise(1, 3000);
            let theirs = put(&inner, &bytes).await;
            let ours = put(&outer, &bytes).await;
            // Its ids as seen from here are those of nothing.
            let forged = StorageReference::builder("object", format!("tenant/{}", theirs.id()));
            let forged = forged
                .with_sha256(theirs.sha256().unwrap())
                .build()
                .unwrap();
            is_gone(&outer, &forged).await;
            outer.delete(&forged).await.unwrap();
            assert_eq!(listed(&outer).await.len(), 1);
            let report = outer.sweep(full()).await.unwrap();
            assert_eq!(
                (report.failed, report.references(), report.orphans),
                (0, 0, 0)
            );
            let pruned = outer.sweep(SweepOptions::new().with_capacity(3000)).await;
            assert_eq!(pruned.unwrap().references(), 0);
            holds(&inner, &theirs, &bytes).await;
            holds(&outer, &ours, &bytes).await;
            assert_eq!(outer.delete_scope(Scope::All).await.unwrap().deleted, 1);
            holds(&inner, &theirs, &bytes).await;
            assert_eq!(listed(&inner).await.len(), 1);
        }
    }
}

#[tokio::test]
async fn stores_beside_each_other_share_nothing() {
    let bucket = FaultyBucket::new();
    let one = inside(&bucket, "a", Organization::BySession, true).await;
    let two = inside(&bucket, "a-b", Organization::BySession, true).await;
    let bytes = noise(1, 3000);
    let (ours, theirs) = (put(&one, &bytes).await, put(&two, &bytes).await);
    is_gone(&one, &theirs).await;
    is_gone(&two, &ours).await;
    assert_eq!(one.delete_scope(Scope::All).await.unwrap().deleted, 1);
    one.sweep(full()).await.unwrap();
    holds(&two, &theirs, &bytes).await;
}

fn sized(bucket: &FaultyBucket, limit: u64, deduplication: bool) -> ObjectMediaStoreBuilder {
    ObjectMediaStore::builder()
        .with_object_store(Arc::new(bucket.clone()))
        .with_part_size(5 * MIB)
        .with_max_media_size(limit)
        .with_deduplication(deduplication)
}

fn ways_in(bytes: &bytes::Bytes) -> Vec<MediaBody> {
    let text = || bytes::Bytes::from(media_types::base64::encode(bytes));
    let pieces = |all: bytes::Bytes| {
        let pieces: Vec<_> = all.chunks(100_001).map(|p| Ok(p.to_vec().into())).collect();
        futures_util::stream::iter(pieces)
    };
    vec![
        MediaBody::from_bytes(bytes.clone()),
        MediaBody::from_base64(text()),
        MediaBody::from_stream(None, pieces(bytes.clone())),
        MediaBody::from_stream(Some(bytes.len() as u64), pieces(bytes.clone())),
        MediaBody::from_base64_stream(pieces(text())),
    ]
}

/// Nothing, exactly a part, and one byte less and more, by each way in.
#[tokio::test]
async fn sizes_around_a_part_come_back_whole() {
    for deduplication in [true, false] {
        let bucket = FaultyBucket::new();
        let store = sized(&bucket, u64::MAX, deduplication)
            .build()
            .await
            .unwrap();
        for len in [0, 1, 5 * MIB - 1, 5 * MIB, 5 * MIB + 1, 10 * MIB] {
            let bytes = noise(len as u64, len);
            for body in ways_in(&bytes) {
                let upload = MediaUpload::new(Mime::IMAGE_PNG, body, about("conv-1"));
                let reference = store.store(upload).await.unwrap();
                assert_eq!(reference.size(), Some(len as u64));
                holds(&store, &reference, &bytes).await;
                store.delete(&reference).await.unwrap();
            }
        }
        is_clean(&store, &bucket).await;
    }
}

/// The limit is exact, also where the length is not known and parts are under way.
#[tokio::test]
async fn the_limit_is_exact_on_each_way_in() {
    for deduplication in [true, false] {
        for limit in [0, 1000, 5 * MIB, 11 * MIB] {
            let bucket = FaultyBucket::new();
            let store = sized(&bucket, limit as u64, deduplication)
                .build()
                .await
                .unwrap();
            for (len, fits) in [(limit, true), (limit + 1, false)] {
                let bytes = noise(1, len);
                for body in ways_in(&bytes) {
                    let upload = MediaUpload::new(Mime::IMAGE_PNG, body, about("conv-1"));
                    match store.store(upload).await {
                        Ok(reference) => {
                            assert!(fits);
                            store.delete(&reference).await.unwrap();
                        }
                        Err(error) => {
                            assert!(!fits, "{error}");
                            assert_eq!(error.kind(), StorageErrorKind::TooLarge);
                            assert!(error.to_string().contains(&limit.to_string()), "{error}");
                        }
                    }
                }
            }
            while bucket.open_uploads() > 0 {
                tokio::task::yield_now().await;
            }
            is_clean(&store, &bucket).await;
        }
    }
}

/// Pages that come twice count twice at worst; nothing is removed for it.
#[tokio::test]
async fn listings_that_repeat_remove_nothing() {
    let bucket = FaultyBucket::new();
    let store = open(&bucket, true).await;
    let single = open(&bucket, false).await;
    let mut kept = Vec::new();
    for n in 0..20 {
        let bytes = noise(n % 5, 100);
        kept.push((put(&store, &bytes).await, bytes.clone()));
        kept.push((put(&single, &bytes).await, bytes));
    }
    bucket.list_twice();
    let report = store.sweep(full()).await.unwrap();
    assert_eq!(
        (report.references(), report.orphans, report.staging),
        (0, 0, 0)
    );
    for (reference, bytes) in &kept {
        holds(&store, reference, bytes).await;
    }
    assert_eq!(store.list(Scope::All).count().await, 80);
    let report = store.delete_scope(Scope::All).await.unwrap();
    assert_eq!(report.failed, 0);
    is_clean(&store, &bucket).await;
}
