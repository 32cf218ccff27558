//! The policy for URLs.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use url::{Host, Url};

use super::address::is_public;
use super::host::{HostPattern, is_internal};
use super::network::IpNetwork;
use super::resolver::{HostResolver, SystemResolver};
use crate::error::{LoadError, LoadErrorKind};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const IDLE_TIMEOUT: Duration = Duration::from_secs(10);
const MAX_REDIRECTS: u32 = 5;

/// The policy of a loader for fetching URLs.
///
/// By default, `https` on port 443 of any public host is allowed, with at most 5 redirects. URLs with a user
/// name or password, redirects from `https` to `http`, and encoded bodies are always refused. Addresses
/// that are not public (see [`is_public`]) are refused unless they are allowed: in URLs, behind host names
/// (where one refused address is enough), and in redirects. The connection goes to a checked address.
///
/// ```
/// use media_loader::{MediaLoader, UrlPolicy};
///
/// // Images of a CDN, and of an image server in the private network.
/// let policy = UrlPolicy::public()
///     .with_allowed_host("images.example.com")
///     .with_allowed_host_suffix("cdn.example.net")
///     .with_allowed_address("10.20.0.0/16".parse::<media_loader::IpNetwork>()?);
/// let loader = MediaLoader::builder().with_url_policy(policy).build();
///
/// let nothing = MediaLoader::builder().with_url_policy(UrlPolicy::deny()).build();
/// # Ok::<(), media_loader::IpNetworkError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct UrlPolicy {
    denied: bool,
    http: bool,
    ports: Vec<u16>,
    hosts: Vec<HostPattern>,
    addresses: Vec<IpNetwork>,
    pub(super) max_redirects: u32,
    pub(super) connect_timeout: Duration,
    pub(super) idle_timeout: Duration,
    pub(super) env_proxy: bool,
    pub(super) resolver: Arc<dyn HostResolver>,
}

impl Default for UrlPolicy {
    fn default() -> Self {
        Self::public()
    }
}

impl UrlPolicy {
    /// Creates a policy for `https` URLs of public hosts. This is the default.
    pub fn public() -> Self {
        Self {
            denied: false,
            http: false,
            ports: Vec::new(),
            hosts: Vec::new(),
            addresses: Vec::new(),
            max_redirects: MAX_REDIRECTS,
            connect_timeout: CONNECT_TIMEOUT,
            idle_timeout: IDLE_TIMEOUT,
            env_proxy: false,
            resolver: Arc::new(SystemResolver::default()),
        }
    }

    /// Creates a policy that refuses every URL, whatever else is allowed.
    pub fn deny() -> Self {
        Self {
            denied: true,
            ..Self::public()
        }
    }

    /// Allows `http` too, on port 80. Anyone on the network path can read and change such media.
    pub fn with_http_allowed(mut self) -> Self {
        self.http = true;
        self
    }

    /// Allows another port, besides that of the scheme.
    pub fn with_allowed_port(mut self, port: u16) -> Self {
        self.ports.push(port);
        self
    }

    /// Allows only listed hosts, and lists a host name or an address, written as in a URL. A listed name may be
    /// one that is refused otherwise (`localhost`, `*.internal`, a name without a dot), but the addresses that it
    /// resolves to must still be public or allowed.
    pub fn with_allowed_host(mut self, host: impl Into<String>) -> Self {
        self.hosts.push(HostPattern::exact(host.into()));
        self
    }

    /// Allows only listed hosts, and lists a host with its subdomains: `example.com` matches `example.com` and
    /// `a.example.com`, but not `evil-example.com`.
    pub fn with_allowed_host_suffix(mut self, suffix: impl Into<String>) -> Self {
        self.hosts.push(HostPattern::suffix(suffix.into()));
        self
    }

    /// Allows addresses that are not public. IPv4 inside IPv6 is a different address than the IPv4 address.
    pub fn with_allowed_address(mut self, network: impl Into<IpNetwork>) -> Self {
        self.addresses.push(network.into());
        self
    }

    /// Sets the number of redirects that are followed. Defaults to 5.
    pub fn with_max_redirects(mut self, count: u32) -> Self {
        self.max_redirects = count;
        self
    }

    /// Sets the time limit for resolving a name and connecting. Defaults to 5 seconds.
    pub fn with_connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Sets the time limit for waiting for the next bytes. Defaults to 10 seconds.
    pub fn with_idle_timeout(mut self, timeout: Duration) -> Self {
        self.idle_timeout = timeout;
        self
    }

    /// Uses the proxies of `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`. A proxy resolves names itself,
    /// so it must check the addresses behind them; only names and addresses in URLs are checked here. Defaults to
    /// no proxy, whatever the environment says.
    pub fn with_env_proxy(mut self) -> Self {
        self.env_proxy = true;
        self
    }

