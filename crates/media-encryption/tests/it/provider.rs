//! A provider that is down, or asked too often.

use std::sync::atomic::Ordering;
use std::time::Duration;

use media_encryption::Encrypted;
use media_storage::{InMemoryStorage, MediaStorage, MediaStorageExt as _, Scope, StorageErrorKind};

use crate::support::{Watched, local, noise, put};

#[tokio::test(start_paused = true)]
async fn a_provider_that_is_down_is_one_clear_error_and_nothing_is_half_done() {
    let directory = tempfile::tempdir().unwrap();
    let keys = Watched::new(local(directory.path()).await);
    let store = Encrypted::new(InMemoryStorage::new(), keys.clone());
    let bytes = noise(200_000);
    let reference = put(&store, &bytes, "ann").await.unwrap();
    keys.down.store(true, Ordering::SeqCst);
    // The key is still there for its time.
    assert_eq!(
        store.retrieve_bytes(&reference, u64::MAX).await.unwrap(),
        bytes
    );
    tokio::time::advance(Duration::from_secs(60)).await;

    let errors = [
        store.retrieve(&reference).await.unwrap_err(),
        put(&store, &bytes, "ann").await.unwrap_err(),
        put(&store, &bytes, "ben").await.unwrap_err(),
        store
            .forget_key(&"ann".parse::<media_types::UserId>().unwrap())
            .await
            .unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.kind(), StorageErrorKind::Unavailable, "{error}");
        assert!(error.is_retryable());
        let text = error.to_string();
        assert!(text.contains("the key provider is not available"), "{text}");
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert_eq!(cause, "connection refused");
    }
    let inventory = store.inventory().unwrap();
    assert_eq!(inventory.usage(Scope::All).await.unwrap().references, 1);
    keys.down.store(false, Ordering::SeqCst);
    assert_eq!(
        store.retrieve_bytes(&reference, u64::MAX).await.unwrap(),
        bytes
    );
}

#[tokio::test(start_paused = true)]
async fn a_key_is_asked_for_once_in_its_lifetime() {
    let directory = tempfile::tempdir().unwrap();
    let keys = Watched::new(local(directory.path()).await);
    let store = Encrypted::new(InMemoryStorage::new(), keys.clone());
    let reference = put(&store, &noise(1000), "ann").await.unwrap();
    let stored = keys.asked.load(Ordering::SeqCst);
    for round in 0..3 {
        let reads =
            (0..50).map(|_| async { store.retrieve_bytes(&reference, 1000).await.unwrap() });
        futures_util::future::join_all(reads).await;
        assert_eq!(keys.asked.load(Ordering::SeqCst), stored + round);
        tokio::time::advance(Duration::from_secs(61)).await;
    }
}
