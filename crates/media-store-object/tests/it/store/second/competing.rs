//! Imports beside others of the same media, deletions and sweeps, and imports whose callers go away.

use std::sync::Arc;

use bytes::Bytes;
use media_storage::{
    Entry, Imported, Inventory as _, MediaStorageExt as _, RetentionPolicy, Scope, StorageError,
    StorageErrorKind,
};
use media_store_object::ObjectMediaStore;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::super::dropped::settle;
use super::super::{Fate, FaultyBucket, Verb, full, holds, is_gone};
use super::imports::{elsewhere, elsewhere_with, import};
use super::{of_user, open};

/// How often a request that is held yields: much more often than what happens in the meantime.
const HELD: usize = 20_000;

fn is_media(key: &str) -> bool {
    !key.starts_with(".store/") && !key.ends_with(".meta")
}

fn spawn_import(
    store: &ObjectMediaStore,
    source: &(Entry, Bytes),
) -> JoinHandle<Result<Imported, StorageError>> {
    let (store, source) = (store.clone(), source.clone());
    tokio::spawn(async move { import(&store, &source).await })
}

/// Holds the request number `n` that `is_held` says yes to. Returns what is notified then.
fn hold(
    bucket: &FaultyBucket,
    n: usize,
    is_held: impl Fn(Verb, &str) -> bool + Send + 'static,
) -> Arc<Notify> {
    let reached = Arc::new(Notify::new());
    let (notify, mut seen) = (Arc::clone(&reached), 0);
    bucket.judge(move |request| {
        seen += usize::from(is_held(request.verb, &request.key));
        if seen == n && is_held(request.verb, &request.key) {
            notify.notify_one();
            return (Fate::Pass, HELD);
        }
        (Fate::Pass, 0)
    });
    reached
}

/// Leaves a sidecar that a sweep retired.
async fn retired(sharing: bool, source: &(Entry, Bytes)) -> (FaultyBucket, ObjectMediaStore) {
    let bucket = FaultyBucket::new();
    let store = open(&bucket, sharing).await;
    let mut described = false;
    bucket.judge(move |request| {
        let fate = match described {
            true => Fate::FailBefore,
            false if is_media(&request.key) || request.key.contains("v2/blob/") => Fate::FailBefore,
            false => Fate::Pass,
        };
        described |= request.verb == Verb::Put && request.key.ends_with(".meta");
        (fate, 0)
    });
    import(&store, source).await.unwrap_err();
    bucket.heal();
    store.sweep(full()).await.unwrap();
    assert!(bucket.names().iter().any(|name| name.ends_with(".meta")));
    is_gone(&store, &source.0.reference).await;
    (bucket, store)
}

/// Wherever the caller goes away: nothing is deleted that a second caller was told is there, and the id
/// stays free.
#[tokio::test]
async fn a_caller_that_goes_away_does_not_bury_the_id() {
    let source = elsewhere(1000).await;
    let mut dropped = 0;
    for sharing in [true, false] {
        for at_once in [true, false] {
            for n in 1.. {
                let bucket = FaultyBucket::new();
                let store = open(&bucket, sharing).await;
                let (reached, mut seen) = (Arc::new(Notify::new()), 0);
                let notify = Arc::clone(&reached);
                bucket.judge(move |_| {
                    seen += 1;
                    if seen == n {
                        notify.notify_one();
                    }
                    (Fate::Pass, 9)
                });
                let mut importing = spawn_import(&store, &source);
                tokio::select! {
                    biased;
                    () = reached.notified() => importing.abort(),
                    ended = &mut importing => {
                        ended.unwrap().unwrap();
                        break;
                    }
                }
                dropped += 1;
                if !at_once {
                    settle(&bucket).await;
                }
                if let Err(error) = import(&store, &source).await {
                    assert!(at_once && error.is_retryable(), "{sharing} {n}: {error:?}");
                    settle(&bucket).await;
                    import(&store, &source).await.unwrap();
                }
                settle(&bucket).await;
                holds(&store, &source.0.reference, &source.1).await;
            }
        }
    }
    assert!(dropped > 20, "{dropped}");
}

