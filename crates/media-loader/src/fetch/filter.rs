//! Refusing addresses that the policy does not allow.

use std::fmt;
use std::io;
use std::net::SocketAddr;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::policy::UrlPolicy;

/// Error returned when a name is not resolved.
#[derive(Debug)]
pub(super) enum LookupError {
    /// The name cannot be resolved.
    Failed(io::Error),
    /// The name resolves to an address that is not allowed.
    Refused,
}

impl fmt::Display for LookupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Failed(_) => "the host name cannot be resolved",
            Self::Refused => "the host name resolves to an address that is not allowed",
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

/// A resolver that refuses addresses which the policy does not allow.
#[derive(Debug)]
pub(super) struct FilteringResolver {
    pub(super) policy: UrlPolicy,
    /// Hosts of proxies, from the environment.
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
                let none = io::Error::new(io::ErrorKind::NotFound, "the host name has no address");
                return Err(LookupError::Failed(none).into());
            }
            // A result with both kinds of addresses has been manipulated, so one of them is enough.
            if !is_proxy && !found.iter().all(|address| policy.allows(*address)) {
                return Err(LookupError::Refused.into());
            }
            let found = found.into_iter().map(|address| SocketAddr::new(address, 0));
            Ok(Box::new(found) as Addrs)
        })
    }
}
