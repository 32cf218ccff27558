//! What operations cost, in requests.

use media_storage::{Inventory as _, MediaStorageExt as _, RetentionPolicy, Scope};
use media_types::Mime;

use super::super::bucket::Request;
use super::super::{FaultyBucket, Verb, about, full, holds, listed, noise, put};
use super::{of_user, open, put_for};

fn count(requests: &[Request], verb: Verb) -> usize {
    requests
        .iter()
        .filter(|request| request.verb == verb)
        .count()
}

#[tokio::test]
async fn shared_media_costs_what_was_promised() {
    let bucket = FaultyBucket::new();
    let store = open(&bucket, true).await;
    let bytes = noise(1, 100_000);
    bucket.take_requests();
    let first = put(&store, &bytes).await;
    let requests = bucket.take_requests();
    // Record; sidecar, marker and bytes; sidecar, sealed marker and record.
    assert_eq!(
        (count(&requests, Verb::Get), count(&requests, Verb::Put)),
        (2, 5)
    );
    assert_eq!(requests.len(), 7);
    let second = put(&store, &bytes).await;
    let requests = bucket.take_requests();
    // Sidecar and marker; sidecar, sealed marker and record.
    assert_eq!(
        (count(&requests, Verb::Get), count(&requests, Verb::Put)),
        (2, 3)
    );
    assert_eq!(requests.len(), 5);
    holds(&store, &second, &bytes).await;
    // Sidecar, marker and bytes at once.
    assert_eq!(bucket.take_requests().len(), 3);
    store.delete(&first).await.unwrap();
    let requests = bucket.take_requests();
    // Sidecar; tombstone of the marker; tombstone of the sidecar.
    assert_eq!(
        (count(&requests, Verb::Get), count(&requests, Verb::Put)),
        (1, 2)
    );
    assert_eq!(requests.len(), 3);
    let size = serde_json::to_string(&second).unwrap().len();
    assert!(size <= 400, "a reference of {size} bytes");
    assert!(second.metadata("g").is_some());
}

#[tokio::test]
async fn a_scope_costs_what_it_contains() {
    for deduplication in [true, false] {
        let bucket = FaultyBucket::new();
        let store = open(&bucket, deduplication).await;
        for seed in 0..60 {
            let conversation = format!("conv-{}", seed % 12);
            let user = format!("user-{}", seed % 6);
            put_for(&store, seed, of_user(&conversation, &user)).await;
        }
        store.sweep(full()).await.unwrap();
        let conversation = Scope::Conversation("conv-3".parse().unwrap());
        let user = Scope::User("user-3".parse().unwrap());
        for (scope, found) in [
            (conversation.clone(), 5),
            (user.clone(), 10),
            (Scope::all_of([user.clone(), conversation.clone()]), 5),
            (Scope::all_of([Scope::All, user.clone()]), 10),
            (Scope::all_of([conversation]), 5),
        ] {
            bucket.take_requests();
            let usage = store.usage(scope.clone()).await.unwrap();
            assert_eq!(usage.references, found);
            let requests = bucket.take_requests();
            let lists = count(&requests, Verb::List);
            let others = (requests.len() - lists) as u64;
            assert!(others <= 2 * found + 1, "{others} requests for {found}");
        }
        // Without the note, everything is walked.
        let note = object_store::path::Path::from(".store/v2/user-complete");
        object_store::ObjectStoreExt::delete(bucket.inner(), &note)
            .await
            .unwrap();
        let scope = Scope::User("user-3".parse().unwrap());
        assert_eq!(store.usage(scope).await.unwrap().references, 10);
    }
}

#[tokio::test]
async fn a_new_store_finds_media_of_a_user_by_the_index_before_any_sweep() {
    for deduplication in [true, false] {
        let bucket = FaultyBucket::new();
        let store = open(&bucket, deduplication).await;
        for seed in 0..60 {
            let user = format!("user-{}", seed % 6);
            put_for(&store, seed, of_user("conv-1", &user)).await;
        }
        bucket.take_requests();
        let scope = Scope::User("user-3".parse().unwrap());
        assert_eq!(store.usage(scope).await.unwrap().references, 10);
        let requests = bucket.take_requests();
        let others = requests.len() - count(&requests, Verb::List);
        assert!(others <= 21, "{others} requests for 10 references");
    }
}

#[tokio::test]
async fn a_full_sweep_with_nothing_to_do_reads_no_object() {
    for deduplication in [true, false] {
        let bucket = FaultyBucket::new();
        let store = open(&bucket, deduplication).await;
        for seed in 0..40 {
            let metadata = of_user("conv-1", "user-1");
            let metadata = metadata.with_retention(RetentionPolicy::RetainHours(5));
            put_for(&store, seed / 2, metadata).await;
            put_for(&store, seed, about("conv-2")).await;
        }
        store.sweep(full()).await.unwrap();
        bucket.take_requests();
        let report = store.sweep(full()).await.unwrap();
        assert_eq!(report, media_storage::SweepReport::default());
        let requests = bucket.take_requests();
        let others: Vec<_> = requests
            .iter()
            .filter(|request| request.verb != Verb::List)
            .collect();
        // The note by which the service tells the time, and the note about the index.
        assert!(others.len() <= 2, "{others:#?}");
        assert_eq!(listed(&store).await.len(), 80);
    }
}

#[tokio::test]
async fn listings_show_neither_hashes_nor_users() {
    let bucket = FaultyBucket::new();
    let store = open(&bucket, true).await;
    let reference = put_for(&store, 1, of_user("conv-1", "user-secret")).await;
    let hash = reference.sha256().unwrap().to_hex();
    let names = bucket.names();
    assert!(!names.iter().any(|name| name.contains(&hash)), "{names:#?}");
    assert!(!names.iter().any(|name| name.contains("user-secret")));
    let again = store.store_bytes(Mime::IMAGE_PNG, noise(1, 1000), about("conv-1"));
    again.await.unwrap();
    let blobs = bucket
        .names()
        .into_iter()
        .filter(|name| name.contains("/blob/"));
    assert_eq!(blobs.count(), 1);
}
