//! Forgetting a key: here at once, elsewhere within the lifetime of an unwrapped key.

use std::time::Duration;

use futures_util::StreamExt as _;
use media_encryption::Encrypted;
use media_read_cache::ReadCache;
use media_storage::{
    DuplicateOptions, MediaStorage, MediaStorageExt as _, Scope, StorageErrorKind,
};
use media_types::UserId;
use tokio::sync::oneshot;

use crate::support::{Watched, files, local, noise, of, process, put};

/// The time that the documentation states.
const STATED: Duration = Duration::from_secs(60);

fn ann() -> UserId {
    "ann".parse().unwrap()
}

/// Another process has the key unwrapped and the ciphertext in a cache on its disk, and an open stream.
#[tokio::test(start_paused = true)]
async fn another_process_with_a_warm_key_and_cache_loses_access_in_the_stated_time() {
    let directory = tempfile::tempdir().unwrap();
    let here = process(directory.path()).await;
    let bytes = noise(3_000_000);
    let reference = put(&here, &bytes, "ann").await.unwrap();
    let bens = put(&here, &bytes, "ben").await.unwrap();

    let cache = ReadCache::builder(
        files(directory.path()).await,
        directory.path().join("cache"),
    );
    let there = Encrypted::new(cache.build().await.unwrap(), local(directory.path()).await);
    for _ in 0..2 {
        assert!(there.retrieve_bytes(&reference, u64::MAX).await.unwrap() == bytes);
    }
    let mut open = there.retrieve(&reference).await.unwrap().body.into_stream();
    open.next().await.unwrap().unwrap();

    assert!(here.forget_key(ann()).await.unwrap());
    let error = here.retrieve(&reference).await.unwrap_err();
    assert_eq!(error.kind(), StorageErrorKind::NotFound, "{error}");
    assert!(!here.forget_key(ann()).await.unwrap());

    tokio::time::advance(STATED).await;
    let error = there.retrieve(&reference).await.unwrap_err();
    assert_eq!(error.kind(), StorageErrorKind::NotFound, "{error}");
    let rest: Vec<_> = open.collect().await;
    let error = rest.last().unwrap().as_ref().unwrap_err();
    assert_eq!(error.kind(), StorageErrorKind::NotFound, "{error}");
    // Nobody else loses anything.
    assert!(there.retrieve_bytes(&bens, u64::MAX).await.unwrap() == bytes);
}

/// A restored backup of the store brings nothing back, and the user may return.
#[tokio::test]
async fn forgotten_media_stays_unreadable_and_can_be_deleted() {
    let directory = tempfile::tempdir().unwrap();
    let store = process(directory.path()).await;
    let bytes = noise(1000);
    let old = put(&store, &bytes, "ann").await.unwrap();
    store.forget_key(ann()).await.unwrap();
    let new = put(&store, &bytes, "ann").await.unwrap();
    assert_ne!(old.metadata("hmac"), new.metadata("hmac"));
    for store in [store.clone(), process(directory.path()).await] {
        assert!(!store.exists(&old).await.unwrap());
        assert_eq!(store.retrieve_bytes(&new, 1000).await.unwrap(), bytes);
        let inventory = store.inventory().unwrap();
        let entries: Vec<_> = inventory.list(Scope::User(ann())).collect().await;
        let ids: Vec<_> = entries
            .iter()
            .map(|entry| entry.as_ref().unwrap().reference.id())
            .collect();
        assert!(ids.contains(&old.id()) && ids.contains(&new.id()));
    }
    let inventory = store.inventory().unwrap();
    let report = inventory.delete_scope(Scope::User(ann())).await.unwrap();
    assert_eq!(report.deleted, 2);
}

/// Another process has forgotten the key that this one has unwrapped.
#[tokio::test(start_paused = true)]
async fn new_media_is_never_acknowledged_under_a_key_that_was_forgotten() {
    let directory = tempfile::tempdir().unwrap();
    let (here, there) = (
        process(directory.path()).await,
        process(directory.path()).await,
    );
    let bytes = noise(1000);
    let old = put(&there, &bytes, "ann").await.unwrap();
    let bens = put(&there, &bytes, "ben").await.unwrap();
    here.forget_key(ann()).await.unwrap();
    let new = put(&there, &bytes, "ann").await.unwrap();
    let copy = there.duplicate(&bens, DuplicateOptions::new(of("ann")));
    let copy = copy.await.unwrap();
    // The old media is readable there for a while, but takes no other key in that time.
    let options = DuplicateOptions::new(of("ben"));
    let error = there.duplicate(&old, options).await.unwrap_err();
    assert_eq!(error.kind(), StorageErrorKind::NotFound, "{error}");
    tokio::time::advance(STATED).await;
    let store = process(directory.path()).await;
    for reference in [&new, &copy] {
        assert_eq!(store.retrieve_bytes(reference, 1000).await.unwrap(), bytes);
    }
}

/// The key is forgotten after the provider has answered and before the answer is here.
#[tokio::test(start_paused = true)]
async fn a_look_up_in_flight_brings_no_forgotten_key_back() {
    let directory = tempfile::tempdir().unwrap();
    let bytes = noise(1000);
    let old = put(&process(directory.path()).await, &bytes, "ann")
        .await
        .unwrap();
    let provider = Watched::new(local(directory.path()).await);
    let store = Encrypted::new(files(directory.path()).await, provider.clone());
    let hold = || {
        let (there, arrived) = oneshot::channel();
        let (go, held) = oneshot::channel();
        *provider.hold.lock().unwrap() = Some((there, held));
        (arrived, go)
    };

    let (arrived, go) = hold();
    let (reader, reference) = (store.clone(), old.clone());
    let reading = tokio::spawn(async move { reader.retrieve(&reference).await.map(drop) });
    arrived.await.unwrap();
    assert!(store.forget_key(ann()).await.unwrap());
    go.send(()).unwrap();
    let error = reading.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), StorageErrorKind::NotFound, "{error}");
    assert!(!store.exists(&old).await.unwrap());

    let (arrived, go) = hold();
    let (writer, body) = (store.clone(), bytes.clone());
    let writing = tokio::spawn(async move { put(&writer, &body, "ann").await });
    arrived.await.unwrap();
    assert!(store.forget_key(ann()).await.unwrap());
    go.send(()).unwrap();
    let new = writing.await.unwrap().unwrap();
    tokio::time::advance(STATED).await;
    assert_eq!(store.retrieve_bytes(&new, 1000).await.unwrap(), bytes);
}
