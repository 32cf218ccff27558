//! Buckets that others have been at.

use media_storage::{
    Inventory as _, MediaStorage as _, MediaStorageExt as _, RetrieveOptions, Scope,
    StorageErrorKind, Verification,
};
use media_types::StorageReference;
use object_store::path::Path;
use object_store::{ObjectStoreExt as _, PutPayload};

use super::{FaultyBucket, full, holds, is_clean, is_gone, listed, noise, open, put};

async fn overwrite(bucket: &FaultyBucket, key: &Path, bytes: Vec<u8>) {
    let payload = PutPayload::from(bytes);
    bucket.inner().put(key, payload).await.unwrap();
}

fn media_of(bucket: &FaultyBucket, deduplication: bool, reference: &StorageReference) -> Path {
    match deduplication {
        true => bucket.name_with("/blob/"),
        false => Path::parse(reference.id()).unwrap(),
    }
}

#[tokio::test]
async fn changed_bytes_are_corrupted_and_missing_ones_told() {
    for deduplication in [true, false] {
        let bucket = FaultyBucket::new();
        let store = open(&bucket, deduplication).await;
        let bytes = noise(1, 3000);
        let reference = put(&store, &bytes).await;
        let media = media_of(&bucket, deduplication, &reference);
        let mut flipped = bytes.to_vec();
        flipped[1234] ^= 1;
        let longer = [&bytes[..], b"x"].concat();
        for damaged in [flipped.clone(), bytes[..2999].to_vec(), vec![], longer] {
            overwrite(&bucket, &media, damaged).await;
            let error = store.retrieve_bytes(&reference, 5000).await.unwrap_err();
            assert_eq!(error.kind(), StorageErrorKind::Corrupted, "{error:?}");
            assert_eq!(
                (error.backend(), error.key()),
                ("object", Some(reference.id()))
            );
        }
        overwrite(&bucket, &media, flipped.clone()).await;
        let unverified = RetrieveOptions::new().with_verification(Verification::SizeOnly);
        let stored = store.retrieve_opts(&reference, unverified).await.unwrap();
        assert!(stored.body.bytes(3000).await.unwrap() == flipped);
        bucket.inner().delete(&media).await.unwrap();
        let error = store.retrieve(&reference).await.unwrap_err();
        let expected = match deduplication {
            true => StorageErrorKind::Corrupted,
            false => StorageErrorKind::NotFound,
        };
        assert_eq!(error.kind(), expected, "{error:?}");
        store.delete(&reference).await.unwrap();
        is_clean(&store, &bucket).await;
    }
}

/// As by a lifecycle rule: the record still names the bytes.
#[tokio::test]
async fn nobody_new_shares_bytes_that_are_gone() {
    for damaged in [None, Some(noise(2, 17))] {
        let bucket = FaultyBucket::new();
        let first = open(&bucket, true).await;
        let bytes = noise(1, 3000);
        let lost = put(&first, &bytes).await;
        let blob = bucket.name_with("/blob/");
        match damaged {
            None => bucket.inner().delete(&blob).await.unwrap(),
            Some(damaged) => overwrite(&bucket, &blob, damaged.to_vec()).await,
        }
        let store = open(&bucket, true).await;
        let reference = put(&store, &bytes).await;
        holds(&store, &reference, &bytes).await;
        assert_eq!(listed(&store).await.len(), 2);
        for reference in [&reference, &lost] {
            store.delete(reference).await.unwrap();
        }
        is_clean(&store, &bucket).await;
    }
}

#[tokio::test]
async fn a_lost_sidecar_is_made_again_from_the_marker() {
    let bucket = FaultyBucket::new();
    let store = open(&bucket, true).await;
    let bytes = noise(1, 3000);
    let (one, two) = (put(&store, &bytes).await, put(&store, &bytes).await);
    for reference in [&one, &two] {
        let sidecar = Path::parse(format!("{}.meta", reference.id())).unwrap();
        bucket.inner().delete(&sidecar).await.unwrap();
        holds(&store, reference, &bytes).await;
    }
    assert!(listed(&store).await.is_empty());
    let foreign = StorageReference::builder("object", one.id().replace("conv-1", "conv-2"))
        .with_sha256(one.sha256().unwrap());
    is_gone(&store, &foreign.build().unwrap()).await;
    store.delete(&two).await.unwrap();
    is_gone(&store, &two).await;
    store.sweep(full()).await.unwrap();
    assert_eq!(listed(&store).await[0].reference, one);
    holds(&store, &one, &bytes).await;
    store.delete(&one).await.unwrap();
    is_clean(&store, &bucket).await;
}

#[tokio::test]
async fn sidecars_that_do_not_read_hide_nothing_else() {
    for deduplication in [true, false] {
        let bucket = FaultyBucket::new();
        let store = open(&bucket, deduplication).await;
        let bytes = noise(1, 3000);
        let (damaged, kept) = (put(&store, &bytes).await, put(&store, &bytes).await);
        let sidecar = Path::parse(format!("{}.meta", damaged.id())).unwrap();
        for bad in [vec![], b"[".repeat(70_000), b"{}".to_vec()] {
            overwrite(&bucket, &sidecar, bad).await;
            let read = store.retrieve_bytes(&damaged, 3000).await;
            match deduplication {
                true => assert!(read.unwrap() == bytes),
                false => assert_eq!(read.unwrap_err().kind(), StorageErrorKind::Corrupted),
            }
        }
        let entries: Vec<_> =
            futures_util::StreamExt::collect::<Vec<_>>(store.list(Scope::All)).await;
        assert_eq!(entries.iter().filter(|entry| entry.is_ok()).count(), 1);
        assert_eq!(entries.len(), 2);
        let report = store.sweep(full()).await.unwrap();
        assert_eq!((report.failed, report.references()), (1, 0), "{report:?}");
        holds(&store, &kept, &bytes).await;
        assert_eq!(store.delete_scope(Scope::All).await.unwrap().deleted, 2);
        is_gone(&store, &kept).await;
    }
}

#[tokio::test]
async fn objects_of_others_are_left_alone() {
    let bucket = FaultyBucket::new();
    let store = open(&bucket, true).await;
    for foreign in [
        "readme.txt",
        "a/b/c/d/x.meta",
        ".store/v2/thing",
        ".store/v1/rec/xyz",
    ] {
        let key = Path::parse(foreign).unwrap();
        overwrite(&bucket, &key, b"not ours".to_vec()).await;
    }
    let reference = put(&store, &noise(1, 100)).await;
    assert_eq!(listed(&store).await.len(), 1);
    let usage = store.usage(Scope::All).await.unwrap();
    assert_eq!((usage.references, usage.blobs), (1, 1));
    store.sweep(full()).await.unwrap();
    store.delete_scope(Scope::All).await.unwrap();
    is_gone(&store, &reference).await;
    assert_eq!(
        bucket
            .names()
            .iter()
            .filter(|name| {
                [
                    "readme.txt",
                    "a/b/c/d/x.meta",
                    ".store/v2/thing",
                    ".store/v1/rec/xyz",
                ]
                .contains(&name.as_str())
            })
            .count(),
        4
    );
}
