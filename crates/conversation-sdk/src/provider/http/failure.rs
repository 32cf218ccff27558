//! From what went wrong to a [`ProviderError`].

use std::error::Error;
use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::header::{HeaderMap, RETRY_AFTER};

use crate::provider::{ProviderError, ProviderErrorKind as Kind};

/// A failure before there was an answer.
pub(crate) fn of_transport(provider: &'static str, error: reqwest::Error) -> ProviderError {
    let kind = if error.is_builder() || cause::<rustls::Error>(&error).is_some() {
        Kind::Config
    } else if error.is_connect() {
        Kind::Unreachable
    } else if error.is_timeout() {
        Kind::Timeout
    } else {
        Kind::Interrupted
    };
    // The URL may carry a secret in its query.
    ProviderError::new(kind, provider).with_source(error.without_url())
}

/// A failure in the middle of an answer.
pub(crate) fn of_answer(provider: &'static str, error: reqwest::Error) -> ProviderError {
    let kind = if error.is_timeout() {
        Kind::Timeout
    } else {
        Kind::Interrupted
    };
    ProviderError::new(kind, provider).with_source(error.without_url())
}

/// The kind that a status stands for where nothing more is known.
pub(crate) fn kind_of_status(status: u16) -> Kind {
    match status {
        401 | 403 => Kind::Authentication,
        402 => Kind::Quota,
        408 => Kind::Timeout,
        413 => Kind::TooLarge,
        429 => Kind::RateLimited,
        409 | 425 => Kind::Server,
        400..=499 => Kind::InvalidRequest,
        500..=599 => Kind::Server,
        _ => Kind::InvalidResponse,
    }
}

/// How long the server asks to wait: `retry-after-ms`, or `retry-after` in seconds or as a date.
pub(crate) fn retry_after(headers: &HeaderMap, now: DateTime<Utc>) -> Option<Duration> {
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

/// What a provider said, fit to be shown: without keys, without the bytes of media, without the
/// query of any URL.
pub(crate) fn tame(message: &str, key: &str) -> String {
    let mut text = message.to_owned();
    if key.len() >= 8 {
        text = text.replace(key, "[key]");
    }
    let mut shown = String::with_capacity(text.len().min(1024));
    for word in text.split_inclusive(char::is_whitespace) {
        tame_word(word, &mut shown);
        if shown.len() > 4096 {
            break;
        }
    }
    shown
}

/// Longest run of base64 that is still shown, in characters.
const LONGEST_RUN: usize = 120;

fn tame_word(word: &str, out: &mut String) {
    let end = word.trim_end().len();
    let (word, space) = word.split_at(end);
    if let Some(at) = word.find("data:") {
        out.push_str(&word[..at]);
        out.push_str("[data]");
    } else if let Some(at) = word.find("http://").or_else(|| word.find("https://")) {
        let query = word[at..].find(['?', '#']).map_or(word.len(), |q| at + q);
        out.push_str(&word[..query]);
        if query < word.len() {
            out.push_str("?...");
        }
    } else if let Some(at) = word.find("sk-") {
        out.push_str(&word[..at]);
        out.push_str("[key]");
    } else if word.len() > LONGEST_RUN {
        out.push_str("[...]");
    } else {
        out.push_str(word);
    }
    out.push_str(space);
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

    #[test]
    fn what_a_provider_says_is_shown_without_secrets() {
        let said = "Incorrect key provided: sk-abc***xyz. Bearer topsecret1 failed to fetch \
                    https://bucket.example/a.png?X-Amz-Signature=0123#f (data:image/png;base64,AAAA) end";
        let shown = tame(said, "topsecret1");
        for secret in ["abc***", "topsecret1", "Signature", "AAAA"] {
            assert!(!shown.contains(secret), "{shown}");
        }
        assert!(shown.contains("https://bucket.example/a.png?..."));
        assert!(shown.ends_with(" end"), "{shown}");
        assert_eq!(tame(&"A".repeat(5000), ""), "[...]");
        assert_eq!(tame("plain words", ""), "plain words");
    }
}
