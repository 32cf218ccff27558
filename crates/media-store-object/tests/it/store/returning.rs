//! What was deleted does not come back by the sweep that restores lost sidecars.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use futures_util::StreamExt as _;
use media_storage::{Inventory as _, MediaStorageExt as _, Scope};
use media_types::StorageReference;
use object_store::ObjectStoreExt as _;
use object_store::path::Path;

use super::{Fate, FaultyBucket, Verb, full, holds, is_clean, is_gone, listed, noise, open, put};

fn sidecar_of(reference: &StorageReference) -> Path {
    Path::parse(format!("{}.meta", reference.id())).unwrap()
}

/// The sweep has read the marker and is about to write the sidecar when the reference is deleted;
/// then it goes on, or its process ends right after the write.
#[tokio::test]
async fn a_deletion_overtakes_a_restoring_sweep() {
    for ends_there in [false, true] {
        let bucket = FaultyBucket::new();
        let store = open(&bucket, true).await;
        let bytes = noise(1, 3000);
        let (twin, victim) = (put(&store, &bytes).await, put(&store, &bytes).await);
        let sidecar = sidecar_of(&victim);
        bucket.inner().delete(&sidecar).await.unwrap();
        // The write waits until the deletion is acknowledged; after it nothing gets through.
        let deleted = Arc::new(AtomicBool::new(false));
        let (reached, waiting) = (Arc::new(tokio::sync::Notify::new()), sidecar.to_string());
        let state = Arc::new(Mutex::new(false));
        {
            let (reached, state) = (Arc::clone(&reached), Arc::clone(&state));
            bucket.judge(move |request| {
                let mut written = state.lock().unwrap();
                if request.verb == Verb::Put && request.key == waiting {
                    reached.notify_one();
                    *written = true;
                    return (Fate::Pass, 2000);
                }
                let cut = *written && ends_there && request.verb == Verb::Delete;
                // The deletion itself is the caller's: it comes first, and gets through.
                let by_sweep = deleted.load(Ordering::SeqCst);
                match cut && by_sweep {
                    true => (Fate::FailBefore, 0),
                    false => {
                        if *written && request.verb == Verb::Delete && request.key == waiting {
                            deleted.store(true, Ordering::SeqCst);
                        }
                        (Fate::Pass, 0)
                    }
                }
            });
        }
        let sweeping = {
            let store = store.clone();
            tokio::spawn(async move { store.sweep(full()).await })
        };
        reached.notified().await;
        store.delete(&victim).await.unwrap();
        is_gone(&store, &victim).await;
        let _ = sweeping.await.unwrap();
        bucket.heal();
        let left = bucket.names().contains(&sidecar.to_string());
        assert_eq!(left, ends_there, "the sweep ended where it was to end");
        for _ in 0..2 {
            is_gone(&store, &victim).await;
            assert_eq!(listed(&store).await.len(), 1);
            let conversation = Scope::Conversation("conv-1".parse().unwrap());
            assert_eq!(store.usage(conversation).await.unwrap().references, 1);
            holds(&store, &twin, &bytes).await;
            store.sweep(full()).await.unwrap();
        }
        assert!(!bucket.names().contains(&sidecar.to_string()));
        store.delete(&twin).await.unwrap();
        is_clean(&store, &bucket).await;
    }
}

/// A reference that tells neither size nor hash is deleted although its sidecar is lost or damaged.
#[tokio::test]
async fn a_reference_without_hash_is_deleted_by_its_marker() {
    for damage in [None, Some(""), Some("{\"format_version\":1}")] {
        let bucket = FaultyBucket::new();
        let store = open(&bucket, true).await;
        let bytes = noise(1, 3000);
        let (twin, victim) = (put(&store, &bytes).await, put(&store, &bytes).await);
        let bare = StorageReference::builder("object", victim.id())
            .build()
            .unwrap();
        let sidecar = sidecar_of(&victim);
        match damage {
            None => bucket.inner().delete(&sidecar).await.unwrap(),
            Some(text) => drop(bucket.inner().put(&sidecar, text.into()).await.unwrap()),
        }
        holds(&store, &bare, &bytes).await;
        store.delete(&bare).await.unwrap();
        for _ in 0..2 {
            is_gone(&store, &victim).await;
            is_gone(&store, &bare).await;
            assert_eq!(listed(&store).await.len(), 1);
            store.sweep(full()).await.unwrap();
        }
        holds(&store, &twin, &bytes).await;
        store.delete(&twin).await.unwrap();
        is_clean(&store, &bucket).await;
    }
}

/// Nothing leads from a record that does not read to the marker; the name does.
#[tokio::test]
async fn deletion_ends_also_where_sidecar_and_record_are_damaged() {
    let bucket = FaultyBucket::new();
    let store = open(&bucket, true).await;
    let bytes = noise(1, 3000);
    let victim = put(&store, &bytes).await;
    let record = bucket.name_with("/rec/");
    let sound = bucket.inner().get(&record).await.unwrap();
    let sound = sound.bytes().await.unwrap();
    for key in [&record, &sidecar_of(&victim)] {
        bucket.inner().put(key, "{".into()).await.unwrap();
    }
    store.delete(&victim).await.unwrap();
    // Also when somebody repairs the record.
    bucket.inner().put(&record, sound.into()).await.unwrap();
    store.sweep(full()).await.unwrap();
    is_gone(&store, &victim).await;
    assert_eq!(store.list(Scope::All).count().await, 0);
    is_clean(&store, &bucket).await;
}
