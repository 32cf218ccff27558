//! Ranges, conditions and methods.

use std::sync::Arc;

use http::Method;
use media_storage::{InMemoryStorage, MediaStorage, StorageErrorKind};
use media_storage_testkit::{Call, Fault, FaultyStorage};
use media_types::Mime;

use crate::support::{noise, site};

const LEN: usize = 10_000;

#[tokio::test]
async fn ranges_are_served_from_memory_and_disk() {
    let dir = tempfile::tempdir().unwrap();
    let files = media_store_fs::FileStore::open(dir.path()).await.unwrap();
    let stores: [Arc<dyn MediaStorage>; 2] = [Arc::new(InMemoryStorage::new()), Arc::new(files)];
    for store in stores {
        let site = site(store).await;
        let bytes = noise(LEN);
        let video = site.put("video/mp4".parse().unwrap(), bytes.clone()).await;
        let link = site.link(&video).await;
        for (range, expected) in [
            ("bytes=0-0", Some((0, 1))),
            ("bytes=0-499", Some((0, 500))),
            ("bytes=9500-", Some((9500, LEN))),
            ("bytes=-500", Some((9500, LEN))),
            ("bytes=-99999", Some((0, LEN))),
            ("bytes=9000-99999", Some((9000, LEN))),
            ("bytes=0-1,5-6", None),
            ("bytes=5-4", None),
            ("nonsense", None),
        ] {
            let request = site.http.get(&link).header("range", range);
            let response = request.send().await.unwrap();
            let (start, end) = expected.unwrap_or((0, LEN));
            assert_eq!(
                response.status(),
                if expected.is_some() { 206 } else { 200 },
                "{range}"
            );
            assert_eq!(response.content_length(), Some((end - start) as u64));
            let part = response.headers().get("content-range").cloned();
            let wanted = expected.map(|_| format!("bytes {start}-{}/{LEN}", end - 1));
            assert_eq!(part.map(|value| value.to_str().unwrap().to_owned()), wanted);
            assert_eq!(
                response.bytes().await.unwrap(),
                bytes[start..end],
                "{range}"
            );
        }
        for range in ["bytes=10000-", "bytes=99999-100000", "bytes=-0"] {
            let request = site.http.get(&link).header("range", range);
            let response = request.send().await.unwrap();
            assert_eq!(response.status(), 416, "{range}");
            assert_eq!(response.headers()["content-range"], "bytes */10000");
        }
    }
}

#[tokio::test]
async fn media_is_not_sent_again_to_those_who_have_it() {
    let site = site(InMemoryStorage::new()).await;
    let photo = site.put(Mime::IMAGE_PNG, noise(LEN)).await;
    let link = site.link(&photo).await;
    let first = site.http.get(&link).send().await.unwrap();
    let tag = first.headers()["etag"].to_str().unwrap().to_owned();
    let modified = first.headers()["last-modified"]
        .to_str()
        .unwrap()
        .to_owned();
    let hash = photo.sha256().unwrap().to_string();
    assert!(!tag.contains(&hash[..8]), "the tag tells the hash");
    let get = async |headers: &[(&str, &str)]| {
        let mut request = site.http.get(&link);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        (
            status,
            response.headers().clone(),
            response.bytes().await.unwrap().len(),
        )
    };
    for unchanged in [
        vec![("if-none-match", tag.as_str())],
        vec![("if-modified-since", modified.as_str())],
        vec![("if-none-match", tag.as_str()), ("range", "bytes=0-1")],
    ] {
        let (status, headers, len) = get(&unchanged).await;
        assert_eq!((status, len), (304, 0), "{unchanged:?}");
        assert_eq!(headers["etag"], tag.as_str());
        assert!(headers.contains_key("cache-control"));
    }
    assert_eq!(get(&[("if-match", "\"other\"")]).await.0, 412);
    let range = ("range", "bytes=0-9");
    assert_eq!(get(&[range, ("if-range", &tag)]).await.2, 10);
    assert_eq!(get(&[range, ("if-range", &modified)]).await.0, 206);
    let (status, _, len) = get(&[range, ("if-range", "\"other\"")]).await;
    assert_eq!((status, len), (200, LEN));
    // The same media under another reference has another tag.
    let copy = site.put(Mime::IMAGE_PNG, noise(LEN)).await;
    let other = site.http.get(site.link(&copy).await).send().await.unwrap();
    assert_ne!(other.headers()["etag"], tag.as_str());
}

#[tokio::test]
async fn a_head_has_the_headers_of_a_get() {
    let site = site(InMemoryStorage::new()).await;
    for len in [0, 1, LEN] {
        let media = site.put(Mime::IMAGE_PNG, noise(len)).await;
        let link = site.link(&media).await;
        let get = site.http.get(&link).send().await.unwrap();
        let head = site
            .http
            .head(&link)
            .header("range", "bytes=0-0")
            .send()
            .await
            .unwrap();
        assert_eq!(head.status(), get.status());
        let headers = |response: &reqwest::Response| {
            let mut headers = response.headers().clone();
            headers.remove("date");
            headers
        };
        assert_eq!(headers(&head), headers(&get));
        assert_eq!(head.headers()["content-length"], len.to_string().as_str());
        assert!(head.bytes().await.unwrap().is_empty());
        assert_eq!(get.bytes().await.unwrap(), noise(len));
    }
}

#[tokio::test]
async fn other_methods_are_refused() {
    let site = site(InMemoryStorage::new()).await;
    let photo = site.put(Mime::IMAGE_PNG, noise(10)).await;
    let link = site.link(&photo).await;
    for (method, expected) in [
        (Method::POST, 405),
        (Method::PUT, 405),
        (Method::DELETE, 405),
        (Method::PATCH, 405),
        (Method::OPTIONS, 204),
    ] {
        let request = site.http.request(method.clone(), &link);
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), expected, "{method}");
        assert_eq!(response.headers()["allow"], "GET, HEAD, OPTIONS");
    }
}

#[tokio::test]
async fn a_store_that_fails_is_told_apart_from_media_that_is_gone() {
    let site = site(FaultyStorage::new(InMemoryStorage::new())).await;
    let photo = site.put(Mime::IMAGE_PNG, noise(10)).await;
    let link = site.link(&photo).await;
    for (kind, expected) in [
        (StorageErrorKind::Unavailable, 503),
        (StorageErrorKind::RateLimited, 503),
        (StorageErrorKind::Permission, 500),
        (StorageErrorKind::Corrupted, 500),
        (StorageErrorKind::NotFound, 404),
        (StorageErrorKind::InvalidRef, 404),
    ] {
        site.store.inject(Fault::every(Call::Retrieve).fail(kind));
        let response = site.http.get(&link).send().await.unwrap();
        assert_eq!(response.status(), expected, "{kind:?}");
        assert_eq!(response.headers()["cache-control"], "no-store");
        assert_eq!(
            response.headers().contains_key("retry-after"),
            expected == 503
        );
        site.store.clear_faults();
    }
    assert_eq!(site.status(&link).await, 200);
}