    /// Sets the resolver of host names. Its results are checked too. Defaults to [`SystemResolver`].
    pub fn with_resolver(mut self, resolver: Arc<dyn HostResolver>) -> Self {
        self.resolver = resolver;
        self
    }

    /// Parses a URL and checks it against the policy, as far as that is possible without resolving its name.
    pub(super) fn admit(&self, text: &str) -> Result<Url, LoadError> {
        if self.denied {
            return Err(LoadError::new(LoadErrorKind::UrlDenied));
        }
        let url = Url::parse(text)
            .map_err(|error| LoadError::new(LoadErrorKind::InvalidUrl).with_source(error))?;
        self.admit_url(&url).map_err(LoadError::new)?;
        Ok(url)
    }

    /// Parses the target of a redirect and checks it against the policy.
    pub(super) fn admit_redirect(&self, from: &Url, location: &str) -> Result<Url, LoadError> {
        let to = from
            .join(location)
            .map_err(|error| LoadError::new(LoadErrorKind::InvalidUrl).with_source(error))?;
        if from.scheme() == "https" && to.scheme() != "https" {
            return Err(LoadError::new(LoadErrorKind::SchemeNotAllowed));
        }
        self.admit_url(&to).map_err(LoadError::new)?;
        Ok(to)
    }

    fn admit_url(&self, url: &Url) -> Result<(), LoadErrorKind> {
        match url.scheme() {
            "https" => {}
            "http" if self.http => {}
            _ => return Err(LoadErrorKind::SchemeNotAllowed),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(LoadErrorKind::InvalidUrl);
        }
        // `port` is none where the port is the scheme's own.
        if url.port().is_some_and(|port| !self.ports.contains(&port)) {
            return Err(LoadErrorKind::PortNotAllowed);
        }
        let host = url.host().ok_or(LoadErrorKind::InvalidUrl)?;
        let name = url.host_str().unwrap_or_default();
        let listed = |pattern: &HostPattern| pattern.matches(name);
        if !self.hosts.is_empty() && !self.hosts.iter().any(listed) {
            return Err(LoadErrorKind::HostNotAllowed);
        }
        match host {
            Host::Ipv4(address) => self.admit_address(address.into()),
            Host::Ipv6(address) => self.admit_address(address.into()),
            Host::Domain(name) => {
                let by_name = |pattern: &HostPattern| pattern.names(name);
                if is_internal(name) && !self.hosts.iter().any(by_name) {
                    return Err(LoadErrorKind::HostNotAllowed);
                }
                Ok(())
            }
        }
    }

    fn admit_address(&self, address: IpAddr) -> Result<(), LoadErrorKind> {
        if self.allows(address) {
            return Ok(());
        }
        Err(LoadErrorKind::AddressNotAllowed)
    }

    /// Whether connecting to an address is allowed.
    pub(super) fn allows(&self, address: IpAddr) -> bool {
        is_public(address)
            || self
                .addresses
                .iter()
                .any(|network| network.contains(address))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redirect(policy: &UrlPolicy, from: &str, to: &str) -> Result<String, LoadErrorKind> {
        let from = Url::parse(from).unwrap();
        let to = policy.admit_redirect(&from, to);
        to.map(Into::into).map_err(|error| error.kind().clone())
    }

    #[test]
    fn a_redirect_never_leaves_https() {
        let both = UrlPolicy::public().with_http_allowed();
        let scheme = Err(LoadErrorKind::SchemeNotAllowed);
        assert_eq!(
            redirect(&both, "https://a.example/", "http://a.example/"),
            scheme
        );
        assert!(redirect(&both, "http://a.example/", "https://a.example/").is_ok());
        assert!(redirect(&both, "http://a.example/", "http://b.example/").is_ok());
        for to in [
            "file:///etc/passwd",
            "ftp://a.example/",
            "data:,x",
            "gopher://a.example/",
        ] {
            assert_eq!(redirect(&both, "http://a.example/", to), scheme, "{to}");
        }
    }

    #[test]
    fn redirects_are_relative_to_where_they_come_from() {
        let policy = UrlPolicy::public();
        let from = "https://a.example/x/y?q=1";
        for (to, url) in [
            ("z", "https://a.example/x/z"),
            ("/z", "https://a.example/z"),
            ("//b.example/z", "https://b.example/z"),
            ("", "https://a.example/x/y?q=1"),
        ] {
            assert_eq!(redirect(&policy, from, to).unwrap(), url);
        }
        let inside = redirect(&policy, from, "//127.0.0.1/");
        assert_eq!(inside, Err(LoadErrorKind::AddressNotAllowed));
        assert_eq!(
            redirect(&policy, from, "https://u@b.example/"),
            Err(LoadErrorKind::InvalidUrl)
        );
    }
}
