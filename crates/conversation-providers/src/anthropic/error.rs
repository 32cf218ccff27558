//! Error bodies, and what they mean for the request.

use reqwest::header::HeaderMap;
use serde_json::Value;

use crate::error::{ProviderError, ProviderErrorKind as Kind};
use crate::http::{HttpSettings, kind_of_status, with_headers};
use crate::http_provider::{ErrorText, FailedResponse, Refusal, suspects_by_text};

/// What the API says about an error.
#[derive(Debug, Default)]
pub(super) struct ApiError {
    kind: String,
    message: Option<String>,
    /// The code within the type, such as `image_dimensions_too_large`.
    code: Option<String>,
    /// The blocks that the error is about: `messages.0.content.1`.
    paths: Vec<String>,
}

impl ApiError {
    fn from_body(body: &[u8]) -> Self {
        match serde_json::from_slice::<Value>(body) {
            Ok(value) => Self::from_value(value.get("error").unwrap_or(&value)),
            Err(_) => Self::default(),
        }
    }

    pub(super) fn from_value(value: &Value) -> Self {
        let text = |pointer: &str| {
            let text = value.pointer(pointer).and_then(Value::as_str);
            text.filter(|text| !text.is_empty()).map(str::to_owned)
        };
        let paths = value.pointer("/details/paths").and_then(Value::as_array);
        let paths = paths.into_iter().flatten();
        let mut paths: Vec<String> = paths
            .filter_map(|path| path.as_str().map(str::to_owned))
            .collect();
        let message = text("/message");
        // Older errors begin with the path.
        let start = message
            .as_deref()
            .and_then(|message| message.split_once(':'));
        if let Some((start, _)) = start.filter(|(start, _)| start.starts_with("messages.")) {
            paths.push(start.to_owned());
        }
        Self {
            kind: text("/type").unwrap_or_default(),
            message,
            code: text("/details/error_code"),
            paths,
        }
    }

    fn kind(&self, status: Option<u16>) -> Kind {
        let message = self.message.as_deref().unwrap_or_default().to_lowercase();
        let is_too_long = ["prompt is too long", "context window", "context length"]
            .iter()
            .any(|phrase| message.contains(phrase));
        match (self.kind.as_str(), status) {
            _ if self.has_code("storage_quota_exceeded") => Kind::Quota,
            _ if self.has_code("request_body_too_large_after_decoding") => Kind::TooLarge,
            ("invalid_request_error", _) if is_too_long => Kind::ContextLength,
            ("invalid_request_error", _) if message.contains("credit balance") => Kind::Quota,
            ("invalid_request_error", _) => Kind::InvalidRequest,
            ("authentication_error" | "permission_error", _) => Kind::Authentication,
            ("billing_error", _) => Kind::Quota,
            ("not_found_error", _) => Kind::NotFound,
            ("request_too_large", _) => Kind::TooLarge,
            ("rate_limit_error", _) => Kind::RateLimited,
            ("overloaded_error", _) => Kind::Overloaded,
            ("api_error", _) => Kind::Server,
            (_, Some(status)) => kind_of_status(status),
            (_, None) => Kind::Server,
        }
    }

    fn has_code(&self, code: &str) -> bool {
        self.code.as_deref() == Some(code)
    }

    /// Whether thinking is that of another conversation or account, or was changed.
    fn is_about_signatures(&self) -> bool {
        let message = self.message.as_deref().unwrap_or_default().to_lowercase();
        self.has_code("compaction_signature_invalid")
            || message.contains("bound to a different conversation")
            || message.contains("signature") && message.contains("thinking")
    }

    fn into_error(
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
        let error = settings.error(self.kind(None));
        self.describe(error, settings)
    }

    fn describe(&self, error: ProviderError, settings: &HttpSettings) -> ProviderError {
        let code = self.code.as_deref().unwrap_or(&self.kind);
        settings.describe(error, Some(code), self.message.as_deref())
    }
}

/// Returns what an answer with an error status means for a request.
pub(super) fn classify(settings: &HttpSettings, failed: &FailedResponse<'_>) -> Refusal {
    let api = ApiError::from_body(failed.body);
    let (status, headers) = (failed.status, failed.headers);
    let kind = api.kind(Some(status));
    if !matches!(kind, Kind::InvalidRequest | Kind::TooLarge) {
        return Refusal::Final(api.into_error(settings, status, headers, kind));
    }
    if api.is_about_signatures() {
        return Refusal::Signatures(api.into_error(settings, status, headers, kind));
    }
    let mut named: Vec<usize> = api
        .paths
        .iter()
        .flat_map(|path| (failed.media_at)(&path.split('.').collect::<Vec<_>>()))
        .filter(|index| failed.plan.is_sent(*index))
        .collect();
    named.sort_unstable();
    named.dedup();
    let text = ErrorText {
        status,
        code: api.code.as_deref().unwrap_or_default(),
        message: api.message.as_deref().unwrap_or_default(),
        is_about_another_field: false,
    };
    let found = match named.as_slice() {
        [] => suspects_by_text(text, failed.plan),
        _ => Some((named, true)),
    };
    let Some((suspects, certain)) = found else {
        return Refusal::Final(api.into_error(settings, status, headers, kind));
    };
    let kind = match kind {
        Kind::TooLarge => Kind::TooLarge,
        _ => Kind::MediaRefused,
    };
    Refusal::Media {
        suspects,
        certain,
        error: api.into_error(settings, status, headers, kind),
    }
}
