//! Who can read what, and for how long.

use std::time::Duration;

use axum::Router;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use media_http::{Disposition, LinkErrorKind, LinkKeys, LinkSigner, LinkedStorage, MediaService};
use media_storage::{
    InMemoryStorage, MediaStorage, MediaStorageExt, RetentionPolicy, SignedUrlOptions,
    StorageErrorKind,
};
use media_store_fs::FileStore;
use media_types::Mime;

use crate::support::{keys, noise, owned_by, scope_of, serve, site};

#[tokio::test]
async fn a_link_is_good_until_it_expires() {
    let site = site(InMemoryStorage::new()).await;
    let photo = site.put(Mime::IMAGE_PNG, noise(1000)).await;
    let link = site.link(&photo).await;
    let response = site.http.get(&link).send().await.unwrap();
    assert_eq!(response.status(), 200);
    let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(header("content-type"), "image/png");
    assert_eq!(header("content-length"), "1000");
    assert_eq!(header("x-content-type-options"), "nosniff");
    assert_eq!(header("accept-ranges"), "bytes");
    assert!(header("content-disposition").starts_with("inline"));
    assert!(header("content-security-policy").contains("sandbox"));
    let caching = header("cache-control");
    let seconds = caching
        .strip_prefix("private, max-age=")
        .and_then(|rest| rest.strip_suffix(", immutable"))
        .and_then(|seconds| seconds.parse::<u64>().ok())
        .unwrap_or_else(|| panic!("{caching}"));
    assert!((1..=900).contains(&seconds), "{seconds}");
    assert_eq!(response.bytes().await.unwrap(), noise(1000));
    site.clock.advance(900);
    assert_eq!(site.status(&link).await, 404);
}

#[tokio::test]
async fn links_are_equal_within_half_of_their_validity() {
    let site = site(InMemoryStorage::new()).await;
    let photo = site.put(Mime::IMAGE_PNG, noise(10)).await;
    let half = 450;
    site.clock
        .advance(half - site.clock.now().timestamp().rem_euclid(half));
    let first = site.link(&photo).await;
    site.clock.advance(half - 10);
    assert_eq!(site.link(&photo).await, first);
    assert_eq!(site.status(&first).await, 200);
    site.clock.advance(20);
    let second = site.link(&photo).await;
    assert_ne!(second, first);
    assert_eq!(site.status(&first).await, 200);
    assert_eq!(site.status(&second).await, 200);
}

#[tokio::test]
async fn what_is_not_there_and_what_is_not_permitted_look_alike() {
    let site = site(InMemoryStorage::new()).await;
    let photo = site.put(Mime::IMAGE_PNG, noise(100)).await;
    let link = site.link(&photo).await;
    let (base, rest) = link.split_once("/media/").unwrap();
    let (token, name) = rest.split_once('/').unwrap();
    let mut bodies = Vec::new();
    let mut forged = vec![
        format!("{base}/media/{name}"),
        format!("{base}/media/x/{name}"),
        format!("{base}/media/{token}"),
        format!("{base}/media/..%2f..%2fetc/passwd"),
        format!("{base}/media/{}/{name}", "A".repeat(7000)),
        format!("{base}/media/{token}A/{name}"),
        format!("{base}/media/{token}=/{name}"),
    ];
    let signed = URL_SAFE_NO_PAD.decode(token).unwrap();
    for at in 0..signed.len() {
        let mut other = signed.clone();
        other[at] ^= 1;
        forged.push(format!(
            "{base}/media/{}/{name}",
            URL_SAFE_NO_PAD.encode(other)
        ));
    }
    // Signed for another user, by a key of another service, and for media that is gone.
    let options = SignedUrlOptions::new().with_expected_scope(scope_of("user-2"));
    let refused = site.signer.sign(&photo, options).await.unwrap_err();
    assert_eq!(refused.kind(), StorageErrorKind::NotFound);
    let other = LinkKeys::new("another secret of thirty-two bytes or so").unwrap();
    let signer = LinkSigner::new(site.store.clone(), other, format!("{base}/media")).unwrap();
    let foreign = signer.sign(&photo, SignedUrlOptions::new()).await.unwrap();
    forged.push(foreign.url().as_str().to_owned());
    let gone = site.put(Mime::IMAGE_PNG, noise(101)).await;
    forged.push(site.link(&gone).await);
    site.store.delete(&gone).await.unwrap();
    for url in &forged {
        let response = site.http.get(url).send().await.unwrap();
        assert_eq!(response.status(), 404, "{url}");
        assert!(response.headers().get("etag").is_none(), "{url}");
        bodies.push(response.text().await.unwrap());
    }
    bodies.dedup();
    assert_eq!(bodies, ["Not Found"]);
    assert_eq!(site.status(&link).await, 200);
}

#[tokio::test]
async fn media_that_left_the_scope_is_not_served() {
    let site = site(InMemoryStorage::new()).await;
    let photo = site.put(Mime::IMAGE_PNG, noise(100)).await;
    let link = site.link(&photo).await;
    let patch = media_storage::MetadataPatch::new().with_user(Some("user-2".parse().unwrap()));
    site.store.update(&photo, patch).await.unwrap();
    assert_eq!(site.status(&link).await, 404);
}

