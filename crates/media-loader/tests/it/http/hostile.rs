//! Servers that lie, break off or send what nobody asked for.

use std::error::Error as _;
use std::sync::Arc;

use media_loader::LoadErrorKind;
use media_types::Mime;

use super::server::{Reply, Server, ok, raw, status};
use super::{Scripted, at, kind, loader, policy};
use crate::png;

#[tokio::test]
async fn a_body_that_is_cut_is_an_error_and_a_longer_one_ends_where_it_said() {
    let server = Server::start(|path, _| match path {
        "/short" => raw("HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n", &png(2000)),
        "/no-body" => raw("HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n", b""),
        "/chunk" => {
            let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n";
            raw(head, &[b"7d0\r\n", &png(1000)[..]].concat())
        }
        "/no-last-chunk" => {
            let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n";
            raw(head, &[b"3e8\r\n", &png(1000)[..], b"\r\n"].concat())
        }
        "/bad-chunk" => {
            let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n";
            raw(head, &[b"3e8\r\n", &png(1000)[..], b"\r\nxyz\r\n"].concat())
        }
        "/head" => Reply::Close(b"HTTP/1.1 200 OK\r\nContent-Le".to_vec()),
        "/nothing" => Reply::Close(Vec::new()),
        _ => raw("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n", &png(100)),
    })
    .await;
    for path in [
        "/short",
        "/no-body",
        "/chunk",
        "/no-last-chunk",
        "/bad-chunk",
        "/head",
        "/nothing",
    ] {
        assert_eq!(
            kind(&server, path).await,
            LoadErrorKind::Interrupted,
            "{path}"
        );
        let loader = loader(policy(&server));
        let error = loader.base64(&at(&server.url(path))).await.unwrap_err();
        assert!(error.is_retryable() && !error.is_missing(), "{path}");
    }
    let loader = loader(policy(&server));
    assert!(loader.bytes(&at(&server.url("/long"))).await.unwrap() == png(50));
}

#[tokio::test]
async fn heads_beyond_measure_and_answers_that_are_no_http_are_refused() {
    let server = Server::start(|path, _| match path {
        "/large" => ok(&format!("X: {}\r\n", "y".repeat(1_000_000)), &png(10)),
        "/many" => ok(&"X: y\r\n".repeat(500), &png(10)),
        "/two-lengths" => raw(
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n",
            b"abcdef",
        ),
        "/negative" => raw("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n", b"abcdef"),
        _ => raw("SSH-2.0-OpenSSH_9.9\r\n", b""),
    })
    .await;
    for path in ["/large", "/many", "/two-lengths", "/negative", "/ssh"] {
        assert_eq!(
            kind(&server, path).await,
            LoadErrorKind::InvalidResponse,
            "{path}"
        );
    }
    assert!(server.sent() < 2_000_000);
}

#[tokio::test]
async fn encoded_bodies_are_refused() {
    let server = Server::start(|path, _| match path {
        "/gzip" => ok("Content-Encoding: gzip\r\n", b"\x1f\x8b\x08\0"),
        "/mixed" => ok("Content-Encoding: identity, br\r\n", b"??"),
        "/twice" => ok(
            "Content-Encoding: identity\r\nContent-Encoding: zstd\r\n",
            b"??",
        ),
        "/transfer" => raw(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n",
            b"0\r\n\r\n",
        ),
        _ => ok("Content-Encoding: Identity\r\n", &png(10)),
    })
    .await;
    for path in ["/gzip", "/mixed", "/twice", "/transfer"] {
        assert_eq!(
            kind(&server, path).await,
            LoadErrorKind::EncodedBody,
            "{path}"
        );
    }
    let loader = loader(policy(&server));
    assert!(loader.bytes(&at(&server.url("/plain"))).await.is_ok());
}

