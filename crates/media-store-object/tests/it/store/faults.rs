//! Each single request of each operation fails, before or after it happened: nothing half-visible,
//! nothing lost, and everything works again.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use media_storage::{
    Inventory as _, MediaBody, MediaStorage as _, MediaStorageExt as _, MediaUpload,
    RetentionPolicy, StorageErrorKind,
};
use media_types::Mime;

use super::{
    Fate, FaultyBucket, MIB, about, full, holds, is_clean, is_gone, listed, noise, open, put,
};

/// The k-th request from now on, counted from 1, meets this fate.
fn fail_nth(bucket: &FaultyBucket, k: usize, fate: Fate) -> Arc<AtomicUsize> {
    let seen = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&seen);
    bucket.judge(move |_| {
        let n = counter.fetch_add(1, Ordering::SeqCst) + 1;
        (if n == k { fate } else { Fate::Pass }, 0)
    });
    seen
}

/// What goes on in the background is over.
async fn settle() {
    for _ in 0..500 {
        tokio::task::yield_now().await;
    }
}

const FATES: [Fate; 3] = [Fate::FailBefore, Fate::FailAfter, Fate::Late];

/// Bodies: how they come, and how large they are.
#[derive(Clone, Copy, Debug)]
enum Body {
    Whole(usize),
    Stream(usize),
}

async fn stores(deduplication: bool, body: Body, twin: bool) {
    let (Body::Whole(len) | Body::Stream(len)) = body;
    let bytes = noise(1, len);
    for fate in FATES {
        for k in 1.. {
            let bucket = FaultyBucket::new();
            let store = open(&bucket, deduplication).await;
            let other = match twin {
                true => Some(put(&store, &bytes).await),
                false => None,
            };
            let seen = fail_nth(&bucket, k, fate);
            let body = match body {
                Body::Whole(_) => MediaBody::from_bytes(bytes.clone()),
                Body::Stream(_) => {
                    let pieces: Vec<_> = bytes.chunks(MIB).map(|p| Ok(p.to_vec().into())).collect();
                    MediaBody::from_stream(None, futures_util::stream::iter(pieces))
                }
            };
            let metadata = about("conv-1").with_retention(RetentionPolicy::RetainHours(1));
            let upload = MediaUpload::new(Mime::IMAGE_PNG, body, metadata);
            let stored = store.store(upload).await;
            let reached = seen.load(Ordering::SeqCst) >= k;
            bucket.heal();
            settle().await;
            let context = format!("{fate:?} of request {k}: {stored:?}");
            match &stored {
                Ok(reference) => holds(&store, reference, &bytes).await,
                Err(error) => {
                    assert_eq!(error.kind(), StorageErrorKind::Unavailable, "{context}");
                    if fate != Fate::Late {
                        let left = listed(&store).await.len() - usize::from(twin);
                        assert_eq!(left, 0, "half-visible after {context}");
                    }
                }
            }
            if let Some(other) = &other {
                holds(&store, other, &bytes).await;
                store.delete(other).await.unwrap();
            }
            if let Ok(reference) = &stored {
                holds(&store, reference, &bytes).await;
                store.delete(reference).await.unwrap();
                is_gone(&store, reference).await;
            }
            // What a late request made of a failed store is found and swept like any media.
            store.delete_scope(media_storage::Scope::All).await.unwrap();
            store.sweep(full()).await.unwrap();
            store.delete_scope(media_storage::Scope::All).await.unwrap();
            is_clean(&store, &bucket).await;
            let again = put(&store, &bytes).await;
            holds(&store, &again, &bytes).await;
            if !reached {
                assert!(stored.is_ok(), "{context}");
                break;
            }
        }
    }
}

#[tokio::test]
async fn stores_of_new_bytes_to_be_shared() {
    stores(true, Body::Whole(5000), false).await;
}

#[tokio::test]
async fn stores_of_shared_bytes() {
    stores(true, Body::Whole(5000), true).await;
}

#[tokio::test]
async fn stores_of_bytes_of_their_own() {
    stores(false, Body::Whole(5000), true).await;
}

#[tokio::test]
async fn stores_in_parts_to_be_shared() {
    stores(true, Body::Stream(9 * MIB), false).await;
}

#[tokio::test]
async fn stores_in_parts_of_their_own() {
    stores(false, Body::Stream(9 * MIB), false).await;
}

#[tokio::test]
async fn deletes() {
    let bytes = noise(1, 5000);
    for deduplication in [true, false] {
        for fate in FATES {
            for k in 1.. {
                let bucket = FaultyBucket::new();
                let store = open(&bucket, deduplication).await;
                let (gone, twin) = (put(&store, &bytes).await, put(&store, &bytes).await);
                let seen = fail_nth(&bucket, k, fate);
                let deleted = store.delete(&gone).await;
                let reached = seen.load(Ordering::SeqCst) >= k;
                bucket.heal();
                settle().await;
                assert_eq!(deleted.is_err(), reached, "{fate:?} of request {k}");
                store.delete(&gone).await.unwrap();
                is_gone(&store, &gone).await;
                holds(&store, &twin, &bytes).await;
                assert_eq!(listed(&store).await.len(), 1);
                store.delete(&twin).await.unwrap();
                is_clean(&store, &bucket).await;
                if !reached {
                    break;
                }
            }
        }
    }
}

#[tokio::test]
async fn sweeps() {
    let (shared, unheld, kept) = (noise(1, 5000), noise(2, 5000), noise(3, 5000));
    for deduplication in [true, false] {
        for fate in FATES {
            for k in 1.. {
                let bucket = FaultyBucket::new();
                let store = open(&bucket, deduplication).await;
                let due = about("conv-1").with_retention(RetentionPolicy::DeleteAfterMinutes(0));
                let due = store.store_bytes(Mime::IMAGE_PNG, shared.clone(), due);
                let due = due.await.unwrap();
                let twin = put(&store, &shared).await;
                let gone = put(&store, &unheld).await;
                store.delete(&gone).await.unwrap();
                let other = put(&store, &kept).await;
                let seen = fail_nth(&bucket, k, fate);
                let swept = store.sweep(full()).await;
                let reached = seen.load(Ordering::SeqCst) >= k;
                bucket.heal();
                settle().await;
                let context = format!("{fate:?} of request {k}: {swept:?}");
                holds(&store, &twin, &shared).await;
                holds(&store, &other, &kept).await;
                is_gone(&store, &due).await;
                store.sweep(full()).await.unwrap();
                assert_eq!(listed(&store).await.len(), 2, "{context}");
                for reference in [&twin, &other] {
                    store.delete(reference).await.unwrap();
                }
                is_clean(&store, &bucket).await;
                if !reached {
                    assert_eq!(swept.unwrap().failed, 0);
                    break;
                }
            }
        }
    }
}

#[tokio::test]
async fn reads() {
    let bytes = noise(1, 5000);
    for deduplication in [true, false] {
        for k in 1..=2 {
            let bucket = FaultyBucket::new();
            let store = open(&bucket, deduplication).await;
            let reference = put(&store, &bytes).await;
            fail_nth(&bucket, k, Fate::FailBefore);
            let error = store.retrieve(&reference).await.unwrap_err();
            assert_eq!(error.kind(), StorageErrorKind::Unavailable);
            assert!(error.is_retryable());
            holds(&store, &reference, &bytes).await;
        }
    }
}
