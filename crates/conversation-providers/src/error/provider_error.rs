//! The error of every provider.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::time::Duration;

use conversation_types::{Cost, TokenUsage};

use super::kind::{ProviderErrorKind, TimeoutPhase};

/// A failure of a provider.
///
/// Neither `Display` nor `Debug` prints keys, bodies, signed URLs, or what the provider said, since
/// providers quote the request; [`message`](Self::message) gives that text.
pub struct ProviderError(Box<Inner>);

struct Inner {
    kind: ProviderErrorKind,
    provider: String,
    reason: Option<Cow<'static, str>>,
    status: Option<u16>,
    code: Option<String>,
    message: Option<String>,
    request_id: Option<String>,
    retry_after: Option<Duration>,
    retry_advice: Option<bool>,
    usage: Option<TokenUsage>,
    cost: Option<Cost>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

/// Longest text of a provider that is kept, in characters.
const MAX_MESSAGE_CHARS: usize = 500;
/// Longest code or request id that is kept, in characters.
const MAX_CODE_CHARS: usize = 100;

impl ProviderError {
    /// Creates an error of a kind at a provider.
    pub fn new(kind: ProviderErrorKind, provider: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            provider: provider.into(),
            reason: None,
            status: None,
            code: None,
            message: None,
            request_id: None,
            retry_after: None,
            retry_advice: None,
            usage: None,
            cost: None,
            source: None,
        }))
    }

    /// Sets the reason in our own words, which `Display` prints: never text of a provider or user.
    #[must_use]
    pub fn with_reason(mut self, reason: impl Into<Cow<'static, str>>) -> Self {
        self.0.reason = Some(reason.into());
        self
    }

    /// Sets the HTTP status.
    #[must_use]
    pub fn with_status(mut self, status: u16) -> Self {
        self.0.status = Some(status);
        self
    }

    /// Sets the provider's error code; what is no word of a machine is dropped.
    #[must_use]
    pub fn with_code(mut self, code: impl AsRef<str>) -> Self {
        self.0.code = machine_word(code.as_ref());
        self
    }

    /// Sets what the provider said; at most 500 characters are kept.
    #[must_use]
    pub fn with_message(mut self, message: impl AsRef<str>) -> Self {
        let printable = |c: char| if c.is_control() { ' ' } else { c };
        let chars = message.as_ref().chars().map(printable);
        self.0.message = Some(chars.take(MAX_MESSAGE_CHARS).collect());
        self
    }

    /// Sets the provider's id of the request; what is no word of a machine is dropped.
    #[must_use]
    pub fn with_request_id(mut self, id: impl AsRef<str>) -> Self {
        self.0.request_id = machine_word(id.as_ref());
        self
    }

    /// Sets the wait that the provider asks for.
    #[must_use]
    pub fn with_retry_after(mut self, wait: Option<Duration>) -> Self {
        self.0.retry_after = wait;
        self
    }

    /// Sets the provider's own word on whether sending the request again can help.
    #[must_use]
    pub fn with_retry_advice(mut self, advice: Option<bool>) -> Self {
        self.0.retry_advice = advice;
        self
    }

    /// Sets what the failed request may have consumed.
    #[must_use]
    pub fn with_usage(mut self, usage: TokenUsage) -> Self {
        self.0.usage = Some(usage);
        self
    }

    /// Sets what that cost, where the price is known.
    #[must_use]
    pub fn with_cost(mut self, cost: Option<Cost>) -> Self {
        self.0.cost = cost;
        self
    }

    /// Sets the cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Returns the kind.
    pub fn kind(&self) -> ProviderErrorKind {
        self.0.kind
    }

    /// Returns the name of the provider.
    pub fn provider(&self) -> &str {
        &self.0.provider
    }

    /// Returns the reason in our own words, where there is more to say than the kind.
    pub fn reason(&self) -> Option<&str> {
        self.0.reason.as_deref()
    }

    /// Returns the HTTP status, if there was an answer.
    pub fn status(&self) -> Option<u16> {
        self.0.status
    }

    /// Returns the provider's error code, such as `rate_limit_exceeded`.
    pub fn code(&self) -> Option<&str> {
        self.0.code.as_deref()
    }

    /// Returns what the provider said, without keys and signed URLs. It may quote the request, so
    /// it belongs where the conversation may be seen, and into no log.
    pub fn message(&self) -> Option<&str> {
        self.0.message.as_deref()
    }

    /// Returns the provider's id of the request, for its support.
    pub fn request_id(&self) -> Option<&str> {
        self.0.request_id.as_deref()
    }

    /// Returns the wait that the provider asks for.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// Returns the provider's own word on whether to send the request again.
    #[cfg(feature = "http-client")]
    pub(crate) fn retry_advice(&self) -> Option<bool> {
        self.0.retry_advice
    }

    /// Returns what the failed request may have consumed: an estimate, where an answer may have
    /// been generated and lost. `None` where nothing was processed, and for errors of a stream,
    /// whose events tell.
    pub fn usage(&self) -> Option<TokenUsage> {
        self.0.usage
    }

    /// Returns what [`usage`](Self::usage) cost; `None` where it or the price is not known.
    pub fn cost(&self) -> Option<Cost> {
        self.0.cost
    }

    /// Returns whether the provider certainly did not carry the request out: no connection was
    /// made, nothing was sent, or its status says so.
    pub fn is_not_processed(&self) -> bool {
        use ProviderErrorKind as K;
        match self.0.kind {
            K::Connect | K::Config | K::AttemptsExhausted => true,
            K::Timeout(phase) => phase == TimeoutPhase::BeforeSending,
            // The statuses of gateways: the provider behind them may be at work still.
            _ => !matches!(self.0.status, None | Some(200..=399 | 502 | 504)),
        }
    }

    /// Returns whether the same request may succeed later, for a caller that accepts that it may
    /// be carried out twice. See [`is_not_processed`](Self::is_not_processed).
    pub fn is_retryable(&self) -> bool {
        use ProviderErrorKind as K;
        self.0.retry_advice.unwrap_or(matches!(
            self.0.kind,
            K::Connect
                | K::RateLimited
                | K::Overloaded
                | K::Server
                | K::Timeout(_)
                | K::Interrupted
        ))
    }
}

