//! What clients send, and what they get back.

use futures_util::TryStreamExt as _;
use media_storage::{MediaStorage, MediaStorageExt, StorageErrorKind};
use media_storage_testkit::{Call, Fault};
use media_types::StorageReference;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::site::{answer, code, site};
use crate::support::{noise, png, scope_of};

#[tokio::test]
async fn a_raw_body_is_stored_for_its_user_and_linked() {
    let site = site().await;
    let bytes = png(300_000);
    let url = format!("{}/upload/a%20photo.png", site.address);
    let request = site.http.put(url).header("x-user", "user-1");
    let (status, body) = answer(request.body(bytes.clone())).await;
    assert_eq!(status, 201, "{body}");
    let item = &body["items"][0];
    assert_eq!(item["mime_type"], "image/png");
    assert_eq!(item["size"], 300_000);
    assert_eq!(item["filename"], "a photo.png");
    let reference: StorageReference = serde_json::from_value(item["reference"].clone()).unwrap();
    let stored = site.store.head(&reference).await.unwrap();
    assert_eq!(stored.metadata.user().unwrap().as_str(), "user-1");
    assert_eq!(stored.metadata.filename(), Some("a photo.png"));
    let link = item["url"].as_str().unwrap();
    let read = site.http.get(link).send().await.unwrap();
    assert_eq!(read.bytes().await.unwrap(), bytes);
}

#[tokio::test]
async fn a_form_is_stored_whole_or_not_at_all() {
    use reqwest::multipart::{Form, Part};
    let site = site().await;
    let file = |bytes: Vec<u8>, name: &str, mime: &str| {
        let part = Part::bytes(bytes).file_name(name.to_owned());
        part.mime_str(mime).unwrap()
    };
    let form = Form::new()
        .text("comment", "two files")
        .part("a", file(png(5000), "../../etc/a.png", "image/jpeg"))
        .part(
            "b",
            file(b"hello".to_vec(), "b.txt", "text/plain; charset=utf-8"),
        );
    let (status, body) = answer(site.post("user-1").multipart(form)).await;
    assert_eq!(status, 201, "{body}");
    assert_eq!(body["items"][0]["filename"], "a.png");
    assert_eq!(body["items"][0]["mime_type"], "image/png");
    assert_eq!(body["items"][1]["mime_type"], "text/plain");
    assert_eq!(site.stored().await, 2);

    let form = Form::new()
        .part("a", file(png(5000), "a.png", "image/png"))
        .part("b", file(b"MZ program".to_vec(), "b.png", "image/png"));
    let (status, body) = answer(site.post("user-1").multipart(form)).await;
    assert_eq!((status, code(&body)), (415, "unsupported_type"));
    let mut form = Form::new();
    for name in ["a", "b", "c", "d"] {
        form = form.part(name, file(png(50), name, "image/png"));
    }
    let (status, body) = answer(site.post("user-1").multipart(form)).await;
    assert_eq!((status, code(&body)), (413, "too_many_items"));
    let form = Form::new()
        .part("a", file(png(600_000), "a.png", "image/png"))
        .part("b", file(png(600_000), "b.png", "image/png"));
    let (status, body) = answer(site.post("user-1").multipart(form)).await;
    assert_eq!((status, code(&body)), (413, "too_large"));
    let (status, body) = answer(site.post("user-1").multipart(Form::new().text("a", "b"))).await;
    assert_eq!((status, code(&body)), (400, "malformed"));
    let broken = site
        .post("user-1")
        .header("content-type", "multipart/form-data; boundary=x")
        .body("--x\r\nContent-Disposition: form-data; name=\"a\"; filename=\"a\"\r\n\r\nhel");
    let (status, body) = answer(broken).await;
    assert!(status == 400 || status == 415, "{status} {body}");
    assert_eq!(site.stored().await, 2);
}

