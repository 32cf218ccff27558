//! Fetching over TLS, with an authority of the test's own: the machine's list of authorities is
//! named by the environment, which is set for a process of its own.

use std::process::Command;
use std::sync::Arc;

use media_loader::{LoadErrorKind, UrlPolicy};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::PrivateKeyDer;
use tokio_rustls::TlsAcceptor;

use super::server::{Server, ok, redirect};
use super::{Scripted, at, loader};
use crate::png;

/// Set for the process that the test starts again in, with the ports of its servers.
const PORTS: &str = "PORTS_OF_TEST";

const NAME: &str = "cdn.example.com";

fn certificate() -> CertifiedKey<rcgen::KeyPair> {
    let names = vec![NAME.to_owned(), "127.0.0.1".to_owned()];
    generate_simple_self_signed(names).unwrap()
}

fn acceptor(certificate: CertifiedKey<rcgen::KeyPair>) -> TlsAcceptor {
    let key = PrivateKeyDer::try_from(certificate.signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.cert.der().clone()], key);
    TlsAcceptor::from(Arc::new(config.unwrap()))
}

#[tokio::test(flavor = "multi_thread")]
async fn https_is_fetched_from_whom_the_machine_trusts() {
    if let Ok(ports) = std::env::var(PORTS) {
        return trusts_the_list(&ports).await;
    }
    let (trusted, other) = (certificate(), certificate());
    let dir = tempfile::tempdir().unwrap();
    let list = dir.path().join("authorities.pem");
    std::fs::write(&list, trusted.cert.pem()).unwrap();
    let answer = |path: &str, port: u16| match path {
        "/down" => redirect(&format!("http://{NAME}:{port}/a.png")),
        "/on" => redirect(&format!("https://127.0.0.1:{port}/a.png")),
        "/inside" => redirect("https://169.254.169.254/"),
        _ => ok("", &png(100_000)),
    };
    let server = Server::start_tls(acceptor(trusted), answer).await;
    let untrusted = Server::start_tls(acceptor(other), answer).await;
    let ports = format!("{} {}", server.port(), untrusted.port());
    let child = tokio::task::spawn_blocking(move || {
        Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "http::tls::https_is_fetched_from_whom_the_machine_trusts",
            ])
            .env("SSL_CERT_FILE", &list)
            .env_remove("SSL_CERT_DIR")
            .env(PORTS, ports)
            .output()
            .unwrap()
    });
    let output = child.await.unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{text}"
    );
    for request in server.requests() {
        assert!(
            !request.to_ascii_lowercase().contains("referer"),
            "{request}"
        );
    }
    assert!(untrusted.requests().is_empty());
}

async fn trusts_the_list(ports: &str) {
    let (port, untrusted) = ports.split_once(' ').unwrap();
    let policy = UrlPolicy::public()
        .with_allowed_port(port.parse().unwrap())
        .with_allowed_port(untrusted.parse().unwrap())
        .with_allowed_address("127.0.0.1".parse::<std::net::IpAddr>().unwrap())
        .with_resolver(Arc::new(Scripted::new(&[&["127.0.0.1"]])));
    let strict = loader(policy.clone());
    let both = loader(policy.with_http_allowed());
    for url in [
        format!("https://{NAME}:{port}/a.png"),
        format!("https://127.0.0.1:{port}/a.png"),
        format!("https://{NAME}:{port}/on"),
    ] {
        assert!(
            strict.bytes(&at(&url)).await.unwrap() == png(100_000),
            "{url}"
        );
    }
    for (url, refused) in [
        (
            format!("https://{NAME}:{port}/down"),
            LoadErrorKind::SchemeNotAllowed,
        ),
        (
            format!("https://{NAME}:{port}/inside"),
            LoadErrorKind::AddressNotAllowed,
        ),
        (
            format!("https://other.example.com:{port}/"),
            LoadErrorKind::ConnectFailed,
        ),
        (
            format!("https://{NAME}:{untrusted}/"),
            LoadErrorKind::ConnectFailed,
        ),
        // No secret is sent to a server of the wrong protocol, nor an answer taken from it.
        (
            format!("http://{NAME}:{port}/a.png"),
            LoadErrorKind::InvalidResponse,
        ),
    ] {
        assert_eq!(crate::kind(&both, &at(&url)).await, refused, "{url}");
    }
}