/// A code or an id: letters, digits and a few signs, without spaces.
fn machine_word(text: &str) -> Option<String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | ':' | '/');
    let text = text.trim();
    let is_word = !text.is_empty() && text.len() <= MAX_CODE_CHARS && text.chars().all(fits);
    is_word.then(|| text.to_owned())
}

impl fmt::Display for ProviderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.provider, self.0.kind)?;
        if let Some(reason) = &self.0.reason {
            write!(f, ": {reason}")?;
        }
        let status = self.0.status.map(|status| format!("status {status}"));
        let code = self.0.code.as_ref().map(|code| format!("code {code}"));
        let id = self.0.request_id.as_ref().map(|id| format!("request {id}"));
        let facts: Vec<String> = [status, code, id].into_iter().flatten().collect();
        match facts.as_slice() {
            [] => Ok(()),
            facts => write!(f, " ({})", facts.join(", ")),
        }
    }
}

impl fmt::Debug for ProviderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProviderError")
            .field("kind", &self.0.kind)
            .field("provider", &self.0.provider)
            .field("reason", &self.0.reason)
            .field("status", &self.0.status)
            .field("code", &self.0.code)
            .field("message_bytes", &self.0.message.as_ref().map(String::len))
            .field("request_id", &self.0.request_id)
            .field("retry_after", &self.0.retry_after)
            .field("source", &self.0.source)
            .finish_non_exhaustive()
    }
}

impl Error for ProviderError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_provider_said_is_asked_for() {
        let error = ProviderError::new(ProviderErrorKind::InvalidRequest, "openai")
            .with_status(400)
            .with_code("invalid_value")
            .with_request_id("req_1")
            .with_message("Invalid value: 'my diary'");
        assert_eq!(
            error.to_string(),
            "openai: request rejected as invalid (status 400, code invalid_value, request req_1)"
        );
        assert!(!format!("{error:?}").contains("diary"));
        assert_eq!(error.message(), Some("Invalid value: 'my diary'"));
    }

    #[test]
    fn codes_with_words_are_dropped() {
        let error = ProviderError::new(ProviderErrorKind::Other, "p").with_code("my diary");
        assert_eq!(error.code(), None);
    }

    #[test]
    fn what_was_not_processed_is_certain() {
        use ProviderErrorKind as K;
        let of = |kind| ProviderError::new(kind, "p");
        assert!(of(K::Connect).is_not_processed());
        assert!(of(K::RateLimited).with_status(429).is_not_processed());
        assert!(of(K::Overloaded).with_status(503).is_not_processed());
        assert!(!of(K::Server).with_status(502).is_not_processed());
        assert!(!of(K::Server).with_status(504).is_not_processed());
        assert!(!of(K::Interrupted).is_not_processed());
        let timeout = K::Timeout(TimeoutPhase::BeforeFirstByte);
        assert!(!of(timeout).is_not_processed());
    }
}
