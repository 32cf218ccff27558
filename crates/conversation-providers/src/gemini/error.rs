//! Error bodies, and what they mean for the request.

use std::time::Duration;

use reqwest::header::HeaderMap;
use serde_json::Value;

use crate::error::{ProviderError, ProviderErrorKind as Kind};
use crate::http::{HttpSettings, kind_of_status, with_headers};
use crate::http_provider::{ErrorText, FailedResponse, Refusal, suspects_by_text};

/// What the API says about an error.
#[derive(Debug, Default)]
pub(super) struct ApiError {
    /// The name of the status: `INVALID_ARGUMENT`, `RESOURCE_EXHAUSTED`, ...
    name: String,
    message: Option<String>,
    /// The reason within the status, such as `API_KEY_INVALID`.
    reason: Option<String>,
    /// The HTTP status that the body states.
    status: Option<u16>,
    /// The fields that are refused: `contents[0].parts[1]`.
    fields: Vec<String>,
    retry_after: Option<Duration>,
    /// Whether a quota of a day is used up.
    is_daily: bool,
}

impl ApiError {
    fn from_body(body: &[u8]) -> Self {
        let value = serde_json::from_slice::<Value>(body).unwrap_or_default();
        // Streams that are not asked for as events are one array.
        let value = value.get(0).unwrap_or(&value);
        Self::from_value(value.get("error").unwrap_or(value))
    }

    pub(super) fn from_value(value: &Value) -> Self {
        let text = |value: &Value, name: &str| {
            let text = value.get(name).and_then(Value::as_str);
            text.filter(|text| !text.is_empty()).map(str::to_owned)
        };
        let code = value.get("code").and_then(Value::as_u64);
        let code = code.and_then(|code| u16::try_from(code).ok());
        let mut error = Self {
            name: text(value, "status").unwrap_or_default(),
            message: text(value, "message"),
            status: code.filter(|code| (400..600).contains(code)),
            ..Self::default()
        };
        let details = value.get("details").and_then(Value::as_array);
        for detail in details.into_iter().flatten() {
            error.reason = text(detail, "reason").or(error.reason);
            if let Some(delay) = text(detail, "retryDelay") {
                let seconds = delay.trim_end_matches('s').parse::<f64>().ok();
                error.retry_after = seconds.and_then(|s| Duration::try_from_secs_f64(s).ok());
            }
            let of = |name: &str| detail.get(name).and_then(Value::as_array);
            for violation in of("fieldViolations").into_iter().flatten() {
                error.fields.extend(text(violation, "field"));
            }
            error.is_daily |= of("violations").into_iter().flatten().any(|violation| {
                text(violation, "quotaId").is_some_and(|id| id.contains("PerDay"))
            });
        }
        error
    }

    fn says(&self, phrases: &[&str]) -> bool {
        let message = self.message.as_deref().unwrap_or_default().to_lowercase();
        phrases.iter().any(|phrase| message.contains(phrase))
    }

    fn kind(&self, status: Option<u16>) -> Kind {
        const CONTEXT: [&str; 2] = ["exceeds the maximum number of tokens", "input token count"];
        let is_key = self.reason.as_deref() == Some("API_KEY_INVALID");
        match self.name.as_str() {
            _ if is_key || self.says(&["api key not valid", "api key expired"]) => {
                Kind::Authentication
            }
            "INVALID_ARGUMENT" if self.says(&CONTEXT) => Kind::ContextLength,
            // Gateways give these names to errors of any status.
            "INVALID_ARGUMENT" | "FAILED_PRECONDITION" | "OUT_OF_RANGE" => match status {
                None | Some(400) => Kind::InvalidRequest,
                Some(status) => kind_of_status(status),
            },
            "UNAUTHENTICATED" | "PERMISSION_DENIED" => Kind::Authentication,
            "NOT_FOUND" => Kind::NotFound,
            "RESOURCE_EXHAUSTED" if self.is_daily => Kind::Quota,
            "RESOURCE_EXHAUSTED" => Kind::RateLimited,
            "UNAVAILABLE" => Kind::Overloaded,
            "INTERNAL" | "UNKNOWN" | "DEADLINE_EXCEEDED" | "ABORTED" => Kind::Server,
            _ => status.map_or(Kind::Server, kind_of_status),
        }
    }

    fn into_error(
        self,
        settings: &HttpSettings,
        status: u16,
        headers: &HeaderMap,
        kind: Kind,
    ) -> ProviderError {
        let error = with_headers(settings.error(kind).with_status(status), headers);
        let asked = error.retry_after().or(self.retry_after);
        self.describe(error.with_retry_after(asked), settings)
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
        let code = self.reason.as_deref().unwrap_or(&self.name);
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
    if api.says(&["thought signature", "thought_signature"]) {
        return Refusal::Signatures(api.into_error(settings, status, headers, kind));
    }
    let mut named: Vec<usize> = api
        .fields
        .iter()
        .flat_map(|field| {
            let steps = field.split(['.', '[', ']']).filter(|step| !step.is_empty());
            (failed.media_at)(&steps.collect::<Vec<_>>())
        })
        .filter(|index| failed.plan.is_sent(*index))
        .collect();
    named.sort_unstable();
    named.dedup();
    let text = ErrorText {
        status,
        code: "",
        message: api.message.as_deref().unwrap_or_default(),
        is_about_another_field: named.is_empty() && !api.fields.is_empty(),
    };
    let found = match named.as_slice() {
        [] => suspects_by_text(text, failed.plan),
        one_or_more => Some((named.clone(), one_or_more.len() == 1)),
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
