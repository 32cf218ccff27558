//! Error bodies, and what follows from them.

use media_types::MediaType;
use reqwest::header::HeaderMap;
use serde_json::Value;

use super::NAME;
use crate::provider::http::client::Settings;
use crate::provider::http::failure::{kind_of_status, retry_after, tame};
use crate::provider::media::{MediaForm, MediaPlan, MediaSendError};
use crate::provider::wire::{Transcript, WirePart};
use crate::provider::{ProviderError, ProviderErrorKind as Kind};

/// Why an attempt failed, as far as the next one can be a better one.
#[derive(Debug)]
pub(super) enum Failure {
    /// Nothing to change about the request.
    Plain(ProviderError),
    /// A medium could not be read while the body was sent.
    Media(MediaSendError),
    /// The provider refuses media.
    Refused {
        /// Which.
        media: Vec<usize>,
        /// Whether it is certain that these are to blame.
        named: bool,
        error: ProviderError,
    },
    /// The provider does not take a parameter with this model.
    Parameter { name: String, error: ProviderError },
}

impl From<ProviderError> for Failure {
    fn from(error: ProviderError) -> Self {
        Self::Plain(error)
    }
}

impl Failure {
    pub(super) fn into_error(self) -> ProviderError {
        match self {
            Self::Media(failed) => ProviderError::new(Kind::Media, NAME).with_source(failed),
            Self::Plain(error) | Self::Refused { error, .. } | Self::Parameter { error, .. } => {
                error
            }
        }
    }
}

/// What an API says about an error, in any of the forms that compatible servers use.
#[derive(Debug, Default)]
pub(super) struct ApiError {
    pub(super) message: Option<String>,
    pub(super) code: Option<String>,
    pub(super) param: Option<String>,
    pub(super) status: Option<u16>,
}

