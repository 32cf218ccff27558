//! Caches in front of a store.

use std::sync::Arc;

use media_read_cache::ReadCache;
use media_storage::{InMemoryStorage, MediaStorageExt};

use crate::support::Rig;

#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_empties_the_cache_of_what_the_user_had() {
    let directory = tempfile::tempdir().unwrap();
    let cache = ReadCache::builder(InMemoryStorage::new(), directory.path());
    let cache = cache.build().await.unwrap();
    let rig = Rig::over(Arc::new(cache.clone()), |builder| builder);
    let (_, reference) = rig.conversation("u1").await;
    while cache.stats().entries == 0 {
        rig.store.retrieve_bytes(&reference, 100).await.unwrap();
        tokio::task::yield_now().await;
    }
    let receipt = rig
        .lifecycle
        .erase_user(&"u1".parse().unwrap())
        .await
        .unwrap();
    assert!(receipt.is_complete(), "{receipt:?}");
    let place = &receipt.places[0];
    assert_eq!((place.references, place.cached_copies), (1, 1));
    assert_eq!(cache.stats().bytes, 0);
    let slots = std::fs::read_dir(directory.path()).unwrap();
    let files = slots.flat_map(|slot| std::fs::read_dir(slot.unwrap().path()).unwrap());
    let names: Vec<_> = files.map(|file| file.unwrap().file_name()).collect();
    assert!(
        !names
            .iter()
            .any(|name| name.to_string_lossy().contains('-')),
        "{names:?}"
    );
}