#[tokio::test]
async fn what_may_not_be_uploaded_is_refused() {
    let site = site().await;
    let chunks = || {
        let chunks = (0..40).map(|_| Ok::<_, std::io::Error>(noise(64 << 10)));
        let first = futures_util::stream::once(async { Ok(png(64 << 10)) });
        reqwest::Body::wrap_stream(futures_util::StreamExt::chain(
            first,
            futures_util::stream::iter(chunks),
        ))
    };
    let plain = |user: &str| site.post(user).body(png(100));
    let typed = |mime: &'static str, bytes: Vec<u8>| {
        site.post("user-1").header("content-type", mime).body(bytes)
    };
    for (request, expected, expected_code) in [
        (
            site.http.post(format!("{}/upload", site.address)),
            401,
            "unauthorized",
        ),
        (plain("banned"), 403, "forbidden"),
        (plain("busy"), 429, "too_many_requests"),
        (site.post("user-1"), 400, "malformed"),
        (site.post("user-1").body(png(2 << 20)), 413, "too_large"),
        (site.post("user-1").body(chunks()), 413, "too_large"),
        (
            typed("image/png", b"GARBAGE".to_vec()),
            415,
            "unsupported_type",
        ),
        (
            typed("image/svg+xml", b"<svg/>".to_vec()),
            415,
            "unsupported_type",
        ),
        (
            typed("text/html", b"<html>".to_vec()),
            415,
            "unsupported_type",
        ),
        (
            typed("text/plain", b"a\0b".to_vec()),
            415,
            "unsupported_type",
        ),
        (
            typed("nonsense", b"hello".to_vec()),
            415,
            "unsupported_type",
        ),
        (
            typed("image/png", b"%PDF-1.7\n".to_vec()),
            415,
            "unsupported_type",
        ),
        (
            site.http.delete(format!("{}/upload", site.address)),
            405,
            "method_not_allowed",
        ),
    ] {
        let (status, body) = answer(request).await;
        assert_eq!((status, code(&body)), (expected, expected_code), "{body}");
    }
    assert_eq!(site.stored().await, 0);
}

#[tokio::test]
async fn stores_that_fail_are_told() {
    let site = site().await;
    for (kind, expected, expected_code) in [
        (StorageErrorKind::Unavailable, 503, "unavailable"),
        (StorageErrorKind::QuotaExceeded, 413, "quota_exceeded"),
        (StorageErrorKind::DiskSpace, 507, "no_space"),
        (StorageErrorKind::Permission, 500, "failed"),
    ] {
        site.store.inject(Fault::every(Call::Store).fail(kind));
        let (status, body) = answer(site.post("user-1").body(png(100))).await;
        assert_eq!((status, code(&body)), (expected, expected_code));
        site.store.clear_faults();
    }
    assert_eq!(site.stored().await, 0);
    assert_eq!(answer(site.post("user-1").body(png(100))).await.0, 201);
}

/// Sends the first half of what it announced, and goes.
async fn go_in_the_middle(address: &str, headers: &str) {
    let address = address.trim_start_matches("http://");
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let head =
        format!("POST /upload HTTP/1.1\r\nHost: {address}\r\nX-User: user-1\r\n{headers}\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&png(50_000)).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest).await;
}

#[tokio::test]
async fn an_upload_that_is_cut_leaves_nothing() {
    let site = site().await;
    go_in_the_middle(&site.address, "Content-Length: 100000\r\n").await;
    go_in_the_middle(&site.address, "Transfer-Encoding: chunked\r\n").await;
    assert_eq!(site.stored().await, 0);
}

#[tokio::test]
async fn an_upload_of_one_user_is_not_anothers() {
    let site = site().await;
    let (_, body) = answer(site.post("user-1").body(png(100))).await;
    let reference: StorageReference =
        serde_json::from_value(body["items"][0]["reference"].clone()).unwrap();
    let options = media_storage::RetrieveOptions::new().with_expected_scope(scope_of("user-2"));
    let error = site
        .store
        .retrieve_opts(&reference, options)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), StorageErrorKind::NotFound);
    let read: Vec<_> = site
        .store
        .inventory()
        .unwrap()
        .list(scope_of("user-2"))
        .try_collect()
        .await
        .unwrap();
    assert!(read.is_empty());
}
