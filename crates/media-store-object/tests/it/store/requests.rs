//! How many requests each operation makes, and what they carry.

use media_storage::{
    DeleteOptions, Inventory as _, MediaBody, MediaStorage as _, MediaStorageExt as _, MediaUpload,
    RetentionPolicy, RetrieveOptions, Scope,
};
use media_store_object::ObjectMediaStore;
use media_types::Mime;

use super::bucket::Request;
use super::{FaultyBucket, MIB, Verb, about, holds, noise, open, put};

fn verbs(requests: &[Request]) -> Vec<Verb> {
    requests.iter().map(|request| request.verb).collect()
}

fn media_bytes(requests: &[Request]) -> usize {
    let bodies = requests.iter().filter(|request| !is_small(&request.key));
    bodies.map(|request| request.body).sum()
}

/// Sidecars, markers, records and hints.
fn is_small(key: &str) -> bool {
    key.ends_with(".meta")
        || key.contains("/ref/")
        || key.contains("/rec/")
        || key.contains("/expiry/")
}

async fn expiring(store: &ObjectMediaStore, seed: u64) {
    let metadata = about("conv-1").with_retention(RetentionPolicy::RetainHours(1));
    let bytes = noise(seed, 1000);
    let stored = store.store_bytes(Mime::IMAGE_PNG, bytes, metadata);
    stored.await.unwrap();
}

#[tokio::test]
async fn shared_media_costs_what_was_promised() {
    let bucket = FaultyBucket::new();
    let store = open(&bucket, true).await;
    assert!(store.is_deduplicating());
    let bytes = noise(1, 100_000);
    bucket.take_requests();

    let first = put(&store, &bytes).await;
    let unique = bucket.take_requests();
    use Verb::{Delete, Get, List, Put};
    assert_eq!(verbs(&unique), [Get, Put, Put, Put, Put], "{unique:#?}");
    assert_eq!(media_bytes(&unique), bytes.len());

    let second = put(&store, &bytes).await;
    let duplicate = bucket.take_requests();
    assert_eq!(verbs(&duplicate), [Get, Put, Put, Get], "{duplicate:#?}");
    assert_eq!(media_bytes(&duplicate), 0);

    // Another node looks once whether the bytes are really there.
    let node = open(&bucket, true).await;
    for expected in [vec![Get, Put, Put, Get, Get], vec![Get, Put, Put, Get]] {
        bucket.take_requests();
        put(&node, &bytes).await;
        assert_eq!(verbs(&bucket.take_requests()), expected);
    }

    let stream = MediaBody::from_base64_stream(futures_util::stream::iter([Ok(
        media_types::base64::encode(&bytes).into(),
    )]));
    let upload = MediaUpload::new(Mime::IMAGE_PNG, stream, about("conv-1"));
    store.store(upload).await.unwrap();
    assert_eq!(media_bytes(&bucket.take_requests()), 0, "a stream, too");

    holds(&store, &second, &bytes).await;
    assert_eq!(verbs(&bucket.take_requests()), [Get, Get]);
    let head = RetrieveOptions::new().with_head();
    store.retrieve_opts(&second, head).await.unwrap();
    assert_eq!(verbs(&bucket.take_requests()), [Get]);

    store.delete(&first).await.unwrap();
    assert_eq!(verbs(&bucket.take_requests()), [Get, Delete, Delete]);

    expiring(&store, 2).await;
    assert_eq!(bucket.take_requests().len(), 6, "one more where it expires");
    expiring(&store, 2).await;
    let requests = bucket.take_requests();
    assert_eq!((requests.len(), media_bytes(&requests)), (5, 0));

    store.usage(Scope::All).await.unwrap();
    assert_eq!(verbs(&bucket.take_requests()), [List, List, List]);
}

#[tokio::test]
async fn media_of_its_own_costs_what_was_promised() {
    let bucket = FaultyBucket::new();
    let store = open(&bucket, false).await;
    let bytes = noise(1, 100_000);
    bucket.take_requests();
    let reference = put(&store, &bytes).await;
    use Verb::{Begin, Complete, Delete, Get, List, Part, Put};
    let requests = bucket.take_requests();
    assert_eq!(verbs(&requests), [Put, Put]);
    assert!(requests[0].key.ends_with(".meta"), "the sidecar first");
    holds(&store, &reference, &bytes).await;
    assert_eq!(verbs(&bucket.take_requests()), [Get, Get]);
    store
        .delete_opts(&reference, DeleteOptions::new())
        .await
        .unwrap();
    let requests = bucket.take_requests();
    assert_eq!(verbs(&requests), [Get, Delete, Delete]);
    assert!(requests[2].key.ends_with(".meta"), "the sidecar last");
    expiring(&store, 2).await;
    assert_eq!(bucket.take_requests().len(), 3);
    store.usage(Scope::All).await.unwrap();
    assert_eq!(verbs(&bucket.take_requests()), [List, List, List]);

    let large = noise(3, 17 * MIB);
    let stream = futures_util::stream::iter([Ok(large.clone())]);
    let body = MediaBody::from_stream(None, stream);
    let upload = MediaUpload::new(Mime::IMAGE_PNG, body, about("conv-1"));
    let reference = store.store(upload).await.unwrap();
    let requests = bucket.take_requests();
    let expected = [Begin, Part, Part, Part, Put, Complete];
    assert_eq!(verbs(&requests), expected, "{requests:#?}");
    let sizes: Vec<_> = requests.iter().map(|request| request.body).collect();
    assert_eq!(sizes[1..4], [8 * MIB, 8 * MIB, MIB]);
    assert!(reference.file_name().starts_with("000000-"));
    holds(&store, &reference, &large).await;
}

#[tokio::test]
async fn a_scope_that_the_organisation_prefixes_costs_no_walk() {
    let bucket = FaultyBucket::new();
    let store = open(&bucket, false).await;
    for n in 0..20 {
        let metadata = about("conv-1").with_session(format!("session-{n}").parse().unwrap());
        let bytes = noise(n, 100);
        let stored = store.store_bytes(Mime::IMAGE_PNG, bytes, metadata);
        stored.await.unwrap();
    }
    bucket.take_requests();
    let scope = Scope::Session("session-7".parse().unwrap());
    assert_eq!(store.usage(scope.clone()).await.unwrap().references, 1);
    assert!(bucket.take_requests().len() <= 4);

    // Another organisation in the same bucket: then it may be anywhere.
    let flat = ObjectMediaStore::builder()
        .with_object_store(std::sync::Arc::new(bucket.clone()))
        .with_organization(media_storage::Organization::Flat)
        .with_protocol(media_store_object::ProtocolVersion::First)
        .build()
        .await
        .unwrap();
    let metadata = about("conv-1").with_session("session-7".parse().unwrap());
    let stored = flat.store_bytes(Mime::IMAGE_PNG, noise(99, 100), metadata);
    stored.await.unwrap();
    for store in [&store, &flat] {
        assert_eq!(store.usage(scope.clone()).await.unwrap().references, 2);
    }
    assert_eq!(store.delete_scope(scope).await.unwrap().deleted, 2);
}