/// While the bytes of an import are on their way, another one replaces its sidecar, and dies.
#[tokio::test]
async fn an_import_whose_sidecar_was_retired_is_not_acknowledged() {
    let source = elsewhere(1000).await;
    let bucket = FaultyBucket::new();
    let (one, other) = (open(&bucket, false).await, open(&bucket, false).await);
    let sending = Arc::new(Notify::new());
    let (notify, mut sidecars) = (Arc::clone(&sending), 0);
    bucket.judge(move |request| {
        if sidecars == 2 {
            return (Fate::FailBefore, 0);
        }
        sidecars += usize::from(request.verb == Verb::Put && request.key.ends_with(".meta"));
        if request.verb == Verb::Put && is_media(&request.key) {
            notify.notify_one();
            return (Fate::Pass, HELD);
        }
        (Fate::Pass, 0)
    });
    let importing = spawn_import(&one, &source);
    sending.notified().await;
    import(&other, &source).await.unwrap_err();
    bucket.heal();
    let refused = importing.await.unwrap().unwrap_err();
    assert_eq!(refused.kind(), StorageErrorKind::Unavailable, "{refused:?}");
    import(&one, &source).await.unwrap();
    holds(&other, &source.0.reference, &source.1).await;
}

/// An import found the bytes of another one missing. When it retires the sidecar, they are there, and
/// were acknowledged.
#[tokio::test]
async fn an_import_that_was_completed_is_not_retired() {
    let source = elsewhere(1000).await;
    let bucket = FaultyBucket::new();
    let (one, other) = (open(&bucket, false).await, open(&bucket, false).await);
    let (sending, retiring) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (sends, retires, mut sidecars) = (Arc::clone(&sending), Arc::clone(&retiring), 0);
    bucket.judge(move |request| {
        if request.verb != Verb::Put {
            return (Fate::Pass, 0);
        }
        if is_media(&request.key) {
            sends.notify_one();
            return (Fate::Pass, HELD / 10);
        }
        sidecars += usize::from(request.key.ends_with(".meta"));
        if sidecars == 2 && request.key.ends_with(".meta") {
            retires.notify_one();
            return (Fate::Pass, HELD);
        }
        (Fate::Pass, 0)
    });
    let importing = spawn_import(&one, &source);
    sending.notified().await;
    let late = spawn_import(&other, &source);
    retiring.notified().await;
    importing.await.unwrap().unwrap();
    bucket.judge(|request| match request.verb {
        Verb::Put => (Fate::FailBefore, 0),
        _ => (Fate::Pass, 0),
    });
    let refused = late.await.unwrap().unwrap_err();
    assert!(refused.is_retryable(), "{refused:?}");
    bucket.heal();
    holds(&one, &source.0.reference, &source.1).await;
}

/// A deletion of what an import left refuses the import that repeats it, and has begun.
#[tokio::test]
async fn deleting_what_was_retired_stays() {
    let source = elsewhere(1000).await;
    let reference = source.0.reference.clone();
    for sharing in [true, false] {
        let (bucket, store) = retired(sharing, &source).await;
        // The first write is refused, since there is a tombstone; the second one replaces it.
        let replacing = hold(&bucket, 2, |verb, key| {
            verb == Verb::Put && key.ends_with(".meta")
        });
        let importing = spawn_import(&store, &source);
        replacing.notified().await;
        store.delete(&reference).await.unwrap();
        importing.await.unwrap().unwrap_err();
        bucket.heal();
        is_gone(&store, &reference).await;
        let refused = import(&store, &source).await.unwrap_err();
        assert_eq!(refused.kind(), StorageErrorKind::InvalidInput);
    }
}

/// A sweep removes what an import left in an index, while it is repeated.
#[tokio::test]
async fn a_sweep_leaves_the_index_and_the_hint_of_a_repeated_import() {
    let metadata = of_user("conv-1", "user-1");
    let source = elsewhere_with(
        1000,
        metadata.with_retention(RetentionPolicy::RetainHours(5)),
    )
    .await;
    for index in ["v2/user/", "v2/expiry/"] {
        let bucket = FaultyBucket::new();
        let store = open(&bucket, true).await;
        store.sweep(full()).await.unwrap();
        bucket.judge(move |request| match request.verb {
            Verb::Put if !request.key.contains(index) && !request.key.contains("layout") => {
                (Fate::FailBefore, 0)
            }
            _ => (Fate::Pass, 0),
        });
        import(&store, &source).await.unwrap_err();
        let removing = hold(&bucket, 1, move |verb, key| {
            verb == Verb::Delete && key.contains(index)
        });
        let sweeping = {
            let store = store.clone();
            tokio::spawn(async move { store.sweep(full()).await })
        };
        removing.notified().await;
        import(&store, &source).await.unwrap();
        sweeping.await.unwrap().unwrap();
        bucket.heal();
        let of_user = Scope::User("user-1".parse().unwrap());
        assert_eq!(store.usage(of_user).await.unwrap().references, 1, "{index}");
        let _ = bucket.name_with("v2/expiry/");
        holds(&store, &source.0.reference, &source.1).await;
    }
}
