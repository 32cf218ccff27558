//! Looking names up, and refusing what they must not lead to.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::sync::Arc;

use futures_core::future::BoxFuture;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::sync::Semaphore;

use super::policy::UrlPolicy;

/// How many names are looked up at a time; each holds a thread.
const MAX_LOOKUPS: usize = 16;

/// Looks up the addresses of a host.
///
/// The loader checks every address that comes back, and refuses them all where one is not allowed.
pub trait HostResolver: fmt::Debug + Send + Sync + 'static {
    /// All addresses of a host. No address is an error of the name.
    fn resolve<'a>(&'a self, host: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>>;
}

/// Asks the operating system, from threads that may block, 16 at a time.
#[derive(Clone, Debug)]
pub struct SystemResolver {
    lookups: Arc<Semaphore>,
}

impl Default for SystemResolver {
    fn default() -> Self {
        Self {
            lookups: Arc::new(Semaphore::new(MAX_LOOKUPS)),
        }
    }
}

impl HostResolver for SystemResolver {
    fn resolve<'a>(&'a self, host: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
        Box::pin(async move {
            let permit = Arc::clone(&self.lookups).acquire_owned().await;
            let permit = permit.map_err(io::Error::other)?;
            let host = host.to_owned();
            let found = tokio::task::spawn_blocking(move || {
                // Held by the thread: who asked may be gone long before the system answers.
                let _permit = permit;
                let found = (host.as_str(), 0).to_socket_addrs()?;
                Ok(found.map(|address| address.ip()).collect())
            });
            found.await.map_err(io::Error::other)?
        })
    }
}

/// Why a name was not looked up to anything.
#[derive(Debug)]
pub(super) enum LookupError {
    /// It does not resolve.
    Failed(io::Error),
    /// It resolves to an address that is not allowed.
    Refused,
}

impl fmt::Display for LookupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Failed(_) => "the name does not resolve",
            Self::Refused => "the name resolves to an address that is not allowed",
        })
    }
}

impl std::error::Error for LookupError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Failed(error) => Some(error),
            Self::Refused => None,
        }
    }
}

/// The resolver that the client connects by.
#[derive(Debug)]
pub(super) struct FilteringResolver {
    pub(super) policy: UrlPolicy,
    /// Hosts of proxies, which the environment names and no URL can.
    pub(super) proxies: Vec<String>,
}

impl Resolve for FilteringResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let policy = self.policy.clone();
        let is_proxy = self.proxies.iter().any(|proxy| proxy == name.as_str());
        Box::pin(async move {
            let found = policy.resolver.resolve(name.as_str()).await;
            let found = found.map_err(LookupError::Failed)?;
            if found.is_empty() {
                let none = io::Error::new(io::ErrorKind::NotFound, "no address");
                return Err(LookupError::Failed(none).into());
            }
            // Any, not all: an answer of both kinds is one that somebody has tampered with.
            if !is_proxy && !found.iter().all(|address| policy.allows(*address)) {
                return Err(LookupError::Refused.into());
            }
            let found = found.into_iter().map(|address| SocketAddr::new(address, 0));
            Ok(Box::new(found) as Addrs)
        })
    }
}