#[tokio::test]
async fn a_link_ends_with_its_media() {
    let site = site(InMemoryStorage::new()).await;
    let until = site.clock.now() + chrono::TimeDelta::seconds(100);
    let metadata = owned_by("user-1").with_expires_at(until);
    let photo = site
        .store
        .store_bytes(Mime::IMAGE_PNG, noise(10), metadata)
        .await
        .unwrap();
    let options = SignedUrlOptions::new().with_validity(Duration::from_secs(7 * 24 * 3600));
    let url = site.signer.sign(&photo, options).await.unwrap();
    assert_eq!(url.expires_at().timestamp(), until.timestamp());
    let response = site.http.get(url.url().as_str()).send().await.unwrap();
    let caching = response.headers()["cache-control"].to_str().unwrap();
    let seconds: u64 = caching
        .trim_start_matches("private, max-age=")
        .trim_end_matches(", immutable")
        .parse()
        .unwrap();
    assert!(seconds <= 100, "{caching}");
    for validity in [Duration::ZERO, Duration::from_secs(7 * 24 * 3600 + 1)] {
        let options = SignedUrlOptions::new().with_validity(validity);
        let error = site.signer.sign(&photo, options).await.unwrap_err();
        assert_eq!(error.kind(), StorageErrorKind::InvalidInput);
    }
}

#[tokio::test]
async fn links_of_a_retired_key_are_served_until_it_is_dropped() {
    let store = InMemoryStorage::new();
    let photo = store
        .store_bytes(Mime::IMAGE_PNG, noise(10), owned_by("user-1"))
        .await
        .unwrap();
    let new = LinkKeys::new("the secret that replaces the one before").unwrap();
    let rotated = new.clone().with_retired(crate::support::SECRET).unwrap();
    let router = Router::new()
        .nest_service("/rotated", MediaService::new(store.clone(), rotated))
        .nest_service("/dropped", MediaService::new(store.clone(), new));
    let address = serve(router).await;
    let http = crate::support::client();
    for (place, expected) in [("rotated", 200), ("dropped", 404)] {
        let base = format!("{address}/{place}");
        let signer = LinkSigner::new(store.clone(), keys(), base).unwrap();
        let url = signer.sign(&photo, SignedUrlOptions::new()).await.unwrap();
        let response = http.get(url.url().as_str()).send().await.unwrap();
        assert_eq!(response.status(), expected, "{place}");
    }
}

#[tokio::test]
async fn a_store_on_a_disk_gets_signed_urls() {
    let dir = tempfile::tempdir().unwrap();
    let files = FileStore::open(dir.path()).await.unwrap();
    assert!(files.url_signer().is_none());
    let site = site(files.clone()).await;
    let base = format!("{}/media", site.address);
    let linked = LinkedStorage::new(files, keys(), base).unwrap();
    let metadata = owned_by("user-1")
        .with_filename("a photo.png".to_owned())
        .with_retention(RetentionPolicy::RetainDays(1));
    let photo = linked
        .store_bytes(Mime::IMAGE_PNG, noise(300_000), metadata)
        .await
        .unwrap();
    let signer = linked.url_signer().unwrap();
    let url = signer
        .signed_url(&photo, SignedUrlOptions::new())
        .await
        .unwrap();
    assert!(
        url.url().as_str().ends_with("/a%20photo.png"),
        "{:?}",
        url.url().as_str()
    );
    assert!(!format!("{url:?}{url}").contains("media/"));
    let response = site.http.get(url.url().as_str()).send().await.unwrap();
    assert_eq!(
        response.headers()["content-disposition"],
        r#"inline; filename="a photo.png""#
    );
    assert_eq!(response.bytes().await.unwrap(), noise(300_000));
}

#[tokio::test]
async fn active_content_is_saved_and_never_shown() {
    let site = site(InMemoryStorage::new()).await;
    for mime in ["image/svg+xml", "text/html", "application/xml"] {
        let mime: Mime = mime.parse().unwrap();
        let media = site
            .put(mime.clone(), b"<svg onload='alert(1)'/>".to_vec())
            .await;
        let link = site.link(&media).await;
        let response = site.http.get(link).send().await.unwrap();
        let header = |name: &str| response.headers()[name].to_str().unwrap();
        assert!(
            header("content-disposition").starts_with("attachment"),
            "{mime}"
        );
        assert!(
            header("content-security-policy").ends_with("sandbox"),
            "{mime}"
        );
        assert_eq!(header("x-content-type-options"), "nosniff");
    }
    let photo = site.put(Mime::IMAGE_PNG, noise(10)).await;
    let signer = site
        .signer
        .clone()
        .with_disposition(Disposition::Attachment);
    let url = signer.sign(&photo, SignedUrlOptions::new()).await.unwrap();
    let response = site.http.get(url.url().as_str()).send().await.unwrap();
    let value = response.headers()["content-disposition"].to_str().unwrap();
    assert!(value.starts_with("attachment"), "{value}");
}

#[test]
fn bases_and_secrets_are_checked() {
    let store = InMemoryStorage::new();
    for base in [
        "",
        "/media",
        "ftp://x/media",
        "https://x/media?a",
        "https://x/#a",
        "https://",
    ] {
        assert!(
            LinkSigner::new(store.clone(), keys(), base).is_err(),
            "{base}"
        );
    }
    let error = LinkKeys::new("short").unwrap_err();
    assert_eq!(
        error.to_string(),
        "invalid link key: the secret has fewer than 32 bytes"
    );
    let signer = LinkSigner::new(store, keys(), "https://x/media/").unwrap();
    let shown = format!("{signer:?}{:?}", keys());
    assert!(!shown.contains("secret of"), "{shown}");
}

#[test]
fn short_secrets_and_bases_that_are_no_urls_are_refused() {
    let short = LinkKeys::new([7; 31]).unwrap_err();
    assert_eq!(short.kind(), LinkErrorKind::ShortSecret);
    let wanted =
        "ftp://chat.example/media /media https://chat.example/media?a=b https://chat.example/#a";
    for base in wanted.split(' ') {
        let refused = LinkSigner::new(InMemoryStorage::new(), keys(), base);
        assert_eq!(
            refused.unwrap_err().kind(),
            LinkErrorKind::InvalidBase,
            "{base}"
        );
    }
}
