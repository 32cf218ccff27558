//! Many tasks at once, and tasks that give up.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use media_storage::{
    MediaBody, MediaStorage, MediaStorageExt as _, MediaUpload, Scope, StorageErrorKind,
};
use media_types::Mime;
use tokio::task::JoinSet;

use crate::backend::AnyBackend;
use crate::fixture::{
    KIB, about, conversation, full_sweep, holds, is_empty, is_not_found, listed, noise, odd_pieces,
    open, put,
};
use crate::run::not_run;

/// Many tasks store equal and different bytes and delete every other reference: no error, nothing
/// lost, nothing left.
pub async fn many_tasks_lose_nothing(backend: &dyn AnyBackend) {
    let store = open(backend).await;
    let count = if backend.is_slow() { 16 } else { 64 };
    let mut tasks = JoinSet::new();
    for task in 0..count {
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            let mut kept = Vec::new();
            for round in 0..4 {
                let seed = if task % 2 == 0 { 1000 } else { task };
                let bytes = noise(seed, 3000);
                let reference = put(&store, &bytes, about(&format!("conv-{round}"))).await;
                holds(&store, &reference, &bytes).await;
                if (task / 2 + round) % 2 == 0 {
                    store.delete(&reference).await.unwrap();
                    is_not_found(&store, &reference).await;
                } else {
                    kept.push((reference, bytes));
                }
            }
            kept
        });
    }
    let kept: Vec<_> = tasks.join_all().await.into_iter().flatten().collect();
    assert_eq!(kept.len() as u64, 2 * count);
    for (reference, bytes) in &kept {
        holds(&store, reference, bytes).await;
    }
    let scenario = "many_tasks_lose_nothing";
    if let Some(entries) = listed(&store, Scope::All, scenario).await {
        assert_eq!(entries.len(), kept.len());
    }
    let mut tasks = JoinSet::new();
    for (reference, _) in kept {
        let store = Arc::clone(&store);
        tasks.spawn(async move { store.delete(&reference).await.unwrap() });
    }
    tasks.join_all().await;
    is_empty(&store, scenario).await;
}

/// Eight tasks delete and read one reference at once: every delete succeeds, every read gives the
/// bytes or finds nothing, and the twin of equal bytes stays.
pub async fn racing_deletes_all_succeed(backend: &dyn AnyBackend) {
    let store = open(backend).await;
    let bytes = noise(1, 70 * KIB);
    let twin = put(&store, &bytes, about("conv-1")).await;
    for _ in 0..8 {
        let reference = put(&store, &bytes, about("conv-1")).await;
        let mut tasks = JoinSet::new();
        for task in 0..16 {
            let (store, reference, bytes) = (Arc::clone(&store), reference.clone(), bytes.clone());
            tasks.spawn(async move {
                if task % 2 == 0 {
                    store.delete(&reference).await.unwrap();
                } else {
                    match store.retrieve_bytes(&reference, 70 * KIB as u64).await {
                        Ok(read) => assert!(read == bytes),
                        Err(error) => {
                            assert_eq!(error.kind(), StorageErrorKind::NotFound, "{error:?}");
                        }
                    }
                }
            });
        }
        tasks.join_all().await;
        is_not_found(&store, &reference).await;
        holds(&store, &twin, &bytes).await;
    }
}

/// Sweeps beside stores and deletes take nothing that is in use.
pub async fn sweeps_disturb_nobody(backend: &dyn AnyBackend) {
    let store = open(backend).await;
    if store.inventory().is_none() {
        return not_run(
            &store,
            "sweeps_disturb_nobody",
            "the store has no inventory",
        );
    }
    let rounds = if backend.is_slow() { 4 } else { 12 };
    let mut tasks = JoinSet::new();
    for task in 0..8_u64 {
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            for round in 0..rounds {
                let bytes = noise(round % 2, 3000);
                let reference = put(&store, &bytes, about(&format!("conv-{task}"))).await;
                holds(&store, &reference, &bytes).await;
                store.delete(&reference).await.unwrap();
            }
        });
    }
    for _ in 0..2 {
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            for _ in 0..8 {
                let inventory = store.inventory().unwrap();
                // What other tasks may still be staging is the store's business to know.
                let options =
                    media_storage::SweepOptions::new().with_depth(media_storage::SweepDepth::Full);
                let report = inventory.sweep(options).await.unwrap();
                assert_eq!(report.references(), 0, "{report:?}");
                tokio::task::yield_now().await;
            }
        });
    }
    tasks.join_all().await;
    is_empty(&store, "sweeps_disturb_nobody").await;
}

