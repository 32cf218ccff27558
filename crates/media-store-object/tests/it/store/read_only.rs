//! Stores that were opened for reading only.

use std::sync::Arc;

use media_storage::{Inventory as _, MediaStorageExt as _, Scope, StorageErrorKind, SweepOptions};
use media_store_object::ObjectMediaStore;
use media_types::Mime;

use super::{FaultyBucket, Verb, about, full, holds, listed, noise, open, put};

#[tokio::test]
async fn a_read_only_store_writes_nothing() {
    let bucket = FaultyBucket::new();
    let writer = open(&bucket, true).await;
    let bytes = noise(1, 3000);
    let reference = put(&writer, &bytes).await;
    bucket.take_requests();

    let store = ObjectMediaStore::builder()
        .with_object_store(Arc::new(bucket.clone()))
        .with_deduplication(true)
        .with_read_only()
        .build()
        .await
        .unwrap();
    assert!(!store.is_deduplicating());
    holds(&store, &reference, &bytes).await;
    assert_eq!(listed(&store).await.len(), 1);
    assert_eq!(store.usage(Scope::All).await.unwrap().references, 1);
    store.sweep(full().with_dry_run()).await.unwrap();

    let stored = store.store_bytes(Mime::IMAGE_PNG, bytes.clone(), about("conv-1"));
    let refused = [
        stored.await.unwrap_err(),
        store.delete(&reference).await.unwrap_err(),
        store.delete_scope(Scope::All).await.unwrap_err(),
        store.sweep(SweepOptions::new()).await.unwrap_err(),
    ];
    for error in refused {
        assert_eq!(error.kind(), StorageErrorKind::Permission, "{error}");
        let sentence = error.to_string();
        assert!(sentence.contains("opened for reading only"), "{sentence}");
    }
    for request in bucket.take_requests() {
        assert!(
            matches!(request.verb, Verb::Get | Verb::List),
            "{request:?}"
        );
    }
    holds(&writer, &reference, &bytes).await;
}
