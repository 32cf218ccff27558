//! Limits of size and time, at the limit and one beyond.

use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use media_loader::{LoadErrorKind, MediaLoader};
use media_storage::StorageErrorKind;

use super::server::{Reply, Server, bytes, ok, raw};
use super::{at, policy};
use crate::png;

const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n";

#[tokio::test]
async fn the_limit_is_exact_with_and_without_a_told_length() {
    for limit in [10_usize, 300_000] {
        let server = Server::start(move |path, _| {
            let body = png(if path.starts_with("/over") {
                limit + 1
            } else {
                limit
            });
            if path.ends_with("told") {
                ok("", &body)
            } else {
                raw("HTTP/1.1 200 OK\r\n", &body)
            }
        })
        .await;
        let limit = limit as u64;
        let loader = MediaLoader::builder()
            .with_max_bytes(limit)
            .with_url_policy(policy(&server))
            .build();
        for path in ["/told", "/not"] {
            let bytes = loader.bytes(&at(&server.url(path))).await.unwrap();
            assert_eq!(bytes.len() as u64, limit);
            let over = at(&server.url(&format!("/over{}", &path[1..])));
            let size = (path == "/told").then_some(limit + 1);
            let too_large = LoadErrorKind::TooLarge { limit, size };
            assert_eq!(crate::kind(&loader, &over).await, too_large, "{path}");
            let error = loader.base64(&over).await.unwrap_err();
            assert_eq!(*error.kind(), too_large);
        }
    }
}

#[tokio::test]
async fn an_endless_body_is_cut_at_the_limit() {
    let piece = [
        format!("{:x}\r\n", 65_536).into_bytes(),
        vec![7; 65_536],
        b"\r\n".to_vec(),
    ]
    .concat();
    let server =
        Server::start(move |_, _| Reply::Endless(bytes(CHUNKED, b""), piece.clone())).await;
    let loader = MediaLoader::builder()
        .with_max_bytes(1_000_000)
        .with_url_policy(policy(&server))
        .build();
    let too_large = LoadErrorKind::TooLarge {
        limit: 1_000_000,
        size: None,
    };
    assert_eq!(crate::kind(&loader, &at(&server.url("/"))).await, too_large);
    // Also for who reads the pieces and sets no limit.
    let media = loader.open(&at(&server.url("/"))).await.unwrap();
    let mut pieces = media.body.into_stream();
    let mut read = 0;
    let error = loop {
        match pieces.next().await.unwrap() {
            Ok(piece) => read += piece.len(),
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), StorageErrorKind::TooLarge);
    assert!(read <= 1_000_000, "{read}");
    server.gone().await;
    // What lies between is in the buffers of the two sockets.
    assert!(server.sent() < 40_000_000, "{} bytes", server.sent());
}

/// Loads with short patience; gives what came of it and how long it took.
async fn hurried(server: &Server, idle: u64, total: u64) -> (LoadErrorKind, Duration) {
    let policy = policy(server).with_idle_timeout(Duration::from_millis(idle));
    let loader = MediaLoader::builder()
        .with_http_timeout(Duration::from_millis(total))
        .with_url_policy(policy.with_connect_timeout(Duration::from_millis(100)))
        .build();
    let start = Instant::now();
    let kind = crate::kind(&loader, &at(&server.url("/"))).await;
    (kind, start.elapsed())
}

#[tokio::test]
async fn a_server_that_drips_is_left_after_the_total_time() {
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n";
    let server = Server::start(move |_, _| {
        Reply::Drip(bytes(head, b""), vec![7; 1000], Duration::from_millis(20))
    })
    .await;
    // Waited for to its end, which comes after 20 s, it would be no timeout.
    let (kind, took) = hurried(&server, 10_000, 300).await;
    assert_eq!(kind, LoadErrorKind::Timeout);
    assert!(took >= Duration::from_millis(290), "{took:?}");
}

#[tokio::test]
async fn headers_that_drip_are_left_too() {
    let server = Server::start(|_, _| {
        let head =
            b"HTTP/1.1 200 OK\r\nX: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy";
        Reply::Drip(Vec::new(), head.to_vec(), Duration::from_millis(50))
    })
    .await;
    let (kind, _) = hurried(&server, 10_000, 300).await;
    assert_eq!(kind, LoadErrorKind::Timeout);
}

#[tokio::test]
async fn silence_before_the_head_and_within_the_body_is_bounded() {
    for said in [
        Vec::new(),
        b"HTTP/1.1 200 OK\r\nContent-".to_vec(),
        bytes("HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n", &png(2000)),
    ] {
        let server = Server::start(move |_, _| Reply::Hang(said.clone())).await;
        let (kind, took) = hurried(&server, 200, 600_000).await;
        assert_eq!(kind, LoadErrorKind::Timeout);
        assert!(
            took >= Duration::from_millis(190) && took < Duration::from_secs(300),
            "{took:?}"
        );
    }
}

#[tokio::test]
async fn times_without_end_are_taken() {
    let server = Server::start(|_, _| ok("", &png(1000))).await;
    let policy = policy(&server)
        .with_idle_timeout(Duration::MAX)
        .with_connect_timeout(Duration::MAX);
    let loader = MediaLoader::builder()
        .with_url_policy(policy)
        .with_http_timeout(Duration::MAX)
        .build();
    let content = at(&server.url("/a"));
    assert!(loader.bytes(&content).await.unwrap() == png(1000));
    // A handle that fetches nothing is closed for itself only.
    let error = loader.without_urls().open(&content).await.unwrap_err();
    assert_eq!(error.kind(), &LoadErrorKind::UrlDenied);
    assert!(loader.open(&content).await.is_ok());
}
