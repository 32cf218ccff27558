//! Deletions that are interrupted, or that meet what others stored, leave nothing of what they were for.

use media_storage::{
    DeleteOptions, Inventory as _, MediaStorage as _, MediaStorageExt as _, Scope, StorageErrorKind,
};
use media_store_object::{ObjectMediaStore, ProtocolVersion};
use media_types::{Mime, StorageReference};
use object_store::ObjectStoreExt as _;
use object_store::path::Path;

use super::super::{Fate, FaultyBucket, Verb, about, full, holds, is_gone, noise};
use super::{builder, is_clean, objects, of_user, open, put_for};

/// The tombstone of the sidecar is not written: the entry in the index of the user stays, so that the
/// deletion of the user that is repeated finds the media.
#[tokio::test]
async fn a_user_is_erased_by_a_second_deletion_if_the_tombstone_was_not_written() {
    for deduplication in [true, false] {
        let bucket = FaultyBucket::new();
        let store = open(&bucket, deduplication).await;
        let reference = put_for(&store, 1, of_user("conv-1", "user-1")).await;
        store.sweep(full()).await.unwrap();
        assert!(
            bucket
                .names()
                .iter()
                .any(|name| name.ends_with("user-complete"))
        );
        bucket.judge(|request| {
            let buries =
                request.verb == Verb::Put && request.body == 0 && request.key.ends_with(".meta");
            (if buries { Fate::FailBefore } else { Fate::Pass }, 0)
        });
        let scope = Scope::User("user-1".parse().unwrap());
        let report = store.delete_scope(scope.clone()).await.unwrap();
        assert_eq!((report.deleted, report.failed), (0, 1));
        bucket.heal();
        let report = store.delete_scope(scope).await.unwrap();
        assert_eq!((report.deleted, report.failed), (1, 0));
        is_gone(&store, &reference).await;
        is_clean(&store, &bucket).await;
    }
}

/// The bytes of media whose sidecar is buried are not removed: the deletion of the user that is repeated
/// removes them.
#[tokio::test]
async fn bytes_that_a_deletion_left_go_with_the_second_deletion_of_their_user() {
    let bucket = FaultyBucket::new();
    let store = open(&bucket, false).await;
    let reference = put_for(&store, 1, of_user("conv-1", "user-1")).await;
    store.sweep(full()).await.unwrap();
    let media = reference.id().to_owned();
    bucket.judge(move |request| {
        let removes = request.verb == Verb::Delete && request.key == media;
        (
            if removes {
                Fate::FailBefore
            } else {
                Fate::Pass
            },
            0,
        )
    });
    let scope = Scope::User("user-1".parse().unwrap());
    let report = store.delete_scope(scope.clone()).await.unwrap();
    assert_eq!(report.deleted, 0);
    assert!(report.failed > 0);
    is_gone(&store, &reference).await;
    // It fails as long as the bytes are there.
    assert!(store.delete_scope(scope.clone()).await.unwrap().failed > 0);
    bucket.heal();
    assert_eq!(store.delete_scope(scope).await.unwrap().failed, 0);
    let names = bucket.names();
    assert!(
        !names.iter().any(|name| name == reference.id()),
        "{names:#?}"
    );
    assert!(
        !names.iter().any(|name| name.contains("/user/")),
        "{names:#?}"
    );
    is_clean(&store, &bucket).await;
}

/// A process that knows only the first protocol stores media of the user when the index of the second
/// is complete.
#[tokio::test]
async fn a_user_is_erased_with_media_that_an_older_process_stored() {
    let bucket = FaultyBucket::new();
    let store = open(&bucket, true).await;
    let new = put_for(&store, 1, of_user("conv-1", "user-1")).await;
    store.sweep(full()).await.unwrap();
    let elsewhere = FaultyBucket::new();
    let older = ObjectMediaStore::builder()
        .with_object_store(std::sync::Arc::new(elsewhere.clone()))
        .with_deduplication(true)
        .with_protocol(ProtocolVersion::First);
    let older = older.build().await.unwrap();
    let old = put_for(&older, 2, of_user("conv-2", "user-1")).await;
    for (name, body) in objects(&elsewhere).await {
        let path = Path::parse(name).unwrap();
        bucket.inner().put(&path, body.into()).await.unwrap();
    }
    holds(&store, &old, &noise(2, 1000)).await;
    let scope = Scope::User("user-1".parse().unwrap());
    let report = store.delete_scope(scope).await.unwrap();
    assert_eq!((report.deleted, report.failed), (2, 0));
    is_gone(&store, &new).await;
    is_gone(&store, &old).await;
}

