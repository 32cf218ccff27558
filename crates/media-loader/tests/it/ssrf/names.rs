//! Names that resolve to what is not public: by one record, by one of several, or by the second
//! answer.

use std::sync::Arc;

use media_loader::{LoadErrorKind, UrlPolicy};
use media_types::MediaContent;

use super::{Trap, at, loader, open_policy};
use crate::http::Scripted;
use crate::http::server::{Server, redirect};

async fn refused(addresses: &[&str]) {
    let trap = Trap::new();
    let policy = open_policy(trap.port());
    let policy = policy.with_resolver(Arc::new(Scripted::new(&[addresses])));
    let content = content(&trap.url("http://cdn.example.com:{}/a.png"));
    let kind = crate::kind(&loader(policy), &content).await;
    assert_eq!(kind, LoadErrorKind::AddressNotAllowed);
    trap.assert_untouched();
}

fn content(url: &str) -> MediaContent {
    at(url).unwrap()
}

macro_rules! cases {
    ($($name:ident: [$($address:literal),+],)*) => {
        $(#[tokio::test] async fn $name() { refused(&[$($address),+]).await; })*
    };
}

cases! {
    to_loopback: ["127.0.0.1"],
    to_loopback_other: ["127.8.8.8"],
    to_loopback_v6: ["::1"],
    to_unspecified: ["0.0.0.0"],
    to_unspecified_v6: ["::"],
    to_mapped_loopback: ["::ffff:127.0.0.1"],
    to_compatible_loopback: ["::127.0.0.1"],
    to_nat64_loopback: ["64:ff9b::7f00:1"],
    to_sixtofour_loopback: ["2002:7f00:1::1"],
    to_private_10: ["10.1.2.3"],
    to_private_172: ["172.20.0.1"],
    to_private_192: ["192.168.0.1"],
    to_shared: ["100.64.1.1"],
    to_link_local: ["169.254.169.254"],
    to_link_local_v6: ["fe80::1"],
    to_unique_local: ["fd00:ec2::254"],
    to_azure_wire: ["168.63.129.16"],
    to_alibaba_metadata: ["100.100.100.200"],
    to_oracle_metadata: ["192.0.0.192"],
    to_multicast: ["239.1.1.1"],
    to_broadcast: ["255.255.255.255"],
    bad_after_good: ["93.184.215.14", "127.0.0.1"],
    bad_before_good: ["127.0.0.1", "93.184.215.14"],
    bad_among_good: ["93.184.215.14", "8.8.8.8", "10.0.0.1", "1.1.1.1"],
    bad_of_the_other_family: ["93.184.215.14", "::1"],
    bad_mapped_after_good: ["2606:2800:21f:cb07:6820:80da:af6b:8b2c", "::ffff:10.0.0.1"],
}

/// The name leads to an allowed address at first and elsewhere when it is asked again.
async fn rebinding(second: &'static [&'static str]) {
    let trap = Trap::new();
    let trap_port = trap.port();
    let server =
        Server::start(move |_, _| redirect(&format!("http://cdn.example.com:{trap_port}/"))).await;
    let policy = open_policy(trap_port)
        .with_allowed_port(server.port())
        .with_allowed_address(server.ip())
        .with_resolver(Arc::new(Scripted::new(&[&["127.0.0.1"], second])));
    let url = format!("http://cdn.example.com:{}/", server.port());
    let kind = crate::kind(&loader(policy), &content(&url)).await;
    assert_eq!(kind, LoadErrorKind::AddressNotAllowed);
    assert_eq!(server.connections(), 1);
    trap.assert_untouched();
}

#[tokio::test]
async fn rebinding_to_loopback() {
    rebinding(&["127.0.0.2"]).await;
}

#[tokio::test]
async fn rebinding_to_loopback_v6() {
    rebinding(&["::1"]).await;
}

#[tokio::test]
async fn rebinding_to_metadata() {
    rebinding(&["169.254.169.254"]).await;
}

#[tokio::test]
async fn rebinding_to_good_and_bad() {
    rebinding(&["127.0.0.1", "127.0.0.2"]).await;
}

/// What a check at first and a look-up of its own by the client would connect to.
#[tokio::test]
async fn rebinding_between_check_and_connection() {
    let server = Server::start(|_, _| crate::http::server::ok("", &crate::png(10))).await;
    let policy = |answers: &[&[&str]]| {
        UrlPolicy::public()
            .with_http_allowed()
            .with_allowed_port(server.port())
            .with_allowed_address(server.ip())
            .with_resolver(Arc::new(Scripted::new(answers)))
    };
    let url = format!("http://cdn.example.com:{}/", server.port());
    // The first answer is the one that is used; nobody asks a second time.
    let once = loader(policy(&[&["127.0.0.1"], &["127.0.0.2"]]));
    assert!(once.bytes(&content(&url)).await.is_ok());
    // A load after the connection has gone asks again, and is refused then.
    server.gone().await;
    let kind = crate::kind(&once, &content(&url)).await;
    assert_eq!(kind, LoadErrorKind::AddressNotAllowed);
    assert_eq!(server.connections(), 1);
}
