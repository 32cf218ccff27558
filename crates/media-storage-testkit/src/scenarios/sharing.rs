//! Equal bytes: whatever happens to one reference, the others stay.

use std::collections::BTreeMap;

use bytes::Bytes;
use media_storage::{MediaStorage, MediaStorageExt as _, RetentionPolicy};
use media_types::{Mime, StorageReference};

use crate::backend::AnyBackend;
use crate::fixture::{
    KIB, Numbers, about, full_sweep, holds, is_empty, is_not_found, noise, open, put,
};

/// Two stores of equal bytes give two references; deleting either keeps the other; deleting both
/// frees the bytes; storing them again works.
pub async fn equal_bytes_are_independent(backend: &dyn AnyBackend) {
    let store = open(backend).await;
    let bytes = noise(1, 100 * KIB);
    for first_goes in [true, false] {
        let a = put(&store, &bytes, about("conv-1")).await;
        let b = put(&store, &bytes, about("conv-2")).await;
        assert_ne!(a.id(), b.id());
        let (gone, kept) = if first_goes { (a, b) } else { (b, a) };
        store.delete(&gone).await.unwrap();
        is_not_found(&store, &gone).await;
        holds(&store, &kept, &bytes).await;
        store.delete(&kept).await.unwrap();
        is_not_found(&store, &kept).await;
        is_empty(&store, "equal_bytes_are_independent").await;
    }
}

/// References to one blob do not share its type, metadata or retention.
pub async fn equal_bytes_keep_their_own_record(backend: &dyn AnyBackend) {
    let store = open(backend).await;
    let bytes = noise(1, 80 * KIB);
    let mut stored = Vec::new();
    for (mime, name, retention) in [
        (Mime::TEXT_HTML, "a.html", RetentionPolicy::Retain),
        (Mime::IMAGE_PNG, "b.png", RetentionPolicy::RetainHours(2)),
        (Mime::IMAGE_PNG, "c.png", RetentionPolicy::Delete),
    ] {
        let metadata = about("conv-1")
            .with_filename(name.to_owned())
            .with_retention(retention);
        let reference = store
            .store_bytes(mime.clone(), bytes.clone(), metadata.clone())
            .await
            .unwrap();
        stored.push((reference, mime, metadata));
    }
    for (reference, mime, metadata) in &stored {
        let read = store.retrieve(reference).await.unwrap();
        assert_eq!((&read.mime, &read.metadata), (mime, metadata));
        holds(&store, reference, &bytes).await;
    }
}

/// Any order of stores, deletes, sweeps and restarts over few contents: what was stored and not
/// deleted is there, what was deleted is not.
pub async fn equal_bytes_survive_any_order(backend: &dyn AnyBackend) {
    let contents: Vec<Bytes> = (0..3).map(|seed| noise(seed, 5000)).collect();
    let mut numbers = Numbers::from_seed(20);
    let mut handles = [open(backend).await, open(backend).await];
    let mut live: BTreeMap<String, (StorageReference, usize)> = BTreeMap::new();
    let mut dead: Vec<StorageReference> = Vec::new();
    let steps = if backend.is_slow() { 48 } else { 160 };
    for _ in 0..steps {
        let which = numbers.below(2);
        let store = &handles[which];
        match numbers.below(10) {
            0..5 => {
                let content = numbers.below(contents.len());
                let reference = put(store, &contents[content], about("conv-1")).await;
                let id = reference.id().to_owned();
                let before = live.insert(id, (reference, content));
                assert!(before.is_none(), "an id came twice");
            }
            5..9 => {
                let Some(id) = live.keys().nth(numbers.below(live.len().max(1))).cloned() else {
                    continue;
                };
                let (reference, _) = live.remove(&id).unwrap();
                store.delete(&reference).await.unwrap();
                dead.push(reference);
            }
            _ => {
                if let Some(inventory) = store.inventory() {
                    inventory.sweep(full_sweep()).await.unwrap();
                }
                handles[which] = open(backend).await;
            }
        }
    }
    let [a, b] = &handles;
    for (reference, content) in live.values() {
        holds(a, reference, &contents[*content]).await;
        holds(b, reference, &contents[*content]).await;
    }
    for reference in &dead {
        is_not_found(a, reference).await;
    }
    for (reference, _) in live.values() {
        b.delete(reference).await.unwrap();
    }
    is_empty(a, "equal_bytes_survive_any_order").await;
}

/// What was stored is there after all handles were dropped, and so is what was deleted gone.
pub async fn media_survives_a_restart(backend: &dyn AnyBackend) {
    let bytes = noise(1, 100 * KIB);
    let store = open(backend).await;
    let a = put(&store, &bytes, about("conv-1")).await;
    let b = put(&store, &bytes, about("conv-1")).await;
    let c = put(&store, &bytes, about("conv-2")).await;
    store.delete(&a).await.unwrap();
    drop(store);

    let store = open(backend).await;
    is_not_found(&store, &a).await;
    holds(&store, &b, &bytes).await;
    let stored = store.retrieve(&c).await.unwrap();
    assert_eq!(stored.metadata.conversation().unwrap().as_str(), "conv-2");
    store.delete(&b).await.unwrap();
    drop(store);

    let store = open(backend).await;
    is_not_found(&store, &b).await;
    holds(&store, &c, &bytes).await;
    store.delete(&c).await.unwrap();
    is_empty(&store, "media_survives_a_restart").await;
}

/// Two handles on one place, opened apart, see each other's stores and deletes at once.
pub async fn two_handles_share_one_place(backend: &dyn AnyBackend) {
    let (one, two) = (open(backend).await, open(backend).await);
    let bytes = noise(1, 100 * KIB);
    let a = put(&one, &bytes, about("conv-1")).await;
    let b = put(&two, &bytes, about("conv-1")).await;
    holds(&two, &a, &bytes).await;
    holds(&one, &b, &bytes).await;
    two.delete(&a).await.unwrap();
    is_not_found(&one, &a).await;
    holds(&one, &b, &bytes).await;
    one.delete(&b).await.unwrap();
    is_not_found(&two, &b).await;
    is_empty(&two, "two_handles_share_one_place").await;
}
