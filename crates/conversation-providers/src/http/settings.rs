//! Configuration of a provider over HTTP.

use std::fmt;
use std::time::Duration;

use super::redact::redact;
use super::secret::Secret;
use crate::error::{ProviderError, ProviderErrorKind};

/// The header that carries the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum KeyHeader {
    /// `authorization`, after the word `Bearer`.
    Bearer,
    /// A header of this name.
    Named(String),
}

/// How a provider is reached, and how long it is waited for.
#[derive(Clone)]
pub struct HttpSettings {
    pub(crate) provider: &'static str,
    pub(crate) key: Secret,
    pub(crate) key_header: KeyHeader,
    pub(crate) base_url: String,
    pub(crate) headers: Vec<(String, Secret)>,
    /// Parameters of every request's query.
    pub(crate) query: Vec<(String, Secret)>,
    pub(crate) env_proxy: bool,
    pub(crate) connect_timeout: Duration,
    /// Longest wait for the first byte of an answer, once the request is sent, where it does not
    /// follow from the model.
    pub(crate) first_byte_timeout: Option<Duration>,
    /// Longest silence after the first byte.
    pub(crate) idle_timeout: Duration,
    /// Longest time of all attempts together.
    pub(crate) deadline: Duration,
    /// Attempts after the first.
    pub(crate) max_retries: u32,
    /// Whether a request is sent again for which a gateway gave up.
    pub(crate) repeats_for_gateways: bool,
    /// The wait before the first retry; it doubles from there.
    pub(crate) first_backoff: Duration,
    /// The longest wait of our own choice.
    pub(crate) max_backoff: Duration,
    /// The longest wait that a server may ask for; a longer one ends the retries.
    pub(crate) max_retry_after: Duration,
}

/// Longest wait for the first byte of an answer of text.
const FIRST_BYTE: Duration = Duration::from_secs(120);
/// The same of an image.
const FIRST_BYTE_OF_IMAGE: Duration = Duration::from_secs(330);

impl HttpSettings {
    pub(crate) fn new(provider: &'static str, key: &str, base_url: &str) -> Self {
        Self {
            provider,
            key: Secret::new(key),
            key_header: KeyHeader::Bearer,
            base_url: base_url.to_owned(),
            headers: Vec::new(),
            query: Vec::new(),
            env_proxy: false,
            connect_timeout: Duration::from_secs(10),
            first_byte_timeout: None,
            idle_timeout: Duration::from_secs(120),
            deadline: Duration::from_secs(600),
            max_retries: 2,
            repeats_for_gateways: true,
            first_backoff: Duration::from_millis(500),
            max_backoff: Duration::from_secs(8),
            max_retry_after: Duration::from_secs(120),
        }
    }

    /// Returns the longest wait for the first byte of an answer of a model.
    pub(crate) fn first_byte_timeout(&self, model: &str) -> Duration {
        self.first_byte_timeout
            .unwrap_or(match makes_images(model) {
                true => FIRST_BYTE_OF_IMAGE,
                false => FIRST_BYTE,
            })
    }

    /// Creates an error of the provider.
    pub fn error(&self, kind: ProviderErrorKind) -> ProviderError {
        ProviderError::new(kind, self.provider)
    }

    /// Returns an error with what the provider said about it: its code, and its message without secrets.
    pub fn describe(
        &self,
        error: ProviderError,
        code: Option<&str>,
        message: Option<&str>,
    ) -> ProviderError {
        let error = match code {
            Some(code) => error.with_code(code),
            None => error,
        };
        match message {
            Some(message) => error.with_message(redact(message, self.key.expose())),
            None => error,
        }
    }

    pub(super) fn config_error(&self, reason: &'static str) -> ProviderError {
        self.error(ProviderErrorKind::Config).with_reason(reason)
    }
}

/// Whether the name of a model says that it makes images.
fn makes_images(model: &str) -> bool {
    let model = model.to_ascii_lowercase();
    ["image", "dall-e", "flux", "diffusion"]
        .iter()
        .any(|word| model.contains(word))
}

impl fmt::Debug for HttpSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = |of: &[(String, Secret)]| -> Vec<String> {
            of.iter().map(|(name, _)| name.clone()).collect()
        };
        f.debug_struct("HttpSettings")
            .field("base_url", &without_secrets(&self.base_url))
            .field("key", &self.key)
            .field("headers", &names(&self.headers))
            .field("query", &names(&self.query))
            .field("first_byte_timeout", &self.first_byte_timeout)
            .field("idle_timeout", &self.idle_timeout)
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}

/// A URL without user information and query.
fn without_secrets(url: &str) -> String {
    media_types::MediaUrl::new(url).map_or_else(|_| "[not a URL]".to_owned(), |url| url.to_string())
}