#[tokio::test]
async fn statuses_are_kept() {
    let server = Server::start(|path, _| status(path[1..].parse().unwrap())).await;
    let loader = loader(policy(&server));
    for (code, missing, retryable) in [
        (404, true, false),
        (410, true, false),
        (401, false, false),
        (403, false, false),
        (204, false, false),
        (206, false, false),
        (429, false, true),
        (500, false, true),
        (503, false, true),
    ] {
        let error = loader
            .bytes(&at(&server.url(&format!("/{code}"))))
            .await
            .unwrap_err();
        assert_eq!(*error.kind(), LoadErrorKind::HttpStatus(code));
        assert_eq!(
            (error.is_missing(), error.is_retryable()),
            (missing, retryable),
            "{code}"
        );
        assert!(error.to_string().contains(&code.to_string()));
    }
}

#[tokio::test]
async fn a_page_in_the_place_of_a_picture_is_told() {
    let page = b"<html><body>Please log in";
    let server = Server::start(|_, _| ok("Content-Type: image/png\r\n", page)).await;
    let mismatch = LoadErrorKind::MimeMismatch {
        declared: Mime::IMAGE_PNG,
        found: Mime::TEXT_HTML,
    };
    assert_eq!(kind(&server, "/a.png").await, mismatch);
}

#[tokio::test]
async fn nobody_there_and_no_such_name() {
    let server = Server::start(|_, _| status(200)).await;
    let (policy_, url) = (policy(&server), server.url("/a.png?sig=secret"));
    let port = server.port();
    drop(server);
    // The port is closed once the task has ended.
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
        tokio::task::yield_now().await;
    }
    let unreachable = loader(policy_.clone());
    let error = unreachable.bytes(&at(&url)).await.unwrap_err();
    assert_eq!(*error.kind(), LoadErrorKind::ConnectFailed);
    assert_shown(&error);

    let nameless = loader(policy_.with_resolver(Arc::new(Scripted::new(&[]))));
    let error = nameless
        .bytes(&at(&format!("http://no.example:{port}/?sig=secret")))
        .await
        .unwrap_err();
    assert_eq!(*error.kind(), LoadErrorKind::NameNotResolved);
    assert_shown(&error);
}

#[tokio::test]
async fn no_error_shows_the_secret_part_of_a_url() {
    let server = Server::start(|path, port| match path {
        "/redirect?sig=secret" => {
            super::server::redirect(&format!("http://127.0.0.1:{port}/end?sig=secret"))
        }
        "/short?sig=secret" => raw("HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n", &png(2000)),
        "/gzip?sig=secret" => ok("Content-Encoding: gzip\r\n", b""),
        "/large?sig=secret" => ok("Content-Length: 90000000\r\n", b""),
        _ => status(404),
    })
    .await;
    let loader = loader(policy(&server));
    for path in ["redirect", "short", "gzip", "large", "gone"] {
        let url = server.url(&format!("/{path}?sig=secret"));
        assert_shown(&loader.bytes(&at(&url)).await.unwrap_err());
    }
    for url in [
        "https://user:secret@example.com/",
        "http://10.0.0.1/?sig=secret",
        "ftp.example.com/?sig=secret#secret",
    ] {
        let url = if url.contains("://") {
            url.to_owned()
        } else {
            format!("https://127.1/{url}")
        };
        assert_shown(&loader.bytes(&at(&url)).await.unwrap_err());
    }
    let shown = format!("{loader:?}");
    assert!(!shown.contains("secret"));
}

/// Holds every text of an error and its causes against the secret, and against saying things twice.
fn assert_shown(error: &media_loader::LoadError) {
    let mut texts = vec![format!("{error:?}"), error.to_string()];
    let mut next = error.source();
    while let Some(cause) = next {
        texts.push(cause.to_string());
        next = cause.source();
    }
    for text in &texts {
        assert!(!text.contains("secret"), "{text}");
    }
    for pair in texts[1..].windows(2) {
        assert!(!pair[0].contains(&pair[1]), "{pair:?}");
    }
}
