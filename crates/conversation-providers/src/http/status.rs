//! From what failed to a [`ProviderError`].

use std::error::Error;
use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::header::{HeaderMap, RETRY_AFTER};

use crate::error::{ProviderError, ProviderErrorKind as Kind};

/// A failure before there was an answer.
pub(crate) fn transport_error(provider: &'static str, error: reqwest::Error) -> ProviderError {
    let kind = if error.is_builder() || cause::<rustls::Error>(&error).is_some() {
        Kind::Config
    } else if error.is_connect() {
        Kind::Connect
    } else {
        Kind::Interrupted
    };
    // The URL may carry a secret in its query.
    ProviderError::new(kind, provider).with_source(error.without_url())
}

/// A failure in the middle of an answer.
pub(crate) fn response_error(provider: &'static str, error: reqwest::Error) -> ProviderError {
    ProviderError::new(Kind::Interrupted, provider).with_source(error.without_url())
}

/// The kind that a status stands for where nothing more is known.
pub(crate) fn kind_of_status(status: u16) -> Kind {
    match status {
        401 | 403 => Kind::Authentication,
        402 => Kind::Quota,
        404 => Kind::NotFound,
        413 => Kind::TooLarge,
        429 => Kind::RateLimited,
        503 | 529 => Kind::Overloaded,
        408 | 409 | 425 | 500..=599 => Kind::Server,
        400..=499 => Kind::InvalidRequest,
        _ => Kind::InvalidResponse,
    }
}

/// Adds what the headers of an answer say: request id, wait, and whether to retry.
pub(crate) fn with_headers(error: ProviderError, headers: &HeaderMap) -> ProviderError {
    let text = |name: &str| headers.get(name)?.to_str().ok().map(str::trim);
    let advice = match text("x-should-retry") {
        Some("true") => Some(true),
        Some("false") => Some(false),
        _ => None,
    };
    let error = error
        .with_retry_after(retry_after(headers, Utc::now()))
        .with_retry_advice(advice);
    match text("x-request-id").or_else(|| text("request-id")) {
        Some(id) => error.with_request_id(id),
        None => error,
    }
}

/// The wait that the server asks for: `retry-after-ms`, or `retry-after` in seconds or as a date.
fn retry_after(headers: &HeaderMap, now: DateTime<Utc>) -> Option<Duration> {
    let text = |name: &str| headers.get(name)?.to_str().ok().map(str::trim);
    if let Some(millis) = text("retry-after-ms").and_then(|text| text.parse::<f64>().ok()) {
        return Duration::try_from_secs_f64(millis / 1000.0).ok();
    }
    let asked = text(RETRY_AFTER.as_str())?;
    if let Ok(seconds) = asked.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let at = DateTime::parse_from_rfc2822(asked).ok()?;
    // A date in the past asks for no wait.
    Some((at.with_timezone(&Utc) - now).to_std().unwrap_or_default())
}

/// The cause of a kind, where there is one. Causes inside of I/O errors are looked at too; they
/// are not part of the chain of sources.
fn cause<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<T>() {
            return Some(found);
        }
        let inside = error
            .downcast_ref::<std::io::Error>()
            .and_then(std::io::Error::get_ref);
        next = match inside {
            Some(inside) => Some(inside),
            None => error.source(),
        };
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::HeaderValue;

    #[test]
    fn waits_are_read_in_every_form() {
        let now: DateTime<Utc> = "2026-01-02T03:04:05Z".parse().unwrap();
        let wait = |name: &'static str, value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, HeaderValue::from_str(value).unwrap());
            retry_after(&headers, now)
        };
        assert_eq!(wait("retry-after", "2"), Some(Duration::from_secs(2)));
        assert_eq!(
            wait("retry-after", " 0.5 "),
            Some(Duration::from_millis(500))
        );
        assert_eq!(
            wait("retry-after-ms", "250"),
            Some(Duration::from_millis(250))
        );
        assert_eq!(
            wait("retry-after", "Fri, 02 Jan 2026 03:04:35 GMT"),
            Some(Duration::from_secs(30))
        );
        assert_eq!(
            wait("retry-after", "Thu, 01 Jan 2026 00:00:00 GMT"),
            Some(Duration::ZERO)
        );
        for bad in ["-1", "soon", "NaN", "inf", ""] {
            assert_eq!(wait("retry-after", bad), None, "{bad}");
        }
    }
}
