//! Imports of media whose sidecar was lost, damaged, or belongs to another store.

use bytes::Bytes;
use chrono::TimeDelta;
use futures_util::StreamExt as _;
use media_storage::{
    Entry, ImportOutcome, ImportUpload, Importer as _, Inventory as _, MediaBody,
    MediaStorageExt as _, Scope, StorageErrorKind,
};
use media_store_object::ObjectMediaStore;
use object_store::path::Path;
use object_store::{ObjectStoreExt as _, PutPayload};

use super::super::{Fate, FaultyBucket, Verb, full, holds, is_gone};
use super::imports::{elsewhere, import};
use super::{is_clean, objects, of_user, open, put_for};

fn sidecar_of(bucket: &FaultyBucket, source: &(Entry, Bytes)) -> Path {
    bucket.name_with(&format!("{}.meta", source.0.reference.id()))
}

async fn lose(bucket: &FaultyBucket, path: &Path) -> Bytes {
    let lost = bucket.inner().get(path).await.unwrap();
    let lost = lost.bytes().await.unwrap();
    bucket.inner().delete(path).await.unwrap();
    lost
}

async fn write(bucket: &FaultyBucket, path: &Path, body: impl Into<PutPayload>) {
    bucket.inner().put(path, body.into()).await.unwrap();
}

async fn sealed_markers(bucket: &FaultyBucket) -> usize {
    let objects = objects(bucket).await;
    let sealed = objects
        .iter()
        .filter(|(name, body)| name.contains("v2/ref/") && body.len() > 100);
    sealed.count()
}

/// What became of a second import, which did not find the sealed marker of the first one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Second {
    Completed,
    Cut,
    Retired,
}

/// Leaves the sealed marker of an import whose sidecar was lost, and what a second import wrote.
async fn twice(source: &(Entry, Bytes), second: Second) -> (FaultyBucket, ObjectMediaStore) {
    let bucket = FaultyBucket::new();
    let store = open(&bucket, true).await;
    import(&store, source).await.unwrap();
    lose(&bucket, &sidecar_of(&bucket, source)).await;
    let marker = bucket.name_with("v2/ref/");
    let sealed = lose(&bucket, &marker).await;
    if second != Second::Completed {
        let mut markers = 0;
        bucket.judge(move |request| {
            markers += usize::from(request.verb == Verb::Put && request.key.contains("v2/ref/"));
            let fate = if markers == 2 {
                Fate::FailBefore
            } else {
                Fate::Pass
            };
            (fate, 0)
        });
    }
    let imported = import(&store, source).await;
    assert_eq!(imported.is_ok(), second == Second::Completed);
    bucket.heal();
    if second == Second::Retired {
        store.sweep(full()).await.unwrap();
    }
    write(&bucket, &marker, sealed).await;
    (bucket, store)
}

#[tokio::test]
async fn media_whose_sidecar_was_lost_is_imported_once_and_deleted_for_good() {
    let source = elsewhere(1000).await;
    let bucket = FaultyBucket::new();
    let store = open(&bucket, true).await;
    let reference = import(&store, &source).await.unwrap().reference;
    lose(&bucket, &sidecar_of(&bucket, &source)).await;
    let again = import(&store, &source).await.unwrap();
    assert_eq!(again.outcome, ImportOutcome::Present);
    assert_eq!(sealed_markers(&bucket).await, 1);
    let _ = sidecar_of(&bucket, &source);
    holds(&store, &reference, &source.1).await;
    store.delete(&reference).await.unwrap();
    bucket.age(TimeDelta::days(8));
    for _ in 0..2 {
        store.sweep(full()).await.unwrap();
        is_gone(&store, &reference).await;
    }
    is_clean(&store, &bucket).await;
}

/// A deletion of the second revision is not undone by the marker of the first.
#[tokio::test]
async fn of_two_revisions_neither_comes_back() {
    let source = elsewhere(1000).await;
    for sweeps in [0, 2] {
        let (bucket, store) = twice(&source, Second::Completed).await;
        assert_eq!(sealed_markers(&bucket).await, 2);
        for _ in 0..sweeps {
            assert_eq!(store.sweep(full()).await.unwrap().failed, 0);
        }
        if sweeps > 0 {
            assert_eq!(sealed_markers(&bucket).await, 1);
        }
        let reference = source.0.reference.clone();
        holds(&store, &reference, &source.1).await;
        store.delete(&reference).await.unwrap();
        bucket.age(TimeDelta::days(8));
        for _ in 0..3 {
            store.sweep(full()).await.unwrap();
            is_gone(&store, &reference).await;
        }
        is_clean(&store, &bucket).await;
    }
}

