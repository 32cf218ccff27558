//! What was deleted leaves no trace, and does not come back.

use futures_util::StreamExt as _;
use media_storage::{
    Inventory as _, MediaBody, MediaStorage as _, MediaStorageExt as _, MediaUpload,
    RetentionPolicy, Scope,
};
use media_types::Mime;
use object_store::ObjectStore as _;

use super::super::{Fate, FaultyBucket, MIB, Verb, full, is_gone, noise};
use super::{is_clean, of_user, open, put_for, traces};

#[tokio::test]
async fn a_raw_scan_finds_neither_bytes_nor_hash_nor_ids() {
    for deduplication in [true, false] {
        let bucket = FaultyBucket::new();
        let store = open(&bucket, deduplication).await;
        let metadata = of_user("conv-secret", "user-secret");
        let metadata = metadata.with_retention(RetentionPolicy::RetainHours(5));
        let mut hashes = Vec::new();
        for seed in 0..5 {
            let reference = put_for(&store, seed, metadata.clone()).await;
            hashes.push(reference.sha256().unwrap().to_hex());
        }
        let kept = put_for(&store, 0, of_user("conv-kept", "user-kept")).await;
        let mut words: Vec<&str> = hashes.iter().skip(1).map(String::as_str).collect();
        words.extend(["conv-secret", "user-secret"]);
        assert!(!traces(&bucket, &words).await.is_empty());
        let scope = Scope::User("user-secret".parse().unwrap());
        assert_eq!(store.delete_scope(scope).await.unwrap().deleted, 5);
        store.sweep(full()).await.unwrap();
        // Tombstones, whose names contain ids, stay for seven days.
        bucket.age(chrono::TimeDelta::days(8));
        store.sweep(full()).await.unwrap();
        let left = traces(&bucket, &words).await;
        assert!(left.is_empty(), "{left:#?}");
        assert_eq!(
            store.retrieve_bytes(&kept, 1000).await.unwrap(),
            noise(0, 1000)
        );
        is_clean(&store, &bucket).await;
    }
}

/// Each request of a store, or of its deletion, arrives a second time after the deletion.
#[tokio::test]
async fn a_late_copy_of_any_request_brings_nothing_back() {
    let mut copies = 0;
    for (deduplication, len) in [
        (true, 1000),
        (false, 1000),
        (true, 9 * MIB),
        (false, 9 * MIB),
    ] {
        for k in 1.. {
            let bucket = FaultyBucket::new();
            let store = open(&bucket, deduplication).await;
            let (mut seen, mut copied) = (0, false);
            let reached = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
            let flag = std::sync::Arc::clone(&reached);
            bucket.judge(move |request| {
                if matches!(request.verb, Verb::Put | Verb::Delete | Verb::Complete) {
                    seen += 1;
                }
                let now = seen == k && !copied;
                copied |= now;
                flag.fetch_or(now, std::sync::atomic::Ordering::SeqCst);
                (if now { Fate::Copied } else { Fate::Pass }, 0)
            });
            let metadata = of_user("conv-1", "user-1");
            let metadata = metadata.with_retention(RetentionPolicy::RetainHours(5));
            let body = MediaBody::from_bytes(noise(7, len));
            let upload = MediaUpload::new(Mime::IMAGE_PNG, body, metadata);
            let reference = store.store(upload).await.unwrap();
            store.delete(&reference).await.unwrap();
            is_gone(&store, &reference).await;
            bucket.heal();
            bucket.settle().await;
            for _ in 0..2 {
                is_gone(&store, &reference).await;
                let listed = store.usage(Scope::User("user-1".parse().unwrap())).await;
                assert_eq!(listed.unwrap().references, 0);
                store.sweep(full()).await.unwrap();
            }
            is_clean(&store, &bucket).await;
            copies += 1;
            if !reached.load(std::sync::atomic::Ordering::SeqCst) {
                break;
            }
        }
    }
    println!("{copies} late copies, 0 came back");
    assert!(copies > 20);
}

/// A store dies after each of its requests, its scope is deleted, and its last request arrives.
#[tokio::test]
async fn a_store_that_died_before_its_scope_was_deleted_does_not_appear() {
    for deduplication in [true, false] {
        for k in 1..11 {
            let bucket = FaultyBucket::new();
            let store = open(&bucket, deduplication).await;
            put_for(&store, 1, of_user("conv-2", "user-2")).await;
            bucket.take_requests();
            let mut seen = 0;
            bucket.judge(move |_| {
                seen += 1;
                let fate = match seen {
                    n if n < k => Fate::Pass,
                    n if n == k => Fate::Late,
                    _ => Fate::FailBefore,
                };
                (fate, 0)
            });
            let bytes = noise(1, 1000);
            let metadata = of_user("conv-1", "user-1");
            let stored = store.store_bytes(Mime::IMAGE_PNG, bytes, metadata).await;
            bucket.heal();
            if let Ok(reference) = stored {
                store.delete(&reference).await.unwrap();
            }
            let scope = Scope::User("user-1".parse().unwrap());
            store.delete_scope(scope.clone()).await.unwrap();
            bucket.settle().await;
            for _ in 0..2 {
                let used = store.usage(scope.clone()).await.unwrap();
                assert_eq!(used.references, 0, "request {k} was late");
                store.sweep(full()).await.unwrap();
            }
            is_clean(&store, &bucket).await;
        }
    }
}

/// The completion of an upload fails, and happens after its scope was deleted, or after it was swept.
#[tokio::test]
async fn a_late_completion_of_an_upload_leaves_nothing_readable() {
    for deduplication in [true, false] {
        for swept_before in [true, false] {
            let bucket = FaultyBucket::new();
            let store = open(&bucket, deduplication).await;
            let kept = put_for(&store, 1, of_user("conv-2", "user-2")).await;
            bucket.judge(|request| {
                let completes = request.verb == Verb::Complete;
                (if completes { Fate::Late } else { Fate::Pass }, 0)
            });
            let scope = Scope::User("user-1".parse().unwrap());
            let body = MediaBody::from_bytes(noise(7, 9 * MIB));
            let metadata = of_user("conv-1", "user-1");
            let upload = MediaUpload::new(Mime::IMAGE_PNG, body, metadata);
            store.store(upload).await.unwrap_err();
            bucket.heal();
            store.delete_scope(scope.clone()).await.unwrap();
            if swept_before {
                store.sweep(full()).await.unwrap();
            }
            bucket.settle().await;
            assert_eq!(store.usage(scope.clone()).await.unwrap().references, 0);
            let report = store.sweep(full()).await.unwrap();
            assert_eq!(report.failed, 0);
            let left = bucket.inner().list(None);
            let left = left.filter_map(async |meta| meta.ok().map(|meta| meta.size));
            let left: Vec<u64> = left.collect().await;
            assert!(left.iter().all(|size| *size < MIB as u64), "{left:?}");
            assert_eq!(store.usage(scope).await.unwrap().references, 0);
            assert_eq!(
                store.retrieve_bytes(&kept, 1000).await.unwrap(),
                noise(1, 1000)
            );
            is_clean(&store, &bucket).await;
        }
    }
}
