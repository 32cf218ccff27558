//! The error of every provider.

use std::error::Error;
use std::fmt;
use std::time::Duration;

/// What went wrong at a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ProviderErrorKind {
    /// The key is missing, wrong, or may not do this (401, 403).
    Authentication,
    /// The request is not acceptable (400, 404, 422).
    InvalidRequest,
    /// The provider refuses this media (400 or 413 naming it).
    MediaRefused,
    /// The request is too large (413).
    TooLarge,
    /// Too many requests (429).
    RateLimited,
    /// No quota or credit left (402, or 429 saying so): waiting does not help.
    Quota,
    /// The provider failed (5xx) or is overloaded.
    Server,
    /// The provider cannot be reached: no such host, refused, reset.
    Unreachable,
    /// No answer in time.
    Timeout,
    /// The answer broke off.
    Interrupted,
    /// The answer is not what the API promises.
    InvalidResponse,
    /// Media of the request failed while the body was being sent.
    Media,
    /// Media of the answer could not be kept until it is stored: the spool's directory is full,
    /// missing or not writable.
    Spool,
    /// The provider is set up wrongly.
    Config,
    /// Anything else; the source tells.
    Other,
}

impl fmt::Display for ProviderErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Authentication => "the key was not accepted",
            Self::InvalidRequest => "the request was not accepted",
            Self::MediaRefused => "media was refused",
            Self::TooLarge => "the request is too large",
            Self::RateLimited => "too many requests",
            Self::Quota => "no quota left",
            Self::Server => "the provider failed",
            Self::Unreachable => "the provider cannot be reached",
            Self::Timeout => "no answer in time",
            Self::Interrupted => "the answer broke off",
            Self::InvalidResponse => "the answer is not understood",
            Self::Media => "media could not be sent",
            Self::Spool => "received media could not be kept",
            Self::Config => "wrong configuration",
            Self::Other => "unexpected failure",
        })
    }
}

/// A failure of a provider. One word in size; no keys, no bodies, no signed URLs in any text.
pub struct ProviderError(Box<Inner>);

struct Inner {
    kind: ProviderErrorKind,
    provider: String,
    status: Option<u16>,
    message: Option<String>,
    retry_after: Option<Duration>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

/// Longest text of a provider that is kept, in characters.
const MAX_MESSAGE: usize = 500;

impl ProviderError {
    /// A failure of a kind at a provider.
    pub fn new(kind: ProviderErrorKind, provider: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            provider: provider.into(),
            status: None,
            message: None,
            retry_after: None,
            source: None,
        }))
    }

    /// Keeps the HTTP status.
    #[must_use]
    pub fn with_status(mut self, status: u16) -> Self {
        self.0.status = Some(status);
        self
    }

    /// Keeps what the provider said, at most 500 characters of it.
    #[must_use]
    pub fn with_message(mut self, message: impl AsRef<str>) -> Self {
        let tame = |c: char| if c.is_control() { ' ' } else { c };
        let text: String = message
            .as_ref()
            .chars()
            .map(tame)
            .take(MAX_MESSAGE)
            .collect();
        self.0.message = Some(text);
        self
    }

    /// Keeps how long the provider asks to wait.
    #[must_use]
    pub fn with_retry_after(mut self, wait: Option<Duration>) -> Self {
        self.0.retry_after = wait;
        self
    }

    /// Keeps the cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// What went wrong.
    pub fn kind(&self) -> ProviderErrorKind {
        self.0.kind
    }

    /// Which provider.
    pub fn provider(&self) -> &str {
        &self.0.provider
    }

    /// The HTTP status, if there was an answer.
    pub fn status(&self) -> Option<u16> {
        self.0.status
    }

    /// What the provider said.
    pub fn message(&self) -> Option<&str> {
        self.0.message.as_deref()
    }

    /// How long the provider asks to wait.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// Whether the same request may succeed later.
    pub fn is_retryable(&self) -> bool {
        use ProviderErrorKind as K;
        matches!(
            self.0.kind,
            K::RateLimited | K::Server | K::Unreachable | K::Timeout | K::Interrupted
        )
    }
}

impl fmt::Display for ProviderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.provider, self.0.kind)?;
        if let Some(status) = self.0.status {
            write!(f, " (status {status})")?;
        }
        if let Some(message) = &self.0.message {
            write!(f, ": {message}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for ProviderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProviderError")
            .field("kind", &self.0.kind)
            .field("provider", &self.0.provider)
            .field("status", &self.0.status)
            .field("message", &self.0.message)
            .field("source", &self.0.source)
            .finish_non_exhaustive()
    }
}

impl Error for ProviderError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}