/// A second import that was cut does not hide the first one.
#[tokio::test]
async fn media_stays_readable_beside_an_import_that_was_cut() {
    let source = elsewhere(1000).await;
    for second in [Second::Cut, Second::Retired] {
        for sweep in [true, false] {
            let (bucket, store) = twice(&source, second).await;
            holds(&store, &source.0.reference, &source.1).await;
            if sweep {
                assert_eq!(store.sweep(full()).await.unwrap().failed, 0);
            }
            let entries = store.list(Scope::All).count().await;
            let listed = sweep && second == Second::Retired;
            assert_eq!(entries, usize::from(listed), "{second:?}");
            let again = import(&store, &source).await.unwrap();
            assert_eq!(again.outcome, ImportOutcome::Present);
            assert_eq!(store.sweep(full()).await.unwrap().failed, 0);
            holds(&store, &source.0.reference, &source.1).await;
            assert_eq!(store.list(Scope::All).count().await, 1);
            is_clean(&store, &bucket).await;
        }
    }
}

/// The old tombstone of an import that was cut is not made that of a deletion, which would hide the first
/// one, and bury it.
#[tokio::test]
async fn media_that_lost_its_sidecar_outlives_the_tombstone_of_another_import() {
    let source = elsewhere(1000).await;
    let (bucket, store) = twice(&source, Second::Retired).await;
    bucket.age(TimeDelta::days(8));
    bucket.judge(|request| match request.verb {
        Verb::Delete => (Fate::FailBefore, 0),
        _ => (Fate::Pass, 0),
    });
    let _ = store.sweep(full()).await;
    bucket.heal();
    for _ in 0..2 {
        holds(&store, &source.0.reference, &source.1).await;
        assert_eq!(store.sweep(full()).await.unwrap().failed, 0);
    }
    assert_eq!(store.list(Scope::All).count().await, 1);
    is_clean(&store, &bucket).await;
}

#[tokio::test]
async fn a_marker_is_found_by_listings_in_any_order() {
    let source = elsewhere(1000).await;
    let bucket = FaultyBucket::new();
    let store = open(&bucket, true).await;
    bucket.list_unordered();
    for n in 0..12 {
        put_for(&store, 7, of_user(&format!("conv-{n}"), "user-2")).await;
    }
    import(&store, &source).await.unwrap();
    for n in 12..24 {
        put_for(&store, 7, of_user(&format!("conv-{n}"), "user-2")).await;
    }
    lose(&bucket, &sidecar_of(&bucket, &source)).await;
    holds(&store, &source.0.reference, &source.1).await;
}

#[tokio::test]
async fn media_of_a_neighbor_is_refused_before_its_body_is_read() {
    let source = elsewhere(1000).await;
    let id = source.0.reference.id().to_owned();
    let (_, inner) = id.split_once('/').unwrap();
    let bucket = FaultyBucket::new();
    let store = open(&bucket, true).await;
    import(&store, &source).await.unwrap();
    let sidecar = sidecar_of(&bucket, &source);
    let json = lose(&bucket, &sidecar).await;
    let foreign = String::from_utf8(json.to_vec())
        .unwrap()
        .replace(&id, inner);
    write(&bucket, &sidecar, foreign.into_bytes()).await;
    let unread = futures_util::stream::poll_fn(|_| unreachable!("the body was read"));
    let body = MediaBody::from_stream(Some(1000), unread);
    let upload = ImportUpload::new(source.0.clone(), body);
    let refused = store.import(upload).await.unwrap_err();
    assert_eq!(
        refused.kind(),
        StorageErrorKind::InvalidInput,
        "{refused:?}"
    );
    assert!(!refused.is_retryable());
}

#[tokio::test]
async fn deleting_imported_media_with_a_damaged_sidecar_buries_its_marker() {
    let source = elsewhere(1000).await;
    let bucket = FaultyBucket::new();
    let store = open(&bucket, true).await;
    import(&store, &source).await.unwrap();
    write(&bucket, &sidecar_of(&bucket, &source), "{}").await;
    store.delete(&source.0.reference).await.unwrap();
    assert_eq!(sealed_markers(&bucket).await, 0);
    is_gone(&store, &source.0.reference).await;
    is_clean(&store, &bucket).await;
}

/// A damaged sidecar that has the length of a tombstone is reported, and can be deleted.
#[tokio::test]
async fn a_damaged_sidecar_of_any_length_is_listed_as_damaged() {
    let source = elsewhere(1000).await;
    let bucket = FaultyBucket::new();
    let store = open(&bucket, true).await;
    import(&store, &source).await.unwrap();
    write(&bucket, &sidecar_of(&bucket, &source), vec![b'x'; 40]).await;
    let listed: Vec<_> = store.list(Scope::All).collect().await;
    let [Err(damaged)] = listed.as_slice() else {
        panic!("{listed:?}");
    };
    assert_eq!(damaged.kind(), StorageErrorKind::Corrupted);
    store.delete(&source.0.reference).await.unwrap();
    is_clean(&store, &bucket).await;
}