impl ApiError {
    /// From the body of an answer.
    pub(super) fn from_body(body: &[u8]) -> Self {
        match serde_json::from_slice::<Value>(body) {
            Ok(value) => Self::from_value(value.get("error").unwrap_or(&value)),
            Err(_) => Self::from_words(body),
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

    /// Plain words are worth showing; the page of a proxy is not.
    fn from_words(body: &[u8]) -> Self {
        let text = String::from_utf8_lossy(body);
        let text = text.trim();
        let is_page = text.starts_with('<');
        Self {
            message: (!is_page && !text.is_empty()).then(|| text.chars().take(500).collect()),
            ..Self::default()
        }
    }

    fn is_code(&self, codes: &[&str]) -> bool {
        self.code
            .as_deref()
            .is_some_and(|code| codes.contains(&code))
    }

    /// As an error of the provider.
    pub(super) fn into_error(self, settings: &Settings, status: u16) -> ProviderError {
        let kind = if self.is_code(&["insufficient_quota", "billing_hard_limit_reached"]) {
            Kind::Quota
        } else {
            kind_of_status(status)
        };
        self.of_kind(settings, status, kind)
    }

    fn of_kind(self, settings: &Settings, status: u16, kind: Kind) -> ProviderError {
        let error = settings.error(kind).with_status(status);
        match self.message {
            Some(message) => error.with_message(tame(&message, settings.key.expose())),
            None => error,
        }
    }
}

/// What an answer that is no success means for a request.
pub(super) fn classify(
    settings: &Settings,
    status: u16,
    headers: &HeaderMap,
    body: &[u8],
    transcript: &Transcript<'_>,
    plan: &MediaPlan,
) -> Failure {
    let api = ApiError::from_body(body);
    let wait = retry_after(headers, chrono::Utc::now());
    if !matches!(status, 400 | 413 | 415 | 422) {
        return Failure::Plain(api.into_error(settings, status).with_retry_after(wait));
    }
    if let Some(name) = refused_parameter(&api) {
        let error = api.into_error(settings, status);
        return Failure::Parameter { name, error };
    }
    match refused_media(&api, status, transcript, plan) {
        Some((media, named)) => {
            let kind = if status == 413 {
                Kind::TooLarge
            } else {
                Kind::MediaRefused
            };
            let error = api.of_kind(settings, status, kind);
            Failure::Refused {
                media,
                named,
                error,
            }
        }
        None => Failure::Plain(api.into_error(settings, status).with_retry_after(wait)),
    }
}

/// Parameters that tune an answer: without them it comes all the same.
const TUNING: [&str; 14] = [
    "temperature",
    "top_p",
    "top_k",
    "presence_penalty",
    "frequency_penalty",
    "max_tokens",
    "max_completion_tokens",
    "logprobs",
    "top_logprobs",
    "logit_bias",
    "seed",
    "stop",
    "parallel_tool_calls",
    "stream_options",
];

fn refused_parameter(api: &ApiError) -> Option<String> {
    if !api.is_code(&[
        "unsupported_parameter",
        "unsupported_value",
        "unknown_parameter",
    ]) {
        return None;
    }
    let name = api.param.as_deref()?;
    TUNING.contains(&name).then(|| name.to_owned())
}

/// Which media an error speaks of, and whether that is certain.
fn refused_media(
    api: &ApiError,
    status: u16,
    transcript: &Transcript<'_>,
    plan: &MediaPlan,
) -> Option<(Vec<usize>, bool)> {
    let sent: Vec<usize> = (0..plan.len()).filter(|i| plan.is_sent(*i)).collect();
    if sent.is_empty() {
        return None;
    }
    if let Some(place) = api.param.as_deref().and_then(place_of) {
        let media = media_at(transcript, place);
        let media: Vec<usize> = media.into_iter().filter(|i| sent.contains(i)).collect();
        if !media.is_empty() {
            let certain = media.len() == 1;
            return Some((media, certain));
        }
    }
    let said = api.message.as_deref().unwrap_or_default();
    let by_url: Vec<usize> = sent
        .iter()
        .copied()
        .filter(|index| match plan.get(*index) {
            Some((_, MediaForm::Url(url))) => said.contains(url.as_str()),
            _ => false,
        })
        .collect();
    if !by_url.is_empty() {
        return Some((by_url, true));
    }
    // An error that names another field speaks of media by chance only.
    let elsewhere = api.param.as_deref().is_some_and(|param| {
        let param = param.to_lowercase();
        let words = ["messages", "content", "url", "image", "audio", "file"];
        !words.iter().any(|word| param.contains(word))
    });
    if let Some(kind) = kind_spoken_of(api).filter(|_| !elsewhere) {
        let of_kind: Vec<usize> = sent
            .iter()
            .copied()
            .filter(|index| {
                plan.get(*index)
                    .is_some_and(|(content, _)| content.media_type() == kind)
            })
            .collect();
        if !of_kind.is_empty() {
            let certain = of_kind.len() == 1;
            return Some((of_kind, certain));
        }
    }
    // A request that is too large as a whole: without its largest medium it may not be.
    let largest = || sent.iter().copied().max_by_key(|index| plan.size(*index));
    (status == 413).then(|| (largest().into_iter().collect(), false))
}

/// `messages[2].content[1]...` or `messages.[2].content.[1]...`: message and part.
fn place_of(param: &str) -> Option<(usize, Option<usize>)> {
    let number = |text: &str| -> Option<usize> {
        let digits: String = text
            .chars()
            .skip_while(|c| !c.is_ascii_digit())
            .take_while(char::is_ascii_digit)
            .collect();
        digits.parse().ok()
    };
    let rest = param.strip_prefix("messages")?;
    let (message, part) = match rest.split_once("content") {
        Some((message, part)) => (message, number(part)),
        None => (rest, None),
    };
    Some((number(message)?, part))
}

fn media_at(transcript: &Transcript<'_>, (message, part): (usize, Option<usize>)) -> Vec<usize> {
    let Some(message) = transcript.messages.get(message) else {
        return Vec::new();
    };
    let parts = message.parts.iter().enumerate();
    parts
        .filter(|(at, _)| part.is_none_or(|part| part == *at))
        .filter_map(|(_, part)| match part {
            WirePart::Media(index) => Some(*index),
            WirePart::Text(_) => None,
        })
        .collect()
}

/// The kind of media that an error speaks of.
fn kind_spoken_of(api: &ApiError) -> Option<MediaType> {
    let code = api.code.as_deref().unwrap_or_default().to_lowercase();
    let said = api.message.as_deref().unwrap_or_default().to_lowercase();
    let complaint = [
        "invalid",
        "unsupport",
        "not support",
        "could not",
        "cannot",
        "unable",
        "fail",
        "too large",
        "exceed",
        "corrupt",
        "download",
        "not valid",
        "malformed",
        "does not represent",
    ]
    .iter()
    .any(|word| said.contains(word));
    let kinds = [
        (MediaType::Image, "image"),
        (MediaType::Audio, "audio"),
        (MediaType::Document, "file"),
        (MediaType::Document, "pdf"),
    ];
    let by_code = kinds.iter().find(|(_, word)| code.contains(word));
    let by_words = || {
        kinds
            .iter()
            .find(|(_, word)| complaint && said.contains(word))
    };
    by_code.or_else(by_words).map(|(kind, _)| *kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_bodies_of_many_forms_are_read() {
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
    fn places_are_read_in_both_spellings() {
        assert_eq!(
            place_of("messages[2].content[1].image_url"),
            Some((2, Some(1)))
        );
        assert_eq!(place_of("messages.[2].content.[10]"), Some((2, Some(10))));
        assert_eq!(place_of("messages[3]"), Some((3, None)));
        for other in ["tools[0]", "messages", "", "max_tokens"] {
            assert_eq!(place_of(other), None, "{other}");
        }
    }

    #[test]
    fn no_quota_is_not_too_many_requests() {
        let settings = Settings::new("openai", "key", "https://h");
        let body = br#"{"error":{"message":"m","type":"insufficient_quota","param":null,"code":"insufficient_quota"}}"#;
        let error = ApiError::from_body(body).into_error(&settings, 429);
        assert_eq!(error.kind(), Kind::Quota);
        assert!(!error.is_retryable());
        let other = ApiError::from_body(b"{}").into_error(&settings, 429);
        assert_eq!(other.kind(), Kind::RateLimited);
    }
}
