//! A service that cannot do everything: a directory.

use std::sync::Arc;

use media_storage::{Inventory as _, MediaStorageExt as _, Scope};
use media_store_object::ObjectMediaStore;
use object_store::local::LocalFileSystem;
use object_store::prefix::PrefixStore;

use super::{holds, is_gone, noise, put};

/// Files know no conditional replacement and no headers.
#[tokio::test]
async fn a_service_that_cannot_share_keeps_one_object_each() {
    let directory = tempfile::tempdir().unwrap();
    let files = LocalFileSystem::new_with_prefix(directory.path()).unwrap();
    let store = ObjectMediaStore::builder()
        .with_object_store(Arc::new(PrefixStore::new(files, "media")))
        .with_deduplication(true)
        .build()
        .await
        .unwrap();
    assert!(!store.is_deduplicating());
    let bytes = noise(1, 3000);
    let (one, two) = (put(&store, &bytes).await, put(&store, &bytes).await);
    let usage = store.usage(Scope::All).await.unwrap();
    assert_eq!((usage.references, usage.blobs, usage.copies), (2, 2, 2));
    store.delete(&one).await.unwrap();
    is_gone(&store, &one).await;
    holds(&store, &two, &bytes).await;
    store.delete_scope(Scope::All).await.unwrap();
    assert_eq!(store.usage(Scope::All).await.unwrap().blobs, 0);
}
