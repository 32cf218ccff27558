//! Proxies of the environment, which is set for a process of its own.

use std::process::Command;

use media_loader::{LoadErrorKind, UrlPolicy};

use super::server::{Server, ok};
use super::{at, loader};
use crate::png;

/// Set for the process that a test starts again in, with the proxy that it is to use.
const PROXY: &str = "PROXY_OF_TEST";

const TARGET: &str = "http://93.184.215.14/a.png";

/// Runs a test of this binary again, with a proxy in its environment.
fn again(proxy: &str, test: &str) -> std::process::Output {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", &format!("http::proxy::{test}")]);
    for name in [
        "http_proxy",
        "HTTP_PROXY",
        "https_proxy",
        "all_proxy",
        "ALL_PROXY",
    ] {
        command.env(name, proxy);
    }
    command.env_remove("NO_PROXY").env_remove("no_proxy");
    command.env(PROXY, proxy).output().unwrap()
}

async fn run(test: &'static str, host: &str) -> Vec<String> {
    let server = Server::start(|_, _| ok("", &png(10))).await;
    let proxy = format!("http://{host}:{}", server.port());
    let (server, output) = tokio::task::spawn_blocking(move || {
        let output = again(&proxy, test);
        (server, output)
    })
    .await
    .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{text}"
    );
    server.requests()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_proxy_of_the_environment_is_used_when_asked() {
    if std::env::var_os(PROXY).is_some() {
        return asks_for_the_proxy().await;
    }
    let requests = run(
        "the_proxy_of_the_environment_is_used_when_asked",
        "127.0.0.1",
    )
    .await;
    assert_eq!(requests.len(), 1);
    assert!(
        requests[0].starts_with(&format!("GET {TARGET} ")),
        "{requests:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_proxy_of_the_environment_is_not_used_unasked() {
    if let Ok(proxy) = std::env::var(PROXY) {
        return does_not_ask_for_the_proxy(&proxy).await;
    }
    let requests = run(
        "the_proxy_of_the_environment_is_not_used_unasked",
        "127.0.0.1",
    )
    .await;
    assert_eq!(requests.len(), 1);
    assert!(requests[0].starts_with("GET /a.png "), "{requests:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_is_reached_by_its_name_and_is_no_target_itself() {
    if let Ok(proxy) = std::env::var(PROXY) {
        return asks_for_the_named_proxy(&proxy).await;
    }
    let requests = run(
        "a_proxy_is_reached_by_its_name_and_is_no_target_itself",
        "localhost",
    )
    .await;
    assert_eq!(requests.len(), 1);
    assert!(
        requests[0].starts_with(&format!("GET {TARGET} ")),
        "{requests:?}"
    );
}

async fn asks_for_the_named_proxy(proxy: &str) {
    let (_, port) = proxy.rsplit_once(':').unwrap();
    let policy = UrlPolicy::public().with_http_allowed().with_env_proxy();
    let policy = policy.with_allowed_port(port.parse().unwrap());
    let public = loader(policy.clone());
    assert!(public.bytes(&at(TARGET)).await.unwrap() == png(10));
    let listed = loader(policy.with_allowed_host("localhost"));
    let kind = crate::kind(&listed, &at(&format!("{proxy}/a.png"))).await;
    assert_eq!(kind, LoadErrorKind::HostNotAllowed);
}

async fn asks_for_the_proxy() {
    let policy = UrlPolicy::public().with_http_allowed().with_env_proxy();
    let loader = loader(policy);
    assert!(loader.bytes(&at(TARGET)).await.unwrap() == png(10));
    // The rules of URLs hold with a proxy as without.
    for url in [
        "http://127.0.0.1/",
        "http://metadata.google.internal/",
        "http://[::ffff:a00:1]/",
    ] {
        assert!(loader.bytes(&at(url)).await.is_err(), "{url}");
    }
}

async fn does_not_ask_for_the_proxy(proxy: &str) {
    let (ip, port) = proxy.trim_start_matches("http://").split_once(':').unwrap();
    let policy = UrlPolicy::public()
        .with_http_allowed()
        .with_allowed_port(port.parse().unwrap())
        .with_allowed_address(ip.parse::<std::net::IpAddr>().unwrap());
    let loader = loader(policy);
    let url = format!("{proxy}/a.png");
    assert!(loader.bytes(&at(&url)).await.unwrap() == png(10));
}
