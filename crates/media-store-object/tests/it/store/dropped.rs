//! Futures that are dropped at each of their awaits.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use futures_util::StreamExt as _;
use media_storage::{MediaBody, MediaStorage as _, MediaStorageExt as _, MediaUpload};
use media_types::Mime;

use super::{Fate, FaultyBucket, MIB, about, holds, is_clean, listed, noise, open, put};

/// Polls a future so many times, then drops it.
async fn poll_then_drop<F: Future>(future: F, polls: usize) -> Option<F::Output> {
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

/// Lets the runtime go on with everything else until the bucket has not changed for long.
pub(super) async fn settle(bucket: &FaultyBucket) {
    loop {
        bucket.take_requests();
        for _ in 0..300 {
            tokio::task::yield_now().await;
        }
        if bucket.take_requests().is_empty() {
            return;
        }
    }
}

/// Nothing that was dropped stays visible, not even until a sweep; its twin stays.
async fn dropped_stores(deduplication: bool, len: usize, as_stream: bool, twin: bool) {
    let bytes = noise(1, len);
    let bucket = FaultyBucket::new();
    let store = open(&bucket, deduplication).await;
    let other = match twin {
        true => Some(put(&store, &bytes).await),
        false => None,
    };
    // Each request is waited for by three polls of a task.
    bucket.judge(|_| (Fate::Pass, 3));
    let mut finished = false;
    for polls in 0..400 {
        let body = match as_stream {
            false => MediaBody::from_bytes(bytes.clone()),
            true => {
                let pieces: Vec<_> = bytes.chunks(MIB).map(|p| Ok(p.to_vec().into())).collect();
                MediaBody::from_stream(None, futures_util::stream::iter(pieces))
            }
        };
        let upload = MediaUpload::new(Mime::IMAGE_PNG, body, about("conv-1"));
        // The runtime has the time between two polls for one step of another task; what comes
        // later in a store is reached by waiting longer between them.
        let stored = poll_then_drop(
            async {
                let mut store = pin!(store.store(upload));
                loop {
                    if let Some(stored) = futures_util::FutureExt::now_or_never(&mut store) {
                        return stored;
                    }
                    tokio::task::yield_now().await;
                }
            },
            polls,
        )
        .await;
        settle(&bucket).await;
        if let Some(stored) = stored {
            let reference = stored.unwrap();
            holds(&store, &reference, &bytes).await;
            store.delete(&reference).await.unwrap();
            finished = true;
            break;
        }
        assert_eq!(
            listed(&store).await.len(),
            usize::from(twin),
            "visible after {polls} polls"
        );
        assert_eq!(bucket.open_uploads(), 0, "not aborted after {polls} polls");
    }
    assert!(finished, "it never came to its end");
    if let Some(other) = &other {
        holds(&store, other, &bytes).await;
        store.delete(other).await.unwrap();
    }
    is_clean(&store, &bucket).await;
}

#[tokio::test]
async fn stores_of_new_bytes_to_be_shared() {
    dropped_stores(true, 5000, false, false).await;
}

#[tokio::test]
async fn stores_of_shared_bytes() {
    dropped_stores(true, 5000, false, true).await;
}

#[tokio::test]
async fn stores_of_bytes_of_their_own() {
    dropped_stores(false, 5000, false, true).await;
}

/// A caller that goes away while the service is opening an upload.
#[tokio::test]
async fn an_upload_that_is_being_begun_is_aborted() {
    for polls in 1..60 {
        let bucket = FaultyBucket::new();
        let store = open(&bucket, false).await;
        let (begun, reached) = (std::sync::Arc::new(tokio::sync::Notify::new()), polls);
        let notify = std::sync::Arc::clone(&begun);
        bucket.judge(move |request| {
            if request.verb == super::Verb::Begin {
                notify.notify_one();
                return (Fate::Pass, reached);
            }
            (Fate::Pass, 0)
        });
        let stream = futures_util::stream::iter([Ok(noise(1, 9 * MIB))]);
        let body = MediaBody::from_stream(None, stream);
        let upload = MediaUpload::new(Mime::IMAGE_PNG, body, about("conv-1"));
        let storing = {
            let store = store.clone();
            tokio::spawn(async move { store.store(upload).await })
        };
        begun.notified().await;
        storing.abort();
        assert!(storing.await.unwrap_err().is_cancelled());
        settle(&bucket).await;
        assert_eq!((bucket.begun_uploads(), bucket.open_uploads()), (1, 0));
        assert!(
            bucket
                .names()
                .iter()
                .all(|name| name.starts_with(".store/"))
        );
    }
}

#[tokio::test]
async fn deletes_go_on() {
    let bytes = noise(1, 5000);
    for deduplication in [true, false] {
        let bucket = FaultyBucket::new();
        let store = open(&bucket, deduplication).await;
        let twin = put(&store, &bytes).await;
        bucket.judge(|_| (Fate::Pass, 3));
        for polls in 0..60 {
            let reference = put(&store, &bytes).await;
            let deleted = poll_then_drop(store.delete(&reference), polls).await;
            settle(&bucket).await;
            let entries = listed(&store).await.len();
            match store.retrieve_bytes(&reference, 5000).await {
                Ok(read) => {
                    assert!(deleted.is_none() && read == bytes && entries == 2);
                    store.delete(&reference).await.unwrap();
                }
                Err(_) => assert_eq!(entries, 1, "half a deletion after {polls} polls"),
            }
            holds(&store, &twin, &bytes).await;
        }
    }
}

/// Hashing of parts happens on other threads, so that polls do not count steps here; the pieces of
/// the stream do.
#[tokio::test]
async fn streams_that_stop_in_the_middle_are_aborted() {
    for deduplication in [true, false] {
        let bucket = FaultyBucket::new();
        let store = open(&bucket, deduplication).await;
        for pieces in [0, 1, 5, 9, 17] {
            let (all_taken, taken) = tokio::sync::oneshot::channel();
            let stream = futures_util::stream::iter((0..pieces).map(|n| Ok(noise(n, MIB))));
            let stream = stream.chain(futures_util::stream::once(async move {
                all_taken.send(()).unwrap();
                std::future::pending().await
            }));
            let body = MediaBody::from_stream(None, stream);
            let upload = MediaUpload::new(Mime::IMAGE_PNG, body, about("conv-1"));
            let storing = {
                let store = store.clone();
                tokio::spawn(async move { store.store(upload).await })
            };
            taken.await.unwrap();
            let begun = !deduplication && pieces > 8;
            assert_eq!(bucket.open_uploads(), usize::from(begun));
            storing.abort();
            assert!(storing.await.unwrap_err().is_cancelled());
            while bucket.open_uploads() > 0 {
                tokio::task::yield_now().await;
            }
            assert!(listed(&store).await.is_empty());
        }
        is_clean(&store, &bucket).await;
    }
}
