//! Redirects: followed so far, and no farther.

use media_loader::LoadErrorKind;

use super::server::{Server, ok, raw, redirect};
use super::{at, kind, loader, policy};
use crate::png;

/// Counts down: `/3` leads to `/2`, `/0` is a picture.
async fn countdown() -> Server {
    Server::start(|path, _| match path[1..].parse::<u32>() {
        Ok(0) => ok("", &png(100)),
        Ok(n) => redirect(&format!("/{}", n - 1)),
        Err(_) => redirect(path),
    })
    .await
}

#[tokio::test]
async fn five_are_followed_and_six_are_not() {
    let server = countdown().await;
    let default = loader(policy(&server));
    assert!(default.bytes(&at(&server.url("/5"))).await.unwrap() == png(100));
    assert_eq!(kind(&server, "/6").await, LoadErrorKind::TooManyRedirects);
    assert_eq!(server.requests().len(), 6 + 6);
    let none = loader(policy(&server).with_max_redirects(0));
    assert!(none.bytes(&at(&server.url("/0"))).await.is_ok());
    let refused = crate::kind(&none, &at(&server.url("/1"))).await;
    assert_eq!(refused, LoadErrorKind::TooManyRedirects);
}

#[tokio::test]
async fn a_circle_ends() {
    let server = countdown().await;
    assert_eq!(
        kind(&server, "/circle").await,
        LoadErrorKind::TooManyRedirects
    );
    assert_eq!(server.requests().len(), 6);
}

#[tokio::test]
async fn redirects_to_nothing_that_can_be_fetched() {
    let server = Server::start(|path, _| match path {
        "/file" => redirect("file:///etc/passwd"),
        "/data" => redirect("data:image/png;base64,iVBORw0KGgo="),
        "/gopher" => redirect("gopher://127.0.0.1/"),
        "/broken" => redirect("https://[::1"),
        "/user" => redirect("https://user:pw@example.com/"),
        "/empty" => raw("HTTP/1.1 302 Found\r\nContent-Length: 0\r\n", b""),
        _ => raw("HTTP/1.1 304 Not Modified\r\n", b""),
    })
    .await;
    for (path, refused) in [
        ("/file", LoadErrorKind::SchemeNotAllowed),
        ("/data", LoadErrorKind::SchemeNotAllowed),
        ("/gopher", LoadErrorKind::SchemeNotAllowed),
        ("/broken", LoadErrorKind::InvalidUrl),
        ("/user", LoadErrorKind::InvalidUrl),
        ("/empty", LoadErrorKind::InvalidResponse),
        ("/304", LoadErrorKind::HttpStatus(304)),
    ] {
        assert_eq!(kind(&server, path).await, refused, "{path}");
    }
}

#[tokio::test]
async fn every_kind_of_redirect_is_followed() {
    for code in [301, 302, 303, 307, 308] {
        let server = Server::start(move |path, port| match path {
            "/end" => ok("", &png(100)),
            _ => {
                let to = format!("http://127.0.0.1:{port}/end");
                raw(
                    &format!("HTTP/1.1 {code} X\r\nLocation: {to}\r\nContent-Length: 0\r\n"),
                    b"",
                )
            }
        })
        .await;
        let loader = loader(policy(&server));
        assert!(loader.bytes(&at(&server.url("/"))).await.is_ok(), "{code}");
    }
}
