//! Error bodies.

use reqwest::header::HeaderMap;
use serde_json::Value;

use crate::error::{ProviderError, ProviderErrorKind as Kind};
use crate::http::{HttpSettings, kind_of_status, with_headers};

/// What an API says about an error, in any of the shapes that compatible servers use.
#[derive(Debug, Default)]
pub(super) struct ApiError {
    pub(super) message: Option<String>,
    pub(super) code: Option<String>,
    pub(super) param: Option<String>,
    /// The status that the body states.
    pub(super) status: Option<u16>,
}

impl ApiError {
    /// Reads the body of an answer.
    pub(super) fn from_body(body: &[u8]) -> Self {
        match serde_json::from_slice::<Value>(body) {
            Ok(value) => Self::from_value(value.get("error").unwrap_or(&value)),
            Err(_) => Self::from_text(body),
        }
    }

    pub(super) fn from_value(value: &Value) -> Self {
        let word = |name: &str| match value.get(name)? {
            Value::String(text) if !text.is_empty() => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        };
        let number = value.get("code").or_else(|| value.get("status"));
        let status = number
            .and_then(Value::as_u64)
            .and_then(|n| u16::try_from(n).ok())
            .filter(|n| (400..600).contains(n));
        Self {
            message: value
                .as_str()
                .map(str::to_owned)
                .or_else(|| word("message"))
                .or_else(|| word("detail"))
                .or_else(|| word("error")),
            code: word("code").or_else(|| word("type")),
            param: word("param"),
            status,
        }
    }

    /// Plain text is worth keeping; the page of a proxy is not.
    fn from_text(body: &[u8]) -> Self {
        let text = String::from_utf8_lossy(body);
        let text = text.trim();
        let is_page = text.starts_with('<');
        Self {
            message: (!is_page && !text.is_empty()).then(|| text.chars().take(500).collect()),
            ..Self::default()
        }
    }

    pub(super) fn has_code(&self, codes: &[&str]) -> bool {
        self.code
            .as_deref()
            .is_some_and(|code| codes.contains(&code))
    }

    fn says(&self, phrases: &[&str]) -> bool {
        let message = self.message.as_deref().unwrap_or_default().to_lowercase();
        phrases.iter().any(|phrase| message.contains(phrase))
    }

    pub(super) fn kind(&self, status: Option<u16>) -> Kind {
        const QUOTA: [&str; 3] = [
            "insufficient_quota",
            "billing_hard_limit_reached",
            "billing_not_active",
        ];
        const FILTER: [&str; 5] = [
            "content_filter",
            "image_content_policy_violation",
            "content_policy_violation",
            "moderation_blocked",
            "responsible_ai_policy_violation",
        ];
        const CONTEXT: [&str; 4] = [
            "maximum context length",
            "context window",
            "context length",
            "prompt is too long",
        ];
        if self.has_code(&QUOTA) {
            return Kind::Quota;
        }
        if self.has_code(&FILTER) {
            return Kind::Refused;
        }
        if self.has_code(&["context_length_exceeded", "exceed_context_size_error"]) {
            return Kind::ContextLength;
        }
        if self.has_code(&["model_not_found"]) {
            return Kind::NotFound;
        }
        match status {
            Some(400 | 413 | 422) if self.says(&CONTEXT) => Kind::ContextLength,
            Some(status) => kind_of_status(status),
            // An answer that failed after it had begun.
            None if self.has_code(&["rate_limit_exceeded"]) => Kind::RateLimited,
            None if self.has_code(&["invalid_prompt"]) => Kind::InvalidRequest,
            None if self
                .code
                .as_deref()
                .is_some_and(|code| code.contains("image")) =>
            {
                Kind::MediaRefused
            }
            None => Kind::Server,
        }
    }

    /// Returns the error of an answer with a status.
    pub(super) fn into_error(
        self,
        settings: &HttpSettings,
        status: u16,
        headers: &HeaderMap,
    ) -> ProviderError {
        let kind = self.kind(Some(status));
        self.into_error_of(settings, status, headers, kind)
    }

    /// Returns the error of an answer with a status, of a kind that is known.
    pub(super) fn into_error_of(
        self,
        settings: &HttpSettings,
        status: u16,
        headers: &HeaderMap,
        kind: Kind,
    ) -> ProviderError {
        let error = settings.error(kind).with_status(status);
        self.describe(with_headers(error, headers), settings)
    }

    /// Returns the error of an answer that was a success by its status.
    pub(super) fn into_hidden_error(self, settings: &HttpSettings) -> ProviderError {
        let error = settings.error(self.kind(self.status));
        let error = match self.status {
            Some(status) => error.with_status(status),
            None => error,
        };
        self.describe(error, settings)
    }

    fn describe(&self, error: ProviderError, settings: &HttpSettings) -> ProviderError {
        settings.describe(error, self.code.as_deref(), self.message.as_deref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(body: &str, status: u16) -> ProviderError {
        let settings = HttpSettings::new("openai", "key", "https://h");
        ApiError::from_body(body.as_bytes()).into_error(&settings, status, &HeaderMap::new())
    }

    #[test]
    fn error_bodies_of_many_shapes_are_read() {
        for (body, message, code) in [
            (
                r#"{"error":{"message":"m","type":"t","param":null,"code":"c"}}"#,
                Some("m"),
                Some("c"),
            ),
            (
                r#"{"error":{"message":"m","type":"t","code":null}}"#,
                Some("m"),
                Some("t"),
            ),
            (r#"{"error":"m"}"#, Some("m"), None),
            (r#"{"message":"m","code":429}"#, Some("m"), Some("429")),
            (r#"{"detail":"m"}"#, Some("m"), None),
            ("plain words", Some("plain words"), None),
            ("<html><body>502</body></html>", None, None),
            ("", None, None),
            ("[1,2]", None, None),
            ("null", None, None),
        ] {
            let error = ApiError::from_body(body.as_bytes());
            assert_eq!(error.message.as_deref(), message, "{body}");
            assert_eq!(error.code.as_deref(), code, "{body}");
        }
    }

    #[test]
    fn codes_and_texts_say_more_than_a_status() {
        let with_code = |code: &str| format!(r#"{{"error":{{"message":"m","code":"{code}"}}}}"#);
        for (body, status, kind) in [
            (with_code("insufficient_quota"), 429, Kind::Quota),
            ("{}".to_owned(), 429, Kind::RateLimited),
            (
                with_code("context_length_exceeded"),
                400,
                Kind::ContextLength,
            ),
            (
                r#"{"message":"This model's maximum context length is 8 tokens"}"#.to_owned(),
                400,
                Kind::ContextLength,
            ),
            (with_code("content_policy_violation"), 400, Kind::Refused),
            (with_code("moderation_blocked"), 400, Kind::Refused),
            (with_code("model_not_found"), 400, Kind::NotFound),
            ("{}".to_owned(), 529, Kind::Overloaded),
        ] {
            assert_eq!(error(&body, status).kind(), kind, "{body} {status}");
        }
        let quota = error(&with_code("insufficient_quota"), 429);
        assert!(!quota.is_retryable());
    }
}