#[tokio::test]
async fn several_deletions_overlap_and_fail_one_by_one() {
    let bucket = FaultyBucket::new();
    let store = open(&bucket, true).await;
    let mut references = Vec::new();
    for seed in 0..40 {
        references.push(put_for(&store, seed, about("conv-1")).await);
    }
    let foreign = StorageReference::builder("file", references[0].id());
    references[7] = foreign.build().unwrap();
    let failing = references[20].id().to_owned();
    bucket.take_requests();
    bucket.judge(move |request| {
        let fails = request.verb == Verb::Get && request.key.contains(&failing);
        (if fails { Fate::FailBefore } else { Fate::Pass }, 3)
    });
    let results = store.delete_many(&references, DeleteOptions::new()).await;
    bucket.heal();
    let requests = bucket.take_requests();
    // The reference of another store costs none.
    assert!(
        requests
            .iter()
            .take(31)
            .all(|request| request.verb == Verb::Get)
    );
    assert_eq!(results.len(), references.len());
    for (at, (result, reference)) in results.into_iter().zip(&references).enumerate() {
        match at {
            7 => assert_eq!(result.unwrap_err().kind(), StorageErrorKind::InvalidRef),
            20 => {
                assert_eq!(result.unwrap_err().kind(), StorageErrorKind::Unavailable);
                holds(&store, reference, &noise(20, 1000)).await;
            }
            _ => {
                result.unwrap();
                is_gone(&store, reference).await;
            }
        }
    }
}

/// A defect is not reported as a service that will be there again soon.
#[tokio::test]
async fn a_panic_in_a_task_of_the_store_reaches_the_caller() {
    let bucket = FaultyBucket::new();
    let store = open(&bucket, false).await;
    let reference = put_for(&store, 1, about("conv-1")).await;
    let panics = |request: &super::super::bucket::Request| {
        assert!(request.verb != Verb::Put, "injected");
        (Fate::Pass, 0)
    };
    bucket.judge(panics);
    let deleting = {
        let (store, reference) = (store.clone(), reference.clone());
        tokio::spawn(async move { store.delete(&reference).await })
    };
    assert!(deleting.await.unwrap_err().is_panic());
    let storing = {
        let store = store.clone();
        tokio::spawn(async move {
            let stored = store.store_bytes(Mime::IMAGE_PNG, noise(2, 1000), about("conv-1"));
            stored.await
        })
    };
    assert!(storing.await.unwrap_err().is_panic());
    bucket.heal();
    holds(&store, &reference, &noise(1, 1000)).await;
}

/// Nothing but the sidecar shows that there are bytes.
#[tokio::test]
async fn without_tombstones_a_sidecar_outlives_bytes_that_could_not_be_removed() {
    let scopes = [
        Scope::User("user-1".parse().unwrap()),
        Scope::Conversation("conv-1".parse().unwrap()),
    ];
    for scope in scopes {
        let bucket = FaultyBucket::new();
        bucket.ignore_conditions_of("");
        let opening = builder(&bucket, false).with_name_key([7; 32]);
        let store = opening.build().await.unwrap();
        let reference = put_for(&store, 1, of_user("conv-1", "user-1")).await;
        store.sweep(full()).await.unwrap();
        let media = reference.id().to_owned();
        bucket.judge(move |request| {
            let removes = request.verb == Verb::Delete && request.key == media;
            let fate = if removes {
                Fate::FailBefore
            } else {
                Fate::Pass
            };
            (fate, 0)
        });
        let report = store.delete_scope(scope.clone()).await.unwrap();
        assert_eq!((report.deleted, report.failed), (0, 1));
        bucket.heal();
        let report = store.delete_scope(scope).await.unwrap();
        assert_eq!((report.deleted, report.failed), (1, 0));
        is_gone(&store, &reference).await;
        let names = bucket.names();
        assert!(
            !names.iter().any(|name| name == reference.id()),
            "{names:?}"
        );
    }
}
