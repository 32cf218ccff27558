//! Public addresses pass the same filter.
//!
//! A name that resolves to a server of the test and to the public address is fetched only if both
//! pass; nothing goes to the public address, because the first one answers.

use std::net::IpAddr;
use std::sync::Arc;

use media_loader::is_public;

use super::{at, loader, open_policy};
use crate::http::Scripted;
use crate::http::server::{Server, ok};
use crate::png;

async fn passes(address: &str) {
    let ip: IpAddr = address.parse().unwrap();
    assert!(is_public(ip));
    let server = Server::start(|_, _| ok("", &png(10))).await;
    let policy = open_policy(server.port())
        .with_allowed_address(server.ip())
        .with_resolver(Arc::new(Scripted::new(&[&["127.0.0.1", address]])));
    let loader = loader(policy);
    let url = format!("http://cdn.example.com:{}/", server.port());
    assert!(loader.bytes(&at(&url).unwrap()).await.unwrap() == png(10));
    let host = if ip.is_ipv6() {
        format!("[{ip}]")
    } else {
        ip.to_string()
    };
    let literal = at(&format!("https://{host}/")).unwrap();
    assert!(loader.inspect(&literal).await.is_ok());
}

macro_rules! cases {
    ($($name:ident: $address:literal,)*) => {
        $(#[tokio::test] async fn $name() { passes($address).await; })*
    };
}

cases! {
    google_dns: "8.8.8.8",
    cloudflare_dns: "1.1.1.1",
    example_com: "93.184.215.14",
    below_private_10: "9.255.255.255",
    above_private_10: "11.0.0.0",
    below_shared: "100.63.255.255",
    above_shared: "100.128.0.0",
    below_loopback: "126.255.255.255",
    above_loopback: "128.0.0.1",
    beside_azure_wire: "168.63.129.17",
    below_link_local: "169.253.255.255",
    above_link_local: "169.255.0.0",
    below_private_172: "172.15.255.255",
    above_private_172: "172.32.0.0",
    below_private_192: "192.167.255.255",
    above_private_192: "192.169.0.0",
    above_protocol_assignments: "192.0.1.1",
    below_benchmark: "198.17.255.255",
    above_benchmark: "198.20.0.0",
    below_multicast: "223.255.255.255",
    google_dns_v6: "2001:4860:4860::8888",
    cloudflare_dns_v6: "2606:4700:4700::1111",
    example_com_v6: "2606:2800:21f:cb07:6820:80da:af6b:8b2c",
    amazon_v6: "2600:1f18::1",
    above_protocol_assignments_v6: "2001:200::1",
    mapped_public: "::ffff:8.8.8.8",
    nat64_public: "64:ff9b::808:808",
    sixtofour_public: "2002:808:808::1",
}
