//! The HTTP client of a provider.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use tokio::sync::OnceCell;

use super::failure;
use super::retry::RetryPolicy;
use crate::provider::{ProviderError, ProviderErrorKind};

/// A secret that `Debug` does not show.
#[derive(Clone)]
pub(crate) struct Secret(Arc<str>);

impl Secret {
    pub(crate) fn new(text: &str) -> Self {
        Self(text.trim().into())
    }

    pub(crate) fn expose(&self) -> &str {
        &self.0
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_empty() { "none" } else { "[secret]" })
    }
}

/// How a provider is reached.
#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) provider: &'static str,
    pub(crate) key: Secret,
    pub(crate) base_url: String,
    pub(crate) headers: Vec<(String, Secret)>,
    pub(crate) connect_timeout: Duration,
    /// Longest silence: from the request to a whole answer, or between two pieces of a stream.
    pub(crate) timeout: Duration,
    /// Longest time of all attempts together.
    pub(crate) deadline: Duration,
    pub(crate) retry: RetryPolicy,
    pub(crate) env_proxy: bool,
}

impl Settings {
    pub(crate) fn new(provider: &'static str, key: &str, base_url: &str) -> Self {
        Self {
            provider,
            key: Secret::new(key),
            base_url: base_url.to_owned(),
            headers: Vec::new(),
            connect_timeout: Duration::from_secs(10),
            timeout: Duration::from_secs(300),
            deadline: Duration::from_secs(600),
            retry: RetryPolicy::default(),
            env_proxy: false,
        }
    }

    pub(crate) fn error(&self, kind: ProviderErrorKind) -> ProviderError {
        ProviderError::new(kind, self.provider)
    }

    fn config(&self, message: &str) -> ProviderError {
        self.error(ProviderErrorKind::Config).with_message(message)
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("Settings")
            .field("base_url", &shown(&self.base_url))
            .field("key", &self.key)
            .field("headers", &names)
            .field("timeout", &self.timeout)
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}

/// An address without user information and query.
fn shown(url: &str) -> String {
    media_types::MediaUrl::new(url).map_or_else(|_| "[not a URL]".to_owned(), |url| url.to_string())
}

/// A client that is made at its first use: reading the machine's certificates takes a moment.
#[derive(Clone, Debug)]
pub(crate) struct Http {
    pub(crate) settings: Settings,
    client: Arc<OnceCell<reqwest::Client>>,
}

impl Http {
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            settings,
            client: Arc::default(),
        }
    }

    /// Changes the settings; a client that was made is dropped.
    pub(crate) fn configure(&mut self, change: impl FnOnce(&mut Settings)) {
        change(&mut self.settings);
        self.client = Arc::default();
    }

    /// A POST to a path below the base URL, with key and headers.
    pub(crate) async fn post(
        &self,
        path: &[&str],
    ) -> Result<reqwest::RequestBuilder, ProviderError> {
        let url = self.url(path)?;
        let headers = self.headers()?;
        let client = self.client.get_or_try_init(|| self.build()).await?;
        Ok(client.post(url).headers(headers))
    }

    fn url(&self, path: &[&str]) -> Result<reqwest::Url, ProviderError> {
        let refuse = || {
            self.settings
                .config("the base URL is not an absolute http or https URL")
        };
        let mut url = reqwest::Url::parse(self.settings.base_url.trim()).map_err(|_| refuse())?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err(refuse());
        }
        url.path_segments_mut()
            .map_err(|()| refuse())?
            .pop_if_empty()
            .extend(path);
        Ok(url)
    }

    fn headers(&self) -> Result<HeaderMap, ProviderError> {
        let mut headers = HeaderMap::new();
        if !self.settings.key.is_empty() {
            let bearer = format!("Bearer {}", self.settings.key.expose());
            let mut value = HeaderValue::from_str(&bearer).map_err(|_| {
                self.settings
                    .config("the key contains a character that no key has")
            })?;
            value.set_sensitive(true);
            headers.insert(reqwest::header::AUTHORIZATION, value);
        }
        for (name, value) in &self.settings.headers {
            let name = HeaderName::from_bytes(name.as_bytes())
                .map_err(|_| self.settings.config("a header's name is not valid"))?;
            let mut value = HeaderValue::from_str(value.expose())
                .map_err(|_| self.settings.config("a header's value is not valid"))?;
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        Ok(headers)
    }

    async fn build(&self) -> Result<reqwest::Client, ProviderError> {
        let provider = self.settings.provider;
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("conversation-sdk/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(self.settings.connect_timeout)
            // An API does not redirect; whoever does is not to be given the key.
            .redirect(reqwest::redirect::Policy::none());
        if !self.settings.env_proxy {
            builder = builder.no_proxy();
        }
        if self.url(&[])?.scheme() == "http" && !self.settings.env_proxy {
            // Without need for the machine's certificates none are read: it may have none.
            builder = builder.tls_certs_only([]);
        }
        // Certificates are files.
        tokio::task::spawn_blocking(move || builder.build())
            .await
            .map_err(|error| {
                ProviderError::new(ProviderErrorKind::Other, provider).with_source(error)
            })?
            .map_err(|error| failure::of_transport(provider, error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn http(base_url: &str) -> Http {
        Http::new(Settings::new("openai", "sk-secret", base_url))
    }

    #[test]
    fn paths_go_below_the_base_url() {
        for (base, url) in [
            ("https://h/v1", "https://h/v1/chat/completions"),
            ("https://h/v1/", "https://h/v1/chat/completions"),
            ("http://[::1]:8080", "http://[::1]:8080/chat/completions"),
            (
                "https://h/openai?api-version=1",
                "https://h/openai/chat/completions?api-version=1",
            ),
        ] {
            let made = http(base).url(&["chat", "completions"]).unwrap();
            assert_eq!(made.as_str(), url);
        }
        for bad in ["", "h/v1", "ftp://h", "data:,x", "https://"] {
            let error = http(bad).url(&["x"]).unwrap_err();
            assert_eq!(error.kind(), ProviderErrorKind::Config, "{bad}");
        }
    }

    #[test]
    fn secrets_are_not_shown() {
        let mut http = http("https://user:pw@h/v1?sig=abc");
        http.configure(|settings| {
            settings
                .headers
                .push(("x-api-key".into(), Secret::new("hidden-value")));
        });
        let shown = format!("{http:?}");
        for secret in ["sk-secret", "hidden-value", "pw", "abc"] {
            assert!(!shown.contains(secret), "{shown}");
        }
        assert!(shown.contains("x-api-key"));
        let headers = format!("{:?}", http.headers().unwrap());
        assert!(
            !headers.contains("secret") && !headers.contains("hidden"),
            "{headers}"
        );
    }

    #[test]
    fn keys_and_headers_that_cannot_be_sent_are_config_errors() {
        let bad_key = Http::new(Settings::new("openai", "sk-\u{7}", "https://h"));
        assert_eq!(
            bad_key.headers().unwrap_err().kind(),
            ProviderErrorKind::Config
        );
        let mut bad_name = http("https://h");
        bad_name.configure(|settings| settings.headers.push(("a b".into(), Secret::new("v"))));
        assert_eq!(
            bad_name.headers().unwrap_err().kind(),
            ProviderErrorKind::Config
        );
    }

    #[tokio::test]
    async fn a_client_for_https_can_be_made() {
        // A machine without certificates is told so; anything else is a client.
        if let Err(error) = http("https://h").build().await {
            assert_eq!(error.kind(), ProviderErrorKind::Config);
        }
        http("http://h").build().await.unwrap();
    }
}
