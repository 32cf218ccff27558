//! What a policy allows beyond the default, and what it does not.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, pending};
use media_loader::{HostResolver, LoadErrorKind, UrlPolicy};

use super::server::{Server, ok};
use super::{Scripted, at, loader, policy};
use crate::png;

async fn refused(policy: UrlPolicy, url: &str) -> LoadErrorKind {
    crate::kind(&loader(policy), &at(url)).await
}

#[tokio::test]
async fn denying_is_stronger_than_anything() {
    let server = Server::start(|_, _| ok("", &png(10))).await;
    let denied = UrlPolicy::deny()
        .with_http_allowed()
        .with_allowed_port(server.port())
        .with_allowed_host("127.0.0.1")
        .with_allowed_address(server.ip());
    assert_eq!(
        refused(denied, &server.url("/")).await,
        LoadErrorKind::UrlDenied
    );
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn each_permission_is_needed() {
    let server = Server::start(|_, _| ok("", &png(10))).await;
    let (url, port, ip) = (server.url("/"), server.port(), server.ip());
    let public = UrlPolicy::public;
    for (policy, kind) in [
        (
            public().with_allowed_port(port).with_allowed_address(ip),
            LoadErrorKind::SchemeNotAllowed,
        ),
        (
            public().with_http_allowed().with_allowed_address(ip),
            LoadErrorKind::PortNotAllowed,
        ),
        (
            public().with_http_allowed().with_allowed_port(port),
            LoadErrorKind::AddressNotAllowed,
        ),
        (
            policy(&server).with_allowed_host("example.com"),
            LoadErrorKind::HostNotAllowed,
        ),
    ] {
        assert_eq!(refused(policy, &url).await, kind);
    }
    assert_eq!(server.connections(), 0);
    assert!(loader(policy(&server)).bytes(&at(&url)).await.is_ok());
}

#[tokio::test]
async fn listed_hosts_and_nothing_else() {
    let server = Server::start(|_, _| ok("", &png(10))).await;
    let port = server.port();
    let listed = policy(&server)
        .with_resolver(Arc::new(Scripted::new(&[&["127.0.0.1"]])))
        .with_allowed_host("Images.Example.com")
        .with_allowed_host("minio")
        .with_allowed_host_suffix("cdn.example.net");
    for host in [
        "images.example.com",
        "IMAGES.example.com",
        "cdn.example.net",
        "a.b.cdn.example.net",
        "minio",
    ] {
        let url = format!("http://{host}:{port}/");
        assert!(
            loader(listed.clone()).bytes(&at(&url)).await.is_ok(),
            "{host}"
        );
    }
    let before = server.connections();
    for host in [
        "example.com",
        "a.images.example.com",
        "evil-images.example.com",
        "images.example.com.evil.org",
        "evilcdn.example.net",
        "127.0.0.1",
        "evil.org\\.cdn.example.net",
        "evil.org#cdn.example.net",
        "evil.org?.cdn.example.net",
        "evil.org/cdn.example.net",
        "localhost",
    ] {
        let url = format!("http://{host}:{port}/");
        let kind = refused(listed.clone(), &url).await;
        assert!(
            matches!(
                kind,
                LoadErrorKind::HostNotAllowed | LoadErrorKind::InvalidUrl
            ),
            "{host}: {kind:?}"
        );
    }
    assert_eq!(server.connections(), before);
}

#[tokio::test]
async fn a_listed_name_must_still_lead_to_an_allowed_address() {
    let server = Server::start(|_, _| ok("", &png(10))).await;
    let listed = UrlPolicy::public()
        .with_http_allowed()
        .with_allowed_port(server.port())
        .with_allowed_host("minio")
        .with_resolver(Arc::new(Scripted::new(&[&["127.0.0.1"]])));
    let url = format!("http://minio:{}/", server.port());
    assert_eq!(
        refused(listed, &url).await,
        LoadErrorKind::AddressNotAllowed
    );
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn the_system_looks_names_up() {
    let server = Server::start(|_, _| ok("", &png(10))).await;
    let listed = policy(&server)
        .with_allowed_host("localhost")
        .with_allowed_address("::1".parse::<IpAddr>().unwrap());
    let url = format!("http://localhost:{}/", server.port());
    assert!(loader(listed).bytes(&at(&url)).await.is_ok());
    // A name that may not exist, by the standard.
    let none = refused(
        policy(&server),
        &format!("http://a.invalid:{}/", server.port()),
    )
    .await;
    assert_eq!(none, LoadErrorKind::NameNotResolved);
}

#[derive(Debug)]
struct Stuck;

impl HostResolver for Stuck {
    fn resolve<'a>(&'a self, _: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
        pending().boxed()
    }
}

#[tokio::test]
async fn looking_up_a_name_counts_as_connecting() {
    let stuck = UrlPolicy::public()
        .with_http_allowed()
        .with_connect_timeout(Duration::from_millis(50))
        .with_resolver(Arc::new(Stuck));
    let kind = refused(stuck, "http://example.com/").await;
    assert_eq!(kind, LoadErrorKind::Timeout);
}