/// Polls a future a number of times, then drops it. Returns its output if it was ready.
async fn poll_then_drop<F: Future + Send>(future: F, polls: usize) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut polled = 0;
    poll_fn(|cx| {
        if polled == polls {
            return Poll::Ready(None);
        }
        polled += 1;
        match future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if polled == polls => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// A store future dropped at any await leaves nothing visible; where it was dropped in the moment
/// of success, a deletion of its scope finds what is left.
pub async fn dropped_stores_leave_nothing(backend: &dyn AnyBackend) {
    let store = open(backend).await;
    let scenario = "dropped_stores_leave_nothing";
    let twin_bytes = noise(1, 40 * KIB);
    let twin = put(&store, &twin_bytes, about("twin")).await;
    for whole in [true, false] {
        let mut finished = false;
        for polls in 0..500 {
            let read_to_end = Arc::new(AtomicBool::new(whole));
            let seen = Arc::clone(&read_to_end);
            let bytes = noise(1, 40 * KIB);
            let body = if whole {
                MediaBody::from_bytes(bytes)
            } else {
                let end = stream::poll_fn(move |_| {
                    seen.store(true, Ordering::SeqCst);
                    Poll::Ready(None)
                });
                MediaBody::from_stream(None, odd_pieces(bytes).chain(end))
            };
            let upload = MediaUpload::new(Mime::IMAGE_PNG, body, about("dropped"));
            if let Some(stored) = poll_then_drop(store.store(upload), polls).await {
                store.delete(&stored.unwrap()).await.unwrap();
                finished = true;
                break;
            }
            if !read_to_end.load(Ordering::SeqCst)
                && let Some(entries) = listed(&store, conversation("dropped"), scenario).await
            {
                assert!(entries.is_empty(), "stored without its end: {entries:?}");
            }
        }
        assert!(finished, "the store never finished");
    }
    holds(&store, &twin, &twin_bytes).await;
    store.delete(&twin).await.unwrap();
    settles_to_empty(&store, scenario).await;
    let reference = put(&store, &twin_bytes, about("twin")).await;
    holds(&store, &reference, &twin_bytes).await;
}

/// Work that a dropped future had handed to a thread ends by itself, soon; then nothing is left.
async fn settles_to_empty(store: &impl MediaStorage, scenario: &str) {
    let Some(inventory) = store.inventory() else {
        return not_run(store, scenario, "the store has no inventory");
    };
    for _ in 0..100 {
        inventory
            .delete_scope(conversation("dropped"))
            .await
            .unwrap();
        inventory.sweep(full_sweep()).await.unwrap();
        let usage = inventory.usage(Scope::All).await.unwrap();
        if usage.references == 0 && usage.blobs == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    is_empty(store, scenario).await;
}

/// A read or a delete dropped at any await harms neither its reference's bytes nor its twin's.
pub async fn dropped_reads_and_deletes_do_no_harm(backend: &dyn AnyBackend) {
    let store = open(backend).await;
    let bytes = noise(1, 300 * KIB);
    let twin = put(&store, &bytes, about("conv-1")).await;
    let len = bytes.len() as u64;
    for polls in 0..500 {
        let read = poll_then_drop(store.retrieve_bytes(&twin, len), polls).await;
        if let Some(read) = read {
            assert!(read.unwrap() == bytes);
            break;
        }
    }
    let mut stream = store.retrieve(&twin).await.unwrap().body.into_stream();
    stream.next().await.unwrap().unwrap();
    drop(stream);
    for polls in 0..100 {
        let reference = put(&store, &bytes, about("conv-1")).await;
        let deleted = poll_then_drop(store.delete(&reference), polls).await;
        match store.retrieve_bytes(&reference, len).await {
            Ok(read) => assert!(deleted.is_none() && read == bytes),
            Err(error) => assert_eq!(error.kind(), StorageErrorKind::NotFound, "{error:?}"),
        }
        store.delete(&reference).await.unwrap();
        is_not_found(&store, &reference).await;
        if let Some(deleted) = deleted {
            deleted.unwrap();
            break;
        }
    }
    holds(&store, &twin, &bytes).await;
}
