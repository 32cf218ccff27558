//! Redirects from a server that may be asked to places that may not.

use std::sync::Arc;

use media_loader::LoadErrorKind::{
    self, AddressNotAllowed as Address, HostNotAllowed as Host, InvalidUrl as Invalid,
    PortNotAllowed as Port, SchemeNotAllowed as Scheme,
};

use super::{Trap, at, loader, open_policy};
use crate::http::Scripted;
use crate::http::server::{Server, redirect};

async fn refused(template: &'static str, expected: LoadErrorKind) {
    let trap = Trap::new();
    let to = trap.url(template);
    let server = Server::start(move |_, _| redirect(&to)).await;
    let policy = open_policy(trap.port())
        .with_allowed_port(server.port())
        .with_allowed_address(server.ip())
        .with_resolver(Arc::new(Scripted::new(&[&["127.0.0.2"]])));
    let content = at(&server.url("/a.png")).unwrap();
    let kind = crate::kind(&loader(policy), &content).await;
    assert_eq!(kind, expected, "{template}");
    assert_eq!(server.connections(), 1);
    trap.assert_untouched();
}

macro_rules! cases {
    ($($name:ident: $url:literal => $kind:ident,)*) => {
        $(#[tokio::test] async fn $name() { refused($url, $kind).await; })*
    };
}

cases! {
    to_loopback: "http://127.0.0.2:{}/" => Address,
    to_loopback_decimal: "http://2130706434:{}/" => Address,
    to_loopback_octal: "http://0177.0.0.2:{}/" => Address,
    to_loopback_hex: "http://0x7f000002:{}/" => Address,
    to_loopback_short: "http://127.2:{}/" => Address,
    to_loopback_v6: "http://[::1]:{}/" => Address,
    to_loopback_mapped: "http://[::ffff:127.0.0.1]:{}/" => Address,
    to_loopback_compatible: "http://[::127.0.0.1]:{}/" => Address,
    to_loopback_nat64: "http://[64:ff9b::127.0.0.1]:{}/" => Address,
    to_loopback_by_scheme_relative: "//127.0.0.2:{}/" => Address,
    to_loopback_by_backslashes: "\\\\127.0.0.2:{}/" => Address,
    to_loopback_by_https: "https://127.0.0.2:{}/" => Address,
    to_unspecified: "http://0.0.0.0:{}/" => Address,
    to_metadata: "http://169.254.169.254/latest/meta-data/" => Address,
    to_metadata_decimal: "http://2852039166/" => Address,
    to_metadata_v6: "http://[fd00:ec2::254]/" => Address,
    to_metadata_alibaba: "http://100.100.100.200/" => Address,
    to_metadata_azure: "http://168.63.129.16/" => Address,
    to_metadata_name: "http://metadata.google.internal/computeMetadata/v1/" => Host,
    to_private: "http://10.0.0.1/" => Address,
    to_private_192: "http://192.168.1.1/" => Address,
    to_localhost: "http://localhost:{}/" => Host,
    to_localhost_dot: "http://localhost.:{}/" => Host,
    to_a_name_of_loopback: "http://cdn.example.com:{}/" => Address,
    to_another_port: "http://example.com:22/" => Port,
    to_user_and_password: "http://a:b@example.com:{}/" => Invalid,
    to_a_file: "file:///etc/passwd" => Scheme,
    to_ftp: "ftp://127.0.0.2:{}/" => Scheme,
    to_gopher: "gopher://127.0.0.2:{}/" => Scheme,
    to_data: "data:image/png;base64,AA==" => Scheme,
    to_zone_id: "http://[fe80::1%25eth0]:{}/" => Invalid,
}
