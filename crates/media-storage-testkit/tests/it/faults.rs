//! Faults come where and when they were ordered.

use std::time::Duration;

use media_storage::{
    InMemoryStorage, MediaMetadata, MediaStorageExt as _, Scope, StorageError, StorageErrorKind,
};
use media_storage_testkit::{Call, Fault, FaultyStorage, Gate};
use media_types::{Mime, StorageReference};

type Store = FaultyStorage<InMemoryStorage>;

fn healthy() -> Store {
    FaultyStorage::new(InMemoryStorage::new())
}

async fn put(store: &Store) -> Result<StorageReference, StorageError> {
    let about = MediaMetadata::new();
    store
        .store_bytes(Mime::IMAGE_PNG, vec![7_u8; 1000], about)
        .await
}

async fn references(store: &Store) -> u64 {
    use media_storage::Inventory as _;
    store.inner().usage(Scope::All).await.unwrap().references
}

#[tokio::test]
async fn faults_hit_before_or_after_the_commit() {
    let store = healthy()
        .with_fault(Fault::nth(Call::Store, 2).fail(StorageErrorKind::DiskSpace))
        .with_fault(Fault::nth(Call::Store, 3).after_commit());
    let kept = put(&store).await.unwrap();
    let error = put(&store).await.unwrap_err();
    assert_eq!(error.kind(), StorageErrorKind::DiskSpace);
    assert_eq!(references(&store).await, 1);
    let error = put(&store).await.unwrap_err();
    assert!(error.is_retryable());
    assert_eq!(references(&store).await, 2);
    assert_eq!(store.stored().len(), 2);
    assert_eq!((store.calls(Call::Store), store.bytes_stored()), (3, 1000));

    store.inject(Fault::every(Call::Delete).after_commit());
    assert!(store.delete(&kept).await.is_err());
    assert_eq!(store.deleted(), std::slice::from_ref(&kept));
    store.clear_faults();
    assert!(store.delete(&kept).await.is_ok());
    let gone = store.retrieve(&kept).await.unwrap_err();
    assert_eq!(gone.kind(), StorageErrorKind::NotFound);
}

#[tokio::test]
async fn bodies_break_on_their_way_in_and_out() {
    let store = healthy();
    let reference = put(&store).await.unwrap();
    for after in [0, 1, 999, 1000, 5000] {
        store.clear_faults();
        store.inject(Fault::every(Call::Store).in_body(after));
        let error = put(&store).await.unwrap_err();
        assert_eq!(error.kind(), StorageErrorKind::Unavailable);
        store.inject(Fault::every(Call::Retrieve).in_body(after));
        let opened = store.retrieve(&reference).await.unwrap();
        assert!(opened.body.bytes(1000).await.is_err(), "after {after}");
    }
    assert_eq!(references(&store).await, 1);
    store.clear_faults();
    let before = store.bytes_retrieved();
    let read = store.retrieve_bytes(&reference, 1000).await.unwrap();
    assert_eq!(read.len(), 1000);
    assert_eq!(store.bytes_retrieved() - before, 1000);
}

#[tokio::test]
async fn calls_wait_at_a_gate() {
    let gate = Gate::new();
    let store = healthy().with_fault(Fault::from_nth(Call::Store, 2).hold(&gate));
    put(&store).await.unwrap();
    let calls: Vec<_> = (0..3)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { put(&store).await })
        })
        .collect();
    gate.arrived().await;
    while store.calls(Call::Store) < 4 {
        tokio::task::yield_now().await;
    }
    assert_eq!(store.peak_in_flight(), 3);
    assert_eq!(references(&store).await, 1);
    gate.release(1);
    while references(&store).await < 2 {
        tokio::task::yield_now().await;
    }
    gate.open();
    for call in calls {
        call.await.unwrap().unwrap();
    }
    assert_eq!(references(&store).await, 4);
}

#[tokio::test(start_paused = true)]
async fn calls_are_late_or_never_end() {
    let store = healthy()
        .with_fault(Fault::nth(Call::Store, 1).delay(Duration::from_secs(60)))
        .with_fault(Fault::nth(Call::Store, 2).hang());
    let start = tokio::time::Instant::now();
    put(&store).await.unwrap();
    assert_eq!(start.elapsed().as_secs(), 60);
    let hour = Duration::from_secs(3600);
    assert!(tokio::time::timeout(hour, put(&store)).await.is_err());
    assert_eq!(references(&store).await, 1);
}
