//! Limits, and spans around them.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream;
use media_storage::layers::{InMemoryQuotas, Instrumented, Limited};
use media_storage::{
    DuplicateOptions, InMemoryStorage, MediaBody, MediaMetadata, MediaStorage,
    MediaStorageExt as _, MediaUpload, Scope, StorageError, StorageErrorKind,
};
use media_storage_testkit::{
    Backend, Call, Fault, FaultyStorage, Gate, StoreOptions, conformance_tests,
};
use media_types::{Mime, StorageReference};

type Layered = Limited<Instrumented<Limited<InMemoryStorage>>>;

struct Layers(InMemoryStorage);

impl Backend for Layers {
    type Store = Layered;
    async fn open(&self, options: StoreOptions) -> Result<Layered, StorageError> {
        let store = self.0.clone();
        let store = store.with_max_media_size(options.max_media_size());
        let store = store.with_default_retention(options.default_retention());
        let users = Limited::new(store)
            .with_max_bytes_per_user(1 << 30)
            .with_max_references_per_user(1 << 20);
        Ok(Limited::new(Instrumented::new(users)).with_max_concurrent_operations(4))
    }
}

conformance_tests!(Layers(InMemoryStorage::new()));

fn by(user: &str) -> MediaMetadata {
    MediaMetadata::new().with_user(user.parse().unwrap())
}

async fn put(
    store: &impl MediaStorage,
    len: usize,
    user: &str,
) -> Result<StorageReference, StorageError> {
    store
        .store_bytes(Mime::IMAGE_PNG, vec![7; len], by(user))
        .await
}

fn exceeded<T: std::fmt::Debug>(result: Result<T, StorageError>) {
    let error = result.unwrap_err();
    assert_eq!(error.kind(), StorageErrorKind::QuotaExceeded, "{error}");
    assert!(!error.is_retryable());
}

#[tokio::test]
async fn the_limit_of_bytes_is_exact_for_each_user() {
    let inner = InMemoryStorage::new();
    put(&inner, 400, "ann").await.unwrap();
    let store = Limited::new(inner.clone()).with_max_bytes_per_user(1000);
    let media = put(&store, 600, "ann").await.unwrap();
    exceeded(put(&store, 1, "ann").await);
    put(&store, 1000, "ben").await.unwrap();
    exceeded(put(&store, 1, "ben").await);
    // Media without a user is not limited.
    let anonymous = MediaMetadata::new();
    let free = store.store_bytes(Mime::IMAGE_PNG, vec![1; 5000], anonymous);
    free.await.unwrap();
    let options = || DuplicateOptions::new(by("ann"));
    exceeded(store.duplicate(&media, options()).await);
    assert_eq!(inner.usage_of("ann").await, (2, 1000));
}

#[tokio::test]
async fn the_limit_of_references_is_exact() {
    let store = Limited::new(InMemoryStorage::new()).with_max_references_per_user(2);
    let media = put(&store, 1, "ann").await.unwrap();
    let copy = DuplicateOptions::new(by("ann"));
    store.duplicate(&media, copy.clone()).await.unwrap();
    exceeded(put(&store, 1, "ann").await);
    exceeded(store.duplicate(&media, copy).await);
    put(&store, 1, "ben").await.unwrap();
}

#[tokio::test]
async fn a_quota_that_is_reached_in_a_stream_stores_nothing() {
    let inner = InMemoryStorage::new();
    let store = Limited::new(inner.clone()).with_max_bytes_per_user(1000);
    for (pieces, fits) in [(11, false), (10, true), (1, false)] {
        let pieces: Vec<_> = (0..pieces)
            .map(|_| Ok(Bytes::from_static(&[3; 100])))
            .collect();
        let body = MediaBody::from_stream(None, stream::iter(pieces));
        let upload = MediaUpload::new(Mime::IMAGE_PNG, body, by("ann"));
        let stored = store.store(upload).await;
        assert_eq!(stored.is_ok(), fits);
        if !fits {
            exceeded(stored);
        }
    }
    assert_eq!(inner.usage_of("ann").await, (1, 1000));
}

