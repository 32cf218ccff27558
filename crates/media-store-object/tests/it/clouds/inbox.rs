//! Uploads by signed URLs, sent by a plain HTTP client to servers that check signatures.

use std::time::Duration;

use media_storage::{MediaStorageExt as _, StorageErrorKind};
use media_store_object::{ObjectMediaStore, ObjectMediaStoreBuilder, SignedUpload};
use media_types::Mime;

use super::{Broken, azure_at, azurite, gcs_at, gcs_server, s3_at, s3_server};
use crate::store::{about, holds, noise};

const LEN: usize = 5000;

pub(super) fn png(seed: u64) -> bytes::Bytes {
    let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
    let rest = LEN - bytes.len();
    bytes.extend_from_slice(&noise(seed, rest));
    bytes.into()
}

pub(super) async fn issue(store: &ObjectMediaStore) -> SignedUpload {
    let minutes = Duration::from_secs(600);
    let signed = store.sign_upload(Mime::IMAGE_PNG, LEN as u64, minutes);
    signed.await.unwrap()
}

/// Sends a body as a client would that was told URL and headers, with one header changed.
pub(super) async fn send(
    upload: &SignedUpload,
    url: &str,
    change: (&str, &str),
    body: bytes::Bytes,
) -> u16 {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut request = client.put(url).body(body);
    for (name, value) in upload.headers() {
        let value = if *name == change.0 { change.1 } else { value };
        // The client counts the bytes itself.
        if *name != "content-length" {
            request = request.header(*name, value);
        }
    }
    request.send().await.unwrap().status().as_u16()
}

/// `checked`: whether the service refuses another size and type.
async fn uploads_become_media(builder: ObjectMediaStoreBuilder, checked: bool) {
    let store = builder.clone().with_deduplication(true).build().await;
    let store = store.unwrap();
    let upload = issue(&store).await;
    let url = upload.url().url().as_str();
    let error = store.adopt(upload.ticket(), about("c")).await.unwrap_err();
    assert_eq!(error.kind(), StorageErrorKind::NotFound, "nothing was sent");

    let refused = |status: u16| (400..500).contains(&status);
    let changed = url.replacen("inbox/", "inbox/0", 1);
    assert!(
        refused(send(&upload, &changed, ("", ""), png(1)).await),
        "another name"
    );
    let media = url.replacen(".store/v2/inbox/", "", 1);
    assert!(
        refused(send(&upload, &media, ("", ""), png(1)).await),
        "another place"
    );
    let later = url
        .replacen("Expires=", "Expires=1", 1)
        .replacen("se=20", "se=21", 1);
    assert!(
        refused(send(&upload, &later, ("", ""), png(1)).await),
        "another validity"
    );
    let read = reqwest::Client::builder().no_proxy().build().unwrap();
    let read = read.get(url).send().await.unwrap().status();
    assert!(refused(read.as_u16()), "reading");
    let short = send(&upload, url, ("", ""), png(1).slice(1..)).await;
    assert_eq!(refused(short), checked, "another size: {short}");
    // Azure took it, and takes no other in its place.
    let html = send(&upload, url, ("content-type", "text/html"), png(1)).await;
    assert!(refused(html), "another type: {html}");
    if !checked {
        let error = store.adopt(upload.ticket(), about("c")).await.unwrap_err();
        assert_eq!(error.kind(), StorageErrorKind::InvalidInput);
    }
    assert!((200..300).contains(&send(&upload, url, ("", ""), png(1)).await));
    let again = send(&upload, url, ("", ""), png(2)).await;
    assert!(refused(again), "a second upload: {again}");
    for name in ["if-none-match", "x-goog-if-generation-match"] {
        if upload.headers().iter().any(|(header, _)| *header == name) {
            let changed = send(&upload, url, (name, "1"), png(2)).await;
            assert!(refused(changed), "{name}: {changed}");
        }
    }
    let reference = store.adopt(upload.ticket(), about("c")).await.unwrap();
    holds(&store, &reference, &png(1)).await;
    let stored = store.head(&reference).await.unwrap();
    assert_eq!(stored.mime, Mime::IMAGE_PNG);
    let error = store.adopt(upload.ticket(), about("c")).await.unwrap_err();
    assert_eq!(error.kind(), StorageErrorKind::NotFound, "it was adopted");
    // The URL is still valid, and does not lead to the media. What is sent is swept.
    assert!((200..300).contains(&send(&upload, url, ("", ""), png(2)).await));
    holds(&store, &reference, &png(1)).await;

    let shown = format!("{upload:?} {:?} {store:?}", upload.url());
    for secret in ["ignature=", "sig=", "X-Amz", "X-Goog", "test-secret"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

#[tokio::test]
async fn s3() {
    let (server, _dir) = s3_server().await;
    uploads_become_media(s3_at(&server, &server.endpoint()), true).await;
}

#[tokio::test]
async fn gcs() {
    let (server, _dir) = gcs_server().await;
    uploads_become_media(gcs_at(&server), true).await;
}

#[tokio::test]
async fn azure() {
    let Some(server) = azurite("uploads to Azure by signed URLs").await else {
        return;
    };
    uploads_become_media(azure_at(&server), false).await;
}

#[tokio::test]
async fn temporary_credentials_send_their_token() {
    let broken = Broken::start().await;
    let store = broken
        .builder()
        .with_option("session_token", "hunter2/hunter2");
    let upload = issue(&store.build().await.unwrap()).await;
    let url = upload.url().url().as_str();
    assert!(url.contains("&X-Amz-Security-Token=hunter2%2Fhunter2&"));
    assert!(
        url.contains("&X-Amz-SignedHeaders=content-length%3Bcontent-type%3Bhost%3Bif-none-match")
    );
}
