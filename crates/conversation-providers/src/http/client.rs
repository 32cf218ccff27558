//! The HTTP client of a provider.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use tokio::sync::OnceCell;

use super::settings::{HttpSettings, KeyHeader};
use super::status::transport_error;
use crate::error::{ProviderError, ProviderErrorKind};

/// How long an unused connection is kept. Servers close them at some time, and a request that meets
/// the closing is not sent again.
const KEEP_ALIVE: Duration = Duration::from_secs(30);

/// A client that is built at its first use: reading the machine's certificates takes a moment.
#[derive(Clone, Debug)]
pub(crate) struct HttpClient {
    pub(crate) settings: HttpSettings,
    client: Arc<OnceCell<reqwest::Client>>,
}

impl HttpClient {
    pub(crate) fn new(settings: HttpSettings) -> Self {
        Self {
            settings,
            client: Arc::default(),
        }
    }

    /// Changes the settings; a client that was built is dropped.
    pub(crate) fn configure(&mut self, change: impl FnOnce(&mut HttpSettings)) {
        change(&mut self.settings);
        self.client = Arc::default();
    }

    /// Returns a POST to a path below the base URL, with key and headers.
    pub(crate) async fn post(
        &self,
        path: &[impl AsRef<str> + Sync],
        query: Option<(&str, &str)>,
    ) -> Result<reqwest::RequestBuilder, ProviderError> {
        self.request(reqwest::Method::POST, path, query).await
    }

    /// Returns a request to a path below the base URL, with key and headers.
    pub(crate) async fn request(
        &self,
        method: reqwest::Method,
        path: &[impl AsRef<str> + Sync],
        query: Option<(&str, &str)>,
    ) -> Result<reqwest::RequestBuilder, ProviderError> {
        let path = path.iter().map(AsRef::as_ref);
        let mut url = self.url(path)?;
        let configured = self.settings.query.iter();
        let configured = configured.map(|(name, value)| (name.as_str(), value.expose()));
        for (name, value) in configured.chain(query) {
            url.query_pairs_mut().append_pair(name, value);
        }
        let headers = self.headers()?;
        let client = self.client.get_or_try_init(|| self.build()).await?;
        Ok(client.request(method, url).headers(headers))
    }

    /// Returns a POST to a URL that the server gave, without the key. It has to be on the same server:
    /// media goes nowhere else.
    pub(crate) async fn post_within(
        &self,
        url: &str,
    ) -> Result<reqwest::RequestBuilder, ProviderError> {
        let base = self.url([])?;
        let url = reqwest::Url::parse(url).ok();
        let url = url.filter(|url| url.origin() == base.origin());
        let url = url.ok_or_else(|| {
            let error = self.settings.error(ProviderErrorKind::InvalidResponse);
            error.with_reason("the URL of an upload is on another server")
        })?;
        let client = self.client.get_or_try_init(|| self.build()).await?;
        Ok(client.post(url))
    }

    fn url<'p>(
        &self,
        path: impl IntoIterator<Item = &'p str>,
    ) -> Result<reqwest::Url, ProviderError> {
        let invalid = || {
            self.settings
                .config_error("the base URL is not an absolute http or https URL")
        };
        let mut url = reqwest::Url::parse(self.settings.base_url.trim()).map_err(|_| invalid())?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err(invalid());
        }
        url.path_segments_mut()
            .map_err(|()| invalid())?
            .pop_if_empty()
            .extend(path);
        Ok(url)
    }

    fn headers(&self) -> Result<HeaderMap, ProviderError> {
        let mut headers = HeaderMap::new();
        if !self.settings.key.is_empty() {
            let key = self.settings.key.expose();
            let (name, value) = match &self.settings.key_header {
                KeyHeader::Bearer => (AUTHORIZATION, format!("Bearer {key}")),
                KeyHeader::Named(name) => (self.header_name(name)?, key.to_owned()),
            };
            let mut value = HeaderValue::from_str(&value).map_err(|_| {
                self.settings
                    .config_error("the key contains a character that is not allowed in a header")
            })?;
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        for (name, value) in &self.settings.headers {
            let name = self.header_name(name)?;
            let mut value = HeaderValue::from_str(value.expose())
                .map_err(|_| self.settings.config_error("a header value is not valid"))?;
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        Ok(headers)
    }

    /// Returns headers of an API for one request.
    pub(crate) fn own_headers(
        &self,
        own: Vec<(&'static str, String)>,
    ) -> Result<HeaderMap, ProviderError> {
        let mut headers = HeaderMap::new();
        for (name, value) in own {
            let value = HeaderValue::from_str(&value)
                .map_err(|_| self.settings.config_error("a header value is not valid"))?;
            headers.insert(self.header_name(name)?, value);
        }
        Ok(headers)
    }

    fn header_name(&self, name: &str) -> Result<HeaderName, ProviderError> {
        HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| self.settings.config_error("a header name is not valid"))
    }

    async fn build(&self) -> Result<reqwest::Client, ProviderError> {
        let provider = self.settings.provider;
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("conversation-sdk/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(self.settings.connect_timeout)
            .pool_idle_timeout(KEEP_ALIVE)
            // Whatever features of the client other crates turn on, bodies stay as they are sent.
            .no_gzip()
            .no_brotli()
            .no_zstd()
            .no_deflate()
            // An API does not redirect; whoever does is not to be given the key.
            .redirect(reqwest::redirect::Policy::none());
        if !self.settings.env_proxy {
            builder = builder.no_proxy();
        }
        if self.url([])?.scheme() == "http" && !self.settings.env_proxy {
            // Without need for the machine's certificates none are read: it may have none.
            builder = builder.tls_certs_only([]);
        }
        // Certificates are files.
        tokio::task::spawn_blocking(move || builder.build())
            .await
            .map_err(|error| {
                ProviderError::new(ProviderErrorKind::Other, provider).with_source(error)
            })?
            .map_err(|error| transport_error(provider, error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Secret;

    fn http(base_url: &str) -> HttpClient {
        HttpClient::new(HttpSettings::new("openai", "sk-secret", base_url))
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
            let found = http(base).url(["chat", "completions"]).unwrap();
            assert_eq!(found.as_str(), url);
        }
        for bad in ["", "h/v1", "ftp://h", "data:,x", "https://"] {
            let error = http(bad).url(["x"]).unwrap_err();
            assert_eq!(error.kind(), ProviderErrorKind::Config, "{bad}");
        }
    }

    #[test]
    fn secrets_are_not_printed() {
        let mut http = http("https://user:pw@h/v1?sig=abc");
        http.configure(|settings| {
            settings
                .headers
                .push(("x-api-key".into(), Secret::new("hidden-value")));
        });
        let printed = format!("{http:?}");
        for secret in ["sk-secret", "hidden-value", "pw", "abc"] {
            assert!(!printed.contains(secret), "{printed}");
        }
        assert!(printed.contains("x-api-key"));
        let headers = format!("{:?}", http.headers().unwrap());
        assert!(
            !headers.contains("secret") && !headers.contains("hidden"),
            "{headers}"
        );
    }

    #[test]
    fn keys_and_headers_that_cannot_be_sent_are_config_errors() {
        let settings = HttpSettings::new("openai", "sk-\u{7}", "https://h");
        let bad_key = HttpClient::new(settings);
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
    async fn a_client_for_https_can_be_built() {
        // A machine without certificates gets an error that says so.
        if let Err(error) = http("https://h").build().await {
            assert_eq!(error.kind(), ProviderErrorKind::Config);
        }
        http("http://h").build().await.unwrap();
    }
}
