//! Signed URLs, fetched by a plain HTTP client from servers that check signatures.

use std::time::Duration;

use media_storage::{
    MediaStorage as _, MediaStorageExt as _, RetentionPolicy, SignedUrl, SignedUrlOptions,
    StorageErrorKind,
};
use media_store_object::{ObjectMediaStore, ObjectMediaStoreBuilder};
use media_types::{Mime, StorageReference};
use test_servers::proxy::FaultProxy;

use super::{Broken, azure_at, azurite, gcs_at, gcs_server, s3_at, s3_server};
use crate::store::{about, noise};

struct Fetched {
    status: u16,
    content_type: String,
    disposition: String,
    caching: String,
    body: bytes::Bytes,
}

async fn fetch(url: &str) -> Fetched {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = client.get(url).send().await.unwrap();
    let header = |name: &str| {
        let value = answer.headers().get(name);
        value
            .map(|value| value.to_str().unwrap().to_owned())
            .unwrap_or_default()
    };
    Fetched {
        status: answer.status().as_u16(),
        content_type: header("content-type"),
        disposition: header("content-disposition"),
        caching: header("cache-control"),
        body: answer.bytes().await.unwrap(),
    }
}

async fn sign(store: &ObjectMediaStore, reference: &StorageReference, seconds: u64) -> SignedUrl {
    let options = SignedUrlOptions::new().with_validity(Duration::from_secs(seconds));
    let signer = store.url_signer().expect("the store signs");
    signer.signed_url(reference, options).await.unwrap()
}

/// Signs twice, from two stores, in one window: at its end the window changes between the two.
async fn sign_by_both(
    stores: [&ObjectMediaStore; 2],
    reference: &StorageReference,
) -> [SignedUrl; 2] {
    let one = sign(stores[0], reference, 900).await;
    let other = sign(stores[1], reference, 900).await;
    if one.expires_at() == other.expires_at() {
        return [one, other];
    }
    [sign(stores[0], reference, 900).await, other]
}

