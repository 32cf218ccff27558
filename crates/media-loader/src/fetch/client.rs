//! The HTTP client.

use std::env;
use std::time::Duration;

use reqwest::{NoProxy, Proxy, redirect};
use tokio::sync::OnceCell;
use url::Url;

use super::filter::FilteringResolver;
use super::policy::UrlPolicy;
use crate::error::{LoadError, LoadErrorKind};

/// Responses with more or longer headers are refused. HTTP/1 limits a whole head to 400 KiB by itself.
const MAX_HEADERS: usize = 100;
const MAX_HEADER_BYTES: u32 = 64 * 1024;
const POOL_IDLE: Duration = Duration::from_secs(15);
const POOL_SIZE: usize = 4;

/// A client for each scheme, since `http` requires no certificates, which a machine may not have.
#[derive(Debug, Default)]
pub(super) struct Clients {
    http: OnceCell<Client>,
    https: OnceCell<Client>,
}

#[derive(Debug)]
pub(super) struct Client {
    pub(super) inner: reqwest::Client,
    /// Host names of the proxies; empty without a proxy.
    pub(super) proxy_names: Vec<String>,
    pub(super) has_proxy: bool,
}

impl Clients {
    /// Returns the client for a URL, and creates it when it is first used.
    pub(super) async fn of(&self, url: &Url, policy: &UrlPolicy) -> Result<&Client, LoadError> {
        let secure = url.scheme() == "https";
        let cell = if secure { &self.https } else { &self.http };
        cell.get_or_try_init(|| build(policy, secure)).await
    }
}

async fn build(policy: &UrlPolicy, secure: bool) -> Result<Client, LoadError> {
    let failed = || LoadError::new(LoadErrorKind::ConnectFailed);
    let policy = policy.clone();
    // Certificates are files.
    let built = tokio::task::spawn_blocking(move || {
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("media-loader/", env!("CARGO_PKG_VERSION")))
            .no_proxy()
            .redirect(redirect::Policy::none())
            .referer(false)
            // Whatever features of the client other crates turn on, bodies stay as they are sent.
            .no_gzip()
            .no_brotli()
            .no_zstd()
            .no_deflate()
            .connect_timeout(policy.connect_timeout)
            .http1_max_headers(MAX_HEADERS)
            .http2_max_header_list_size(MAX_HEADER_BYTES)
            .pool_idle_timeout(POOL_IDLE)
            .pool_max_idle_per_host(POOL_SIZE);
        if !secure {
            builder = builder.tls_certs_only([]);
        }
        let found = if policy.env_proxy {
            env_proxies()?
        } else {
            Vec::new()
        };
        let has_proxy = !found.is_empty();
        let mut proxy_names = Vec::new();
        for (proxy, name) in found {
            builder = builder.proxy(proxy);
            proxy_names.extend(name);
        }
        let resolver = FilteringResolver {
            policy,
            proxies: proxy_names.clone(),
        };
        let inner = builder.dns_resolver(resolver).build()?;
        Ok::<_, reqwest::Error>(Client {
            inner,
            proxy_names,
            has_proxy,
        })
    });
    let built = built.await.map_err(|error| failed().with_source(error))?;
    built.map_err(|error| failed().with_source(error.without_url()))
}

/// Returns the proxies from the environment, each with its host if that is a name.
///
/// The client never reads them itself, because their names must be known: only a proxy may be in a
/// private network.
fn env_proxies() -> Result<Vec<(Proxy, Option<String>)>, reqwest::Error> {
    let value = |names: [&str; 2]| {
        let found = names.iter().find_map(|name| env::var(name).ok());
        found.filter(|value| !value.trim().is_empty())
    };
    // In a CGI program, HTTP_PROXY is a header that the client chooses.
    let http =
        value(["http_proxy", "HTTP_PROXY"]).filter(|_| env::var_os("REQUEST_METHOD").is_none());
    let mut all = Vec::new();
    if let Some(at) = http {
        all.push((Proxy::http(&at)?, proxy_name(&at)));
    }
    if let Some(at) = value(["https_proxy", "HTTPS_PROXY"]) {
        all.push((Proxy::https(&at)?, proxy_name(&at)));
    }
    if let Some(at) = value(["all_proxy", "ALL_PROXY"]) {
        all.push((Proxy::all(&at)?, proxy_name(&at)));
    }
    let except = |proxy: Proxy| proxy.no_proxy(NoProxy::from_env());
    Ok(all
        .into_iter()
        .map(|(proxy, name)| (except(proxy), name))
        .collect())
}

fn proxy_name(at: &str) -> Option<String> {
    let url = match Url::parse(at) {
        Ok(url) if url.has_host() => url,
        _ => Url::parse(&format!("http://{at}")).ok()?,
    };
    url.domain().map(str::to_owned)
}
