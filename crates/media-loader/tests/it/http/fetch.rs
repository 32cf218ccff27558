//! Fetching from servers that behave.

use media_loader::{LoadErrorKind, LoadOptions, MediaLoader, MimePolicy};
use media_types::{MediaContent, Mime};
use tokio::task::JoinSet;

use super::server::{Reply, Server, bytes, ok, raw, redirect};
use super::{at, loader, policy};
use crate::png;

#[tokio::test]
async fn media_is_fetched_with_and_without_a_told_length() {
    for len in [1, 1000, 300_000] {
        let server = Server::start(move |path, _| match path {
            "/told" => ok("Content-Type: image/png\r\n", &png(len)),
            "/chunked" => {
                let body = [
                    format!("{len:x}\r\n").as_bytes(),
                    &png(len),
                    b"\r\n0\r\n\r\n",
                ]
                .concat();
                raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n", &body)
            }
            _ => raw("HTTP/1.1 200 OK\r\n", &png(len)),
        })
        .await;
        let loader = loader(policy(&server));
        for (path, size) in [
            ("/told", Some(len as u64)),
            ("/chunked", None),
            ("/closed", None),
        ] {
            let content = at(&server.url(path));
            let media = loader.open(&content).await.unwrap();
            assert_eq!((media.size, media.sha256), (size, None));
            assert_eq!(media.mime, Mime::IMAGE_PNG);
            assert!(
                media.body.bytes(1_000_000).await.unwrap() == png(len),
                "{path}"
            );
            assert!(loader.bytes(&content).await.unwrap() == png(len));
            let text = loader.base64(&content).await.unwrap();
            assert_eq!(text.len(), len.div_ceil(3) * 4);
        }
    }
}

#[tokio::test]
async fn nothing_that_tells_of_others_is_sent() {
    let server = Server::start(|path, port| match path {
        "/secret?sig=abc" => redirect(&format!("http://127.0.0.1:{port}/end")),
        _ => ok("Set-Cookie: a=b\r\n", &png(10)),
    })
    .await;
    let loader = loader(policy(&server));
    for _ in 0..2 {
        loader
            .bytes(&at(&server.url("/secret?sig=abc")))
            .await
            .unwrap();
    }
    let requests = server.requests();
    assert_eq!(requests.len(), 4);
    for request in requests {
        let head = request.to_ascii_lowercase();
        assert!(head.contains("accept-encoding: identity\r\n"), "{head}");
        for header in ["referer", "cookie", "authorization", "proxy-"] {
            assert!(!head.contains(header), "{head}");
        }
        assert!(
            head.starts_with("get /secret?sig=abc ") || !head.contains("sig="),
            "{head}"
        );
    }
}

#[tokio::test]
async fn the_type_comes_from_the_bytes_then_from_the_server() {
    let server = Server::start(|path, _| match path {
        "/page" => ok(
            "Content-Type: image/png\r\n",
            b"<!DOCTYPE html><h1>Not Found</h1>",
        ),
        "/silent-page" => ok("Content-Type: text/html\r\n", b"\xff\xfe<\0h\0t\0m\0l\0>\0"),
        "/problem" => ok(
            "Content-Type: application/json; charset=utf-8\r\n",
            br#"{"e":1}"#,
        ),
        "/raw" => ok(
            "Content-Type: audio/l16; rate=8000\r\n",
            b"\x01\x02\x03\x04",
        ),
        _ => ok("Content-Type: text/html\r\n", &png(100)),
    })
    .await;
    let plain = loader(policy(&server));
    let strict = MediaLoader::builder()
        .with_mime_policy(MimePolicy::Reject)
        .with_url_policy(policy(&server))
        .build();
    for path in ["/page", "/silent-page", "/problem"] {
        for loader in [&plain, &strict] {
            let kind = crate::kind(loader, &at(&server.url(path))).await;
            assert!(
                matches!(kind, LoadErrorKind::MimeMismatch { .. }),
                "{path}: {kind:?}"
            );
        }
    }
    let as_type =
        |mime, path: &str| MediaContent::from_url(mime, server.url(path).parse().unwrap());
    let raw = as_type(Mime::OCTET_STREAM, "/raw");
    assert_eq!(plain.open(&raw).await.unwrap().mime.as_str(), "audio/l16");
    let mislabelled = as_type(Mime::IMAGE_JPEG, "/png");
    assert_eq!(
        plain.open(&mislabelled).await.unwrap().mime,
        Mime::IMAGE_PNG
    );
    assert!(strict.open(&mislabelled).await.is_err());
    let unknown = as_type(Mime::OCTET_STREAM, "/silent-page");
    assert_eq!(plain.open(&unknown).await.unwrap().mime, Mime::OCTET_STREAM);
}

#[tokio::test]
async fn inspecting_connects_to_nobody() {
    let server = Server::start(|_, _| ok("", &png(10))).await;
    let loader = loader(policy(&server));
    let facts = loader.inspect(&at(&server.url("/a"))).await.unwrap();
    assert_eq!((facts.mime, facts.size), (Mime::IMAGE_PNG, None));
    let error = loader.inspect(&at("https://10.0.0.1/")).await.unwrap_err();
    assert_eq!(*error.kind(), LoadErrorKind::AddressNotAllowed);
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn what_a_url_gives_is_not_kept() {
    let server = Server::start(|_, _| ok("", &png(10))).await;
    let loader = MediaLoader::builder()
        .with_cache(1_000_000)
        .with_url_policy(policy(&server))
        .build();
    for _ in 0..3 {
        loader.bytes(&at(&server.url("/a"))).await.unwrap();
    }
    assert_eq!(server.requests().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_tasks_fetch_at_once() {
    let server = Server::start(|path, _| {
        let n: usize = path[1..].parse().unwrap();
        ok("", &png(10_000 + n))
    })
    .await;
    let loader = loader(policy(&server));
    let mut tasks = JoinSet::new();
    for n in 0..100 {
        let (loader, content) = (loader.clone(), at(&server.url(&format!("/{n}"))));
        tasks.spawn(async move {
            assert!(loader.bytes(&content).await.unwrap() == png(10_000 + n));
        });
    }
    tasks.join_all().await;
}

#[tokio::test]
async fn dropping_a_load_closes_its_connection() {
    let server = Server::start(|path, _| match path {
        "/silent" => Reply::Hang(Vec::new()),
        _ => Reply::Hang(bytes(
            "HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n",
            &png(2000),
        )),
    })
    .await;
    let loader = loader(policy(&server));
    let content = at(&server.url("/silent"));
    tokio::select! {
        _ = loader.bytes(&content) => unreachable!("the server is silent"),
        () = server.asked() => {}
    }
    server.gone().await;
    let media = loader.open(&at(&server.url("/body"))).await.unwrap();
    assert_eq!(media.size, Some(5000));
    drop(media);
    server.gone().await;
}

#[tokio::test]
async fn a_limit_of_the_request_holds() {
    let server = Server::start(|_, _| ok("", &png(1001))).await;
    let loader = loader(policy(&server));
    let lower = loader.with_options(LoadOptions::new().with_max_bytes(1000));
    let content = at(&server.url("/a"));
    let too_large = LoadErrorKind::TooLarge {
        limit: 1000,
        size: Some(1001),
    };
    assert_eq!(crate::kind(&lower, &content).await, too_large);
    assert!(loader.bytes(&content).await.is_ok());
}