async fn gives_each_reference_its_own(builder: ObjectMediaStoreBuilder, deduplication: bool) {
    let open = || builder.clone().with_deduplication(deduplication).build();
    let store = open().await.unwrap();
    let elsewhere = open().await.unwrap();
    let bytes = noise(1, 5000);
    for (mime, name, disposition) in [
        (
            Mime::IMAGE_PNG,
            "a \u{e9}.png",
            "inline; filename*=UTF-8''a%20%C3%A9.png",
        ),
        (
            Mime::TEXT_HTML,
            "a&b=c.html",
            "attachment; filename*=UTF-8''a%26b%3Dc.html",
        ),
        (
            "image/svg+xml".parse().unwrap(),
            "x.svg",
            "attachment; filename*=UTF-8''x.svg",
        ),
    ] {
        let metadata = about("conv/1 %2e \u{fc}+").with_filename(name.to_owned());
        let reference = store
            .store_bytes(mime.clone(), bytes.clone(), metadata)
            .await
            .unwrap();
        let [url, again] = sign_by_both([&store, &elsewhere], &reference).await;
        assert_eq!(url.url(), again.url(), "not the same on two nodes");
        let left = (url.expires_at() - chrono::Utc::now()).num_seconds();
        assert!((449..=900).contains(&left), "{left}");

        let fetched = fetch(url.url().as_str()).await;
        assert_eq!(
            fetched.status,
            200,
            "{}",
            String::from_utf8_lossy(&fetched.body)
        );
        assert!(fetched.body == bytes);
        assert_eq!(fetched.content_type, mime.as_str());
        assert_eq!(fetched.disposition, disposition);
        assert_eq!(fetched.caching, "private, max-age=31536000, immutable");

        for tampered in tampered(url.url().as_str()) {
            let status = fetch(&tampered).await.status;
            assert!((400..500).contains(&status), "{status} for {tampered}");
        }
        let shown = format!("{url} {url:?} {:?} {store:?} {builder:?}", url.url());
        for secret in ["ignature=", "sig=", "X-Amz", "X-Goog", "test-secret"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
}

/// The URL with one thing changed that its signature covers, or with another signature.
fn tampered(url: &str) -> Vec<String> {
    let (start, query) = url.split_once('?').unwrap();
    let mut changed = Vec::new();
    // Another object.
    changed.push(format!(
        "{}x?{query}",
        start.strip_suffix("g").unwrap_or(start)
    ));
    let pairs: Vec<&str> = query.split('&').collect();
    for (at, pair) in pairs.iter().enumerate() {
        let (name, value) = pair.split_once('=').unwrap();
        let value = match name {
            "response-content-type" | "rsct" => "text%2Fhtml%3B",
            "response-content-disposition" | "rscd" => "inline%3B",
            "X-Amz-Expires" | "X-Goog-Expires" => "604800",
            "se" => "2099-01-01T00%3A00%3A00Z",
            "X-Amz-Signature" | "X-Goog-Signature" => &format!(
                "{}{}",
                if value.starts_with('0') { "1" } else { "0" },
                &value[1..]
            ),
            "sig" => &format!(
                "{}{}",
                if value.starts_with('A') { "B" } else { "A" },
                &value[1..]
            ),
            _ => continue,
        };
        let mut pairs: Vec<String> = pairs.iter().map(|&pair| pair.to_owned()).collect();
        pairs[at] = format!("{name}={value}");
        changed.push(format!("{start}?{}", pairs.join("&")));
    }
    assert!(changed.len() >= 5, "{}", changed.len());
    changed
}

/// A response may be cached until the media expires, whenever it is fetched.
async fn is_cached_no_longer_than_it_lives(builder: ObjectMediaStoreBuilder, deduplication: bool) {
    let store = builder.with_deduplication(deduplication).build().await;
    let store = store.unwrap();
    for minutes in [5, 60] {
        let metadata = about("conv-1").with_retention(RetentionPolicy::DeleteAfterMinutes(minutes));
        let stored = store.store_bytes(Mime::IMAGE_PNG, noise(2, 100), metadata);
        let url = sign(&store, &stored.await.unwrap(), 900).await;
        let fetched = fetch(url.url().as_str()).await;
        assert_eq!(fetched.status, 200);
        let caching = fetched.caching;
        if minutes == 5 {
            assert_eq!(caching, "private, no-cache");
            continue;
        }
        let age = caching.strip_prefix("private, max-age=").unwrap();
        let age: i64 = age.strip_suffix(", immutable").unwrap().parse().unwrap();
        let lives = url.expires_at() + chrono::TimeDelta::seconds(age);
        assert!(lives <= chrono::Utc::now() + chrono::TimeDelta::minutes(60));
        assert!((2700..3600).contains(&age), "{age}");
    }
}

async fn ends_in_time(builder: ObjectMediaStoreBuilder) {
    let store = builder.build().await.unwrap();
    let bytes = noise(1, 100);
    let reference = store
        .store_bytes(Mime::IMAGE_PNG, bytes, about("conv-1"))
        .await
        .unwrap();
    let url = sign(&store, &reference, 2).await;
    let left = url.expires_at() - chrono::Utc::now();
    // Expiry is what is waited for; there is nothing else that tells it.
    tokio::time::sleep(left.to_std().unwrap_or_default() + Duration::from_millis(1100)).await;
    assert!((400..500).contains(&fetch(url.url().as_str()).await.status));
    assert_ne!(
        sign(&store, &reference, 2).await.url(),
        url.url(),
        "the next window"
    );
}

#[tokio::test]
async fn s3() {
    let (server, _dir) = s3_server().await;
    for deduplication in [true, false] {
        gives_each_reference_its_own(s3_at(&server, &server.endpoint()), deduplication).await;
        is_cached_no_longer_than_it_lives(s3_at(&server, &server.endpoint()), deduplication).await;
    }
    ends_in_time(s3_at(&server, &server.endpoint())).await;
}

#[tokio::test]
async fn gcs() {
    let (server, _dir) = gcs_server().await;
    for deduplication in [true, false] {
        gives_each_reference_its_own(gcs_at(&server), deduplication).await;
        is_cached_no_longer_than_it_lives(gcs_at(&server), deduplication).await;
    }
    ends_in_time(gcs_at(&server)).await;
}

#[tokio::test]
async fn azure() {
    let Some(server) = azurite("signed URLs of Azure").await else {
        return;
    };
    for deduplication in [true, false] {
        gives_each_reference_its_own(azure_at(&server), deduplication).await;
        is_cached_no_longer_than_it_lives(azure_at(&server), deduplication).await;
    }
    ends_in_time(azure_at(&server)).await;
}

#[tokio::test]
async fn a_public_endpoint_is_the_one_that_is_signed_for() {
    let (server, _dir) = s3_server().await;
    let public = FaultProxy::start(server.address()).await.unwrap();
    let at = s3_at(&server, &server.endpoint()).with_public_endpoint(public.endpoint());
    let store = at.build().await.unwrap();
    let bytes = noise(1, 100);
    let stored = store
        .store_bytes(Mime::IMAGE_PNG, bytes.clone(), about("conv-1"))
        .await;
    let url = sign(&store, &stored.unwrap(), 60).await;
    assert!(url.url().as_str().starts_with(&public.endpoint()));
    assert_eq!(public.totals().requests, 0, "the store goes its own way");
    assert!(fetch(url.url().as_str()).await.body == bytes);
    assert_eq!(public.totals().requests, 1);
    // The signature covers the host.
    let moved = url
        .url()
        .as_str()
        .replacen(&public.endpoint(), &server.endpoint(), 1);
    assert_eq!(fetch(&moved).await.status, 403);
}

#[tokio::test]
async fn a_temporary_credential_is_not_outlived() {
    let broken = Broken::start().await;
    // The server does not look at the token, but signs it into nothing either: only times count.
    let temporary = broken
        .builder()
        .with_option("session_token", "hunter2hunter2");
    let minutes = |store: ObjectMediaStore| async move {
        let reference = store
            .store_bytes(Mime::IMAGE_PNG, noise(1, 100), about("c"))
            .await
            .unwrap();
        let url = sign(&store, &reference, 3600).await;
        assert!(!format!("{url:?} {store:?}").contains("hunter2"));
        (url.expires_at() - chrono::Utc::now()).num_minutes()
    };
    assert!(minutes(temporary.clone().build().await.unwrap()).await < 5);
    let end = chrono::Utc::now() + chrono::TimeDelta::minutes(20);
    let known = temporary.with_option("credential_expiration", end.to_rfc3339());
    let left = minutes(known.clone().build().await.unwrap()).await;
    assert!((15..=20).contains(&left), "{left}");

    let past = chrono::Utc::now() - chrono::TimeDelta::seconds(1);
    let store = known.with_option("credential_expiration", past.to_rfc3339());
    let store = store.build().await.unwrap();
    let reference = store
        .store_bytes(Mime::IMAGE_PNG, noise(1, 100), about("c"))
        .await
        .unwrap();
    let signer = store.url_signer().unwrap();
    let error = signer
        .signed_url(&reference, SignedUrlOptions::new())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), StorageErrorKind::Config);
    assert!(error.to_string().contains("expired"), "{error}");
}

#[tokio::test]
async fn what_cannot_sign_says_so_by_having_no_signer() {
    let (server, _dir) = s3_server().await;
    let plain = object_store::memory::InMemory::new();
    let builder = ObjectMediaStore::builder().with_object_store(std::sync::Arc::new(plain));
    assert!(builder.build().await.unwrap().url_signer().is_none());
    let store = s3_at(&server, &server.endpoint()).build().await.unwrap();
    let reference = store
        .store_bytes(Mime::IMAGE_PNG, noise(1, 100), about("c"))
        .await
        .unwrap();
    let signer = store.url_signer().unwrap();
    for seconds in [0, 7 * 24 * 3600 + 1] {
        let options = SignedUrlOptions::new().with_validity(Duration::from_secs(seconds));
        let error = signer.signed_url(&reference, options).await.unwrap_err();
        assert_eq!(error.kind(), StorageErrorKind::InvalidInput);
    }
}