/// Streams that arrive at once share what is left: each of them alone would fit.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn parallel_streams_of_unknown_length_never_exceed_the_limit_together() {
    let inner = InMemoryStorage::new();
    let store = Limited::new(inner.clone()).with_max_bytes_per_user(1000);
    let all_started = Arc::new(tokio::sync::Barrier::new(20));
    let tasks = (0..20).map(|_| {
        let (store, all_started) = (store.clone(), Arc::clone(&all_started));
        tokio::spawn(async move {
            let pieces = stream::unfold(0, move |piece| {
                let all_started = Arc::clone(&all_started);
                async move {
                    if piece == 0 {
                        all_started.wait().await;
                    }
                    (piece < 6).then(|| (Ok(Bytes::from_static(&[3; 100])), piece + 1))
                }
            });
            let body = MediaBody::from_stream(None, pieces);
            let upload = MediaUpload::new(Mime::IMAGE_PNG, body, by("ann"));
            store.store(upload).await
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        if let Err(error) = task.await.unwrap() {
            exceeded::<()>(Err(error));
        }
    }
    let (references, bytes) = inner.usage_of("ann").await;
    assert!(references <= 1 && bytes <= 1000, "{references} {bytes}");
    // What was refused was given back.
    let rest = usize::try_from(1000 - bytes).unwrap();
    put(&store, rest, "ann").await.unwrap();
    exceeded(put(&store, 1, "ann").await);
}

#[tokio::test]
async fn a_declared_length_that_no_media_has_is_refused() {
    for exact in [false, true] {
        let mut store = Limited::new(InMemoryStorage::new()).with_max_bytes_per_user(1000);
        if exact {
            store = store.with_quota_ledger(InMemoryQuotas::new());
        }
        put(&store, 10, "ann").await.unwrap();
        let body = MediaBody::from_stream(Some(u64::MAX), stream::empty());
        let upload = MediaUpload::new(Mime::IMAGE_PNG, body, by("ann"));
        exceeded(store.store(upload).await);
        put(&store, 990, "ann").await.unwrap();
    }
}

#[tokio::test]
async fn a_store_that_fails_or_is_dropped_gives_its_part_back() {
    let gate = Gate::new();
    let faulty = FaultyStorage::new(InMemoryStorage::new())
        .with_fault(Fault::nth(Call::Store, 1).fail(StorageErrorKind::DiskSpace))
        .with_fault(Fault::nth(Call::Store, 2).hold(&gate));
    let store = Limited::new(faulty).with_max_bytes_per_user(1000);
    let error = put(&store, 1000, "ann").await.unwrap_err();
    assert_eq!(error.kind(), StorageErrorKind::DiskSpace);
    let mut dropped = Box::pin(put(&store, 1000, "ann"));
    tokio::select! {
        biased;
        _ = &mut dropped => unreachable!("the gate is closed"),
        () = gate.arrived() => {}
    }
    exceeded(put(&store, 1, "ann").await);
    drop(dropped);
    put(&store, 1000, "ann").await.unwrap();
}

/// The overshoot that the documentation states: what others store before the next refresh.
#[tokio::test]
async fn several_processes_exceed_the_limit_by_what_the_others_store() {
    let inner = InMemoryStorage::new();
    let limited = || Limited::new(inner.clone()).with_max_references_per_user(10);
    let processes = [limited(), limited(), limited(), limited()];
    for process in &processes {
        put(process, 1, "ann").await.unwrap();
    }
    let mut stored = 4;
    for process in &processes {
        while put(process, 1, "ann").await.is_ok() {
            stored += 1;
        }
    }
    assert!((10..=40).contains(&stored), "{stored}");
    exceeded(put(&limited(), 1, "ann").await);
}

/// A ledger that all processes share makes the limit exact, also for streams of unknown length.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn several_processes_with_one_ledger_keep_the_limit_exactly() {
    let inner = InMemoryStorage::new();
    let ledger = Arc::new(InMemoryQuotas::new());
    let processes: Vec<_> = (0..4)
        .map(|_| {
            Limited::new(inner.clone())
                .with_max_bytes_per_user(1000)
                .with_quota_ledger(Arc::clone(&ledger))
        })
        .collect();
    let mut tasks = Vec::new();
    for (at, process) in processes.iter().enumerate() {
        let process = process.clone();
        tasks.push(tokio::spawn(async move {
            let mut stored = Vec::new();
            for n in 0..40 {
                let len = if (at + n) % 2 == 0 { Some(30) } else { None };
                let piece = stream::iter([Ok(Bytes::from(vec![at as u8; 30]))]);
                let body = MediaBody::from_stream(len, piece);
                let upload = MediaUpload::new(Mime::IMAGE_PNG, body, by("ann"));
                match process.store(upload).await {
                    Ok(reference) => stored.push(reference),
                    Err(error) => exceeded::<()>(Err(error)),
                }
            }
            stored
        }));
    }
    let mut stored = Vec::new();
    for task in tasks {
        stored.extend(task.await.unwrap());
    }
    assert_eq!(inner.usage_of("ann").await, (33, 990));
    assert_eq!(stored.len(), 33);
    // A deletion in one process makes room in all of them at once.
    processes[0].delete(&stored[0]).await.unwrap();
    put(&processes[3], 40, "ann").await.unwrap();
    exceeded(put(&processes[1], 1, "ann").await);
    // What others removed counts after a recount.
    let inventory = inner.inventory().unwrap();
    let scope = Scope::User("ann".parse().unwrap());
    inventory.delete_scope(scope).await.unwrap();
    exceeded(put(&processes[2], 1, "ann").await);
    processes[0].recount(&"ann".parse().unwrap()).await.unwrap();
    put(&processes[2], 1000, "ann").await.unwrap();
    assert_eq!(inner.usage_of("ann").await, (1, 1000));
}

#[tokio::test]
async fn a_store_that_fails_gives_its_part_of_the_ledger_back() {
    let faulty = FaultyStorage::new(InMemoryStorage::new())
        .with_fault(Fault::nth(Call::Store, 1).fail(StorageErrorKind::DiskSpace));
    let store = Limited::new(faulty)
        .with_max_bytes_per_user(1000)
        .with_quota_ledger(InMemoryQuotas::new());
    put(&store, 1000, "ann").await.unwrap_err();
    put(&store, 1000, "ann").await.unwrap();
    exceeded(put(&store, 1, "ann").await);
}

#[tokio::test]
async fn what_a_user_deletes_makes_room_at_once() {
    let store = Limited::new(InMemoryStorage::new()).with_max_references_per_user(2);
    let first = put(&store, 1, "ann").await.unwrap();
    put(&store, 1, "ann").await.unwrap();
    exceeded(put(&store, 1, "ann").await);
    store.delete(&first).await.unwrap();
    put(&store, 1, "ann").await.unwrap();
    exceeded(put(&store, 1, "ann").await);
}

#[tokio::test]
async fn operations_wait_for_one_another() {
    let gate = Gate::new();
    let faulty = FaultyStorage::new(InMemoryStorage::new())
        .with_fault(Fault::every(Call::Store).hold(&gate));
    let store = Arc::new(Limited::new(faulty).with_max_concurrent_operations(2));
    let tasks: Vec<_> = (0..10)
        .map(|_| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { put(&*store, 1, "ann").await })
        })
        .collect();
    gate.arrived().await;
    gate.open();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    assert_eq!(store.inner().peak_in_flight(), 2);
}

trait UsageOf {
    async fn usage_of(&self, user: &str) -> (u64, u64);
}

impl UsageOf for InMemoryStorage {
    async fn usage_of(&self, user: &str) -> (u64, u64) {
        let scope = Scope::User(user.parse().unwrap());
        let usage = self.inventory().unwrap().usage(scope).await.unwrap();
        (usage.references, usage.logical_bytes)
    }
}
