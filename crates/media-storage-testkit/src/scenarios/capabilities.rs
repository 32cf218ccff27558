//! Capabilities: that they survive wrappers, and that signed URLs work.

use std::sync::Arc;
use std::time::Duration;

use media_storage::{
    MediaStorage, MediaStorageExt as _, SignedUrl, SignedUrlOptions, StorageErrorKind, UrlSigner,
};
use media_types::{Mime, StorageReference};

use crate::backend::{AnyBackend, HttpClient};
use crate::fixture::{KIB, about, conversation, fails, holds, noise, open, put};
use crate::run::not_run;

/// A store keeps its abilities and its backend's name behind `Arc`, `Box` and `dyn`.
pub async fn abilities_survive_wrappers(backend: &dyn AnyBackend) {
    let store = open(backend).await;
    let boxed: Box<dyn MediaStorage> = Box::new(Arc::clone(&store));
    assert_eq!(boxed.backend(), store.backend());
    assert_eq!(boxed.name(), store.name());
    assert_eq!(boxed.inventory().is_some(), store.inventory().is_some());
    assert_eq!(boxed.url_signer().is_some(), store.url_signer().is_some());
    let bytes = noise(1, 100);
    let reference = put(&boxed, &bytes, about("conv-1")).await;
    holds(&store, &reference, &bytes).await;
    boxed.delete(&reference).await.unwrap();
}

async fn sign(signer: &dyn UrlSigner, reference: &StorageReference, seconds: u64) -> SignedUrl {
    let options = SignedUrlOptions::new().with_validity(Duration::from_secs(seconds));
    signer
        .signed_url(reference, options)
        .await
        .expect("the store signs")
}

fn client(backend: &dyn AnyBackend) -> &dyn HttpClient {
    backend
        .http_client()
        .expect("a store that signs URLs brings an HTTP client to the suite")
}

/// A plain client gets the bytes under a signed URL, each reference with its own type also when
/// bytes are shared; the URL is the same for a while, and is not printed.
pub async fn signed_urls_give_the_media(backend: &dyn AnyBackend) {
    let store = open(backend).await;
    let scenario = "signed_urls_give_the_media";
    let Some(signer) = store.url_signer() else {
        return not_run(&store, scenario, "the store signs no URLs");
    };
    let client = client(backend);
    let bytes = noise(1, 100 * KIB);
    for mime in [Mime::TEXT_HTML, Mime::IMAGE_PNG] {
        let reference = store
            .store_bytes(mime.clone(), bytes.clone(), about("conv-1"))
            .await
            .unwrap();
        let url = sign(signer, &reference, 600).await;
        let answer = client.get(url.url().as_str()).await.expect("an answer");
        assert_eq!(answer.status, 200);
        assert!(answer.body == bytes);
        assert_eq!(answer.content_type.as_deref(), Some(mime.as_str()));
        let again = sign(signer, &reference, 600).await;
        if url.url() != again.url() {
            // A window of time ended in between.
            let third = sign(signer, &reference, 600).await;
            assert_eq!(again.url(), third.url(), "prompt caches need stable URLs");
        }
        let shown = format!("{url} {url:?}");
        assert!(!shown.contains(reference.file_name()), "{shown}");
    }
}

/// A signed URL stops working at its time; longer than seven days is refused.
pub async fn signed_urls_expire(backend: &dyn AnyBackend) {
    let store = open(backend).await;
    let scenario = "signed_urls_expire";
    let Some(signer) = store.url_signer() else {
        return not_run(&store, scenario, "the store signs no URLs");
    };
    let reference = put(&store, &noise(1, 100), about("conv-1")).await;
    let week = Duration::from_secs(7 * 24 * 3600);
    let beyond = SignedUrlOptions::new().with_validity(week + Duration::from_secs(1));
    fails(
        signer.signed_url(&reference, beyond).await,
        StorageErrorKind::InvalidInput,
    );
    let longest = SignedUrlOptions::new().with_validity(week);
    signer.signed_url(&reference, longest).await.unwrap();
    if !backend.enforces_url_expiry() {
        return not_run(&store, scenario, "the server does not look at the expiry");
    }
    let url = sign(signer, &reference, 2).await;
    let left = url.expires_at() - chrono::Utc::now();
    assert!(left <= chrono::TimeDelta::seconds(2), "valid for {left}");
    tokio::time::sleep(left.to_std().unwrap_or_default() + Duration::from_secs(1)).await;
    let answer = client(backend).get(url.url().as_str()).await.unwrap();
    assert!((400..500).contains(&answer.status), "{}", answer.status);
}

/// Signing keeps to the rules of reading: gone, foreign and malformed references are refused.
pub async fn signed_urls_are_for_ones_own_media(backend: &dyn AnyBackend) {
    let store = open(backend).await;
    let Some(signer) = store.url_signer() else {
        return not_run(
            &store,
            "signed_urls_are_for_ones_own_media",
            "the store signs no URLs",
        );
    };
    let reference = put(&store, &noise(1, 100), about("conv-1")).await;
    let scoped = |name| SignedUrlOptions::new().with_expected_scope(conversation(name));
    signer
        .signed_url(&reference, scoped("conv-1"))
        .await
        .unwrap();
    fails(
        signer.signed_url(&reference, scoped("conv-2")).await,
        StorageErrorKind::NotFound,
    );
    let elsewhere = StorageReference::builder("elsewhere", reference.id());
    let elsewhere = elsewhere.build().unwrap();
    fails(
        signer.signed_url(&elsewhere, SignedUrlOptions::new()).await,
        StorageErrorKind::InvalidRef,
    );
    store.delete(&reference).await.unwrap();
    fails(
        signer.signed_url(&reference, SignedUrlOptions::new()).await,
        StorageErrorKind::NotFound,
    );
}
