//! Signed URLs, fetched by a client that has no credentials.

use std::time::Duration;

use object_store::path::Path;
use object_store::signer::{Method, SignedUrlOptions, Signer};
use object_store::{Attribute, Attributes, ObjectStore, PutOptions};
use reqwest::header::{CONTENT_DISPOSITION, CONTENT_TYPE, HOST};
use reqwest::{Client, Response, StatusCode};
use test_servers::azurite::Azurite;
use test_servers::gcs::{GcsServer, SIGNED_HOST};
use test_servers::s3::S3Server;

use crate::clients;
use crate::servers::services;

const BODY: &[u8] = b"not really a picture";
const LONG: Duration = Duration::from_secs(900);
const SHORT: Duration = Duration::from_secs(1);

fn client() -> Client {
    Client::builder().no_proxy().build().unwrap()
}

fn overrides() -> SignedUrlOptions {
    SignedUrlOptions::new().with_query([
        ("response-content-type", "image/webp"),
        (
            "response-content-disposition",
            "attachment; filename=\"a b.webp\"",
        ),
    ])
}

const SPACED: &str = "session-1/a picture.png";

async fn put(store: &impl ObjectStore, key: &str) -> Path {
    let key = Path::from(key);
    let mut attributes = Attributes::new();
    attributes.insert(Attribute::ContentType, "image/png".into());
    let options = PutOptions {
        attributes,
        ..PutOptions::default()
    };
    store.put_opts(&key, BODY.into(), options).await.unwrap();
    key
}

async fn assert_body(response: Response, content_type: &str) {
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()[CONTENT_TYPE], content_type);
    assert_eq!(response.bytes().await.unwrap(), BODY);
}

/// The URL with one character of a parameter's value replaced.
fn tampered(url: &str, parameter: &str) -> String {
    let at = url.find(parameter).unwrap() + parameter.len() + 1;
    let mut bytes = url.as_bytes().to_vec();
    bytes[at] = if bytes[at] == b'1' { b'2' } else { b'1' };
    String::from_utf8(bytes).unwrap()
}

/// Waits for a URL to expire: nothing signals it, so it is asked until it is refused.
async fn expires(fetch: impl AsyncFn() -> StatusCode) -> StatusCode {
    for _ in 0..100 {
        let status = fetch().await;
        if status != StatusCode::OK {
            return status;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("it never expired");
}

#[tokio::test]
async fn s3_checks_signatures_and_overrides_types() {
    let dir = tempfile::tempdir().unwrap();
    let server = S3Server::start(dir.path()).await.unwrap();
    let store = clients::s3(&server);
    let key = put(&store, SPACED).await;
    let client = client();
    let fetch = async |url: &str| client.get(url).send().await.unwrap();

    let url = store.signed_url(Method::GET, &key, LONG).await.unwrap();
    assert_body(fetch(url.as_str()).await, "image/png").await;
    for parameter in ["X-Amz-Signature", "X-Amz-Expires"] {
        let refused = fetch(&tampered(url.as_str(), parameter)).await;
        assert_eq!(refused.status(), StatusCode::FORBIDDEN, "{parameter}");
    }
    let other = url.as_str().replace("a%20picture", "b%20picture");
    assert_eq!(fetch(&other).await.status(), StatusCode::FORBIDDEN);

    let url = store
        .signed_url_opts(Method::GET, &key, LONG, &overrides())
        .await
        .unwrap();
    let response = fetch(url.as_str()).await;
    assert_eq!(
        response.headers()[CONTENT_DISPOSITION],
        "attachment; filename=\"a b.webp\""
    );
    assert_body(response, "image/webp").await;
    let svg = url.as_str().replace("webp", "svg%2Bxml");
    assert_eq!(fetch(&svg).await.status(), StatusCode::FORBIDDEN);

    let url = store.signed_url(Method::GET, &key, SHORT).await.unwrap();
    let refused = expires(async || fetch(url.as_str()).await.status()).await;
    assert_eq!(refused, StatusCode::FORBIDDEN);

    let unsigned = format!("{}/{}/{key}", server.endpoint(), server.bucket());
    assert_eq!(fetch(&unsigned).await.status(), StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn gcs_checks_signatures_and_overrides_types() {
    let dir = tempfile::tempdir().unwrap();
    let server = GcsServer::start(dir.path()).await.unwrap();
    let store = clients::gcs(&server);
    let key = put(&store, SPACED).await;
    let client = client();
    let fetch_as = async |host: &str, url: &str| {
        let request = client.get(server.reachable(url)).header(HOST, host);
        request.send().await.unwrap()
    };
    let fetch = async |url: &str| fetch_as(SIGNED_HOST, url).await;

    let url = store.signed_url(Method::GET, &key, LONG).await.unwrap();
    assert_body(fetch(url.as_str()).await, "image/png").await;
    for parameter in ["X-Goog-Signature", "X-Goog-Expires"] {
        let refused = fetch(&tampered(url.as_str(), parameter)).await;
        assert_eq!(refused.status(), StatusCode::FORBIDDEN, "{parameter}");
    }
    let other = url.as_str().replace("a%20picture", "b%20picture");
    assert_eq!(fetch(&other).await.status(), StatusCode::FORBIDDEN);
    let elsewhere = fetch_as(url.host_str().unwrap(), url.as_str()).await;
    assert_eq!(elsewhere.status(), StatusCode::FORBIDDEN);

    let url = store
        .signed_url_opts(Method::GET, &key, LONG, &overrides())
        .await
        .unwrap();
    let response = fetch(url.as_str()).await;
    assert_eq!(
        response.headers()[CONTENT_DISPOSITION],
        "attachment; filename=\"a b.webp\""
    );
    assert_body(response, "image/webp").await;

    let url = store.signed_url(Method::GET, &key, SHORT).await.unwrap();
    let refused = expires(async || fetch(url.as_str()).await.status()).await;
    assert_eq!(refused, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn azurite_checks_signatures() {
    if !services("signed URLs of Azure") {
        return;
    }
    let server = Azurite::start().await.unwrap();
    let store = clients::azurite_at(&server, &server.endpoint());
    // `object_store` signs the escaped path, Azure the plain one: escaped keys get no valid URL.
    let key = put(&store, "session-1/picture.png").await;
    let client = client();
    let fetch = async |url: &str| client.get(url).send().await.unwrap();

    let url = store.signed_url(Method::GET, &key, LONG).await.unwrap();
    assert_body(fetch(url.as_str()).await, "image/png").await;
    let refused = fetch(&tampered(url.as_str(), "sig")).await;
    assert_eq!(refused.status(), StatusCode::FORBIDDEN);

    let url = store.signed_url(Method::GET, &key, SHORT).await.unwrap();
    let refused = expires(async || fetch(url.as_str()).await.status()).await;
    assert_eq!(refused, StatusCode::FORBIDDEN);
}
