//! Fetching a URL.

use std::time::Duration;

use media_types::MediaUrl;
use reqwest::Response;
use reqwest::header::{ACCEPT_ENCODING, HeaderValue, LOCATION};
use tokio::time::timeout_at;
use url::Url;

use super::answer::{Answer, Patience, after};
use super::client::Clients;
use super::failure;
use super::policy::UrlPolicy;
use crate::error::{LoadError, LoadErrorKind};

/// A fetcher of URLs with a policy. Clients and connections are created when they are needed.
#[derive(Debug)]
pub(crate) struct Fetcher {
    policy: UrlPolicy,
    timeout: Duration,
    clients: Clients,
}

impl Fetcher {
    pub(crate) fn new(policy: UrlPolicy, timeout: Duration) -> Self {
        Self {
            policy,
            timeout,
            clients: Clients::default(),
        }
    }

    /// Checks a URL against the policy, without I/O.
    pub(crate) fn check(&self, url: &MediaUrl) -> Result<(), LoadError> {
        let admitted = self.policy.admit(url.as_str());
        admitted
            .map(drop)
            .map_err(|error| error.with_what(&url.to_string()))
    }

    /// Returns the response to a URL, after redirects. Dropping the future or the response closes the
    /// connection.
    pub(crate) async fn fetch(&self, url: &MediaUrl, limit: u64) -> Result<Answer, LoadError> {
        let patience = Patience {
            deadline: after(self.timeout),
            idle: self.policy.idle_timeout,
        };
        let name = |error: LoadError| error.with_what(&url.to_string());
        let mut at = self.policy.admit(url.as_str()).map_err(name)?;
        for _ in 0..=self.policy.max_redirects {
            let response = self.send(&at, patience).await.map_err(name)?;
            match redirect(&response).map_err(name)? {
                Some(to) => at = self.policy.admit_redirect(&at, &to).map_err(name)?,
                None => return Answer::of(response, patience, limit).map_err(name),
            }
        }
        Err(name(LoadError::new(LoadErrorKind::TooManyRedirects)))
    }

    async fn send(&self, url: &Url, patience: Patience) -> Result<Response, LoadError> {
        let timed_out = || LoadError::new(LoadErrorKind::Timeout);
        let client = self.clients.of(url, &self.policy);
        let client = timeout_at(patience.deadline, client);
        let client = client.await.map_err(|_| timed_out())??;
        if let Some(name) = url.domain()
            && client.proxy_names.iter().any(|proxy| proxy == name)
        {
            return Err(LoadError::new(LoadErrorKind::HostNotAllowed));
        }
        let request = client
            .inner
            .get(url.clone())
            .header(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        let until = patience.until(self.policy.connect_timeout);
        let response = timeout_at(until, request.send())
            .await
            .map_err(|_| timed_out())?
            .map_err(failure::of_send)?;
        // The connector asked the resolver for this address, which has checked it; nothing rests
        // on one check alone.
        let refused = match response.remote_addr() {
            Some(address) => !self.policy.allows(address.ip()),
            None => true,
        };
        if refused && !client.has_proxy {
            return Err(LoadError::new(LoadErrorKind::AddressNotAllowed));
        }
        Ok(response)
    }
}

/// Returns the target of a redirect.
fn redirect(response: &Response) -> Result<Option<String>, LoadError> {
    if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let location = response.headers().get(LOCATION);
    // Bytes beyond ASCII are UTF-8 where they occur at all.
    let location = location.and_then(|value| std::str::from_utf8(value.as_bytes()).ok());
    match location {
        Some(to) => Ok(Some(to.to_owned())),
        None => Err(LoadError::new(LoadErrorKind::InvalidResponse)),
    }
}
