//! What an error means for the request.

use super::api_error::ApiError;
use crate::error::ProviderErrorKind as Kind;
use crate::http::HttpSettings;
use crate::http_provider::{ErrorText, FailedResponse, Refusal, suspects_by_text};
use crate::media::MediaPlan;
use crate::transcript::{Transcript, WirePart};

/// Returns what an answer with an error status means for a request.
pub(super) fn classify(settings: &HttpSettings, failed: &FailedResponse<'_>) -> Refusal {
    let api = ApiError::from_body(failed.body);
    let (status, headers) = (failed.status, failed.headers);
    let is_about_the_request = matches!(status, 400 | 413 | 415 | 422)
        && matches!(
            api.kind(Some(status)),
            Kind::InvalidRequest | Kind::TooLarge
        );
    if !is_about_the_request {
        return Refusal::Final(api.into_error(settings, status, headers));
    }
    if let Some(name) = refused_parameter(&api) {
        let error = api.into_error(settings, status, headers);
        return Refusal::Parameter { name, error };
    }
    match suspects(&api, status, failed.transcript, failed.plan) {
        Some((suspects, certain)) => {
            let kind = match status {
                413 => Kind::TooLarge,
                _ => Kind::MediaRefused,
            };
            let error = api.into_error_of(settings, status, headers, kind);
            Refusal::Media {
                suspects,
                certain,
                error,
            }
        }
        None => Refusal::Final(api.into_error(settings, status, headers)),
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
    if !api.has_code(&[
        "unsupported_parameter",
        "unsupported_value",
        "unknown_parameter",
    ]) {
        return None;
    }
    let name = api.param.as_deref()?;
    TUNING.contains(&name).then(|| name.to_owned())
}

/// The media that an error may mean, and whether that is certain.
fn suspects(
    api: &ApiError,
    status: u16,
    transcript: &Transcript<'_>,
    plan: &MediaPlan,
) -> Option<(Vec<usize>, bool)> {
    let sent: Vec<usize> = (0..plan.len()).filter(|i| plan.is_sent(*i)).collect();
    if sent.is_empty() {
        return None;
    }
    if let Some(position) = api.param.as_deref().and_then(position_of) {
        let media = media_at(transcript, position);
        let media: Vec<usize> = media.into_iter().filter(|i| sent.contains(i)).collect();
        if !media.is_empty() {
            let certain = media.len() == 1;
            return Some((media, certain));
        }
    }
    // An error that names another field mentions media by chance only.
    let is_about_another_field = api.param.as_deref().is_some_and(|param| {
        let param = param.to_lowercase();
        let words = ["messages", "content", "url", "image", "audio", "file"];
        !words.iter().any(|word| param.contains(word))
    });
    let error = ErrorText {
        status,
        code: api.code.as_deref().unwrap_or_default(),
        message: api.message.as_deref().unwrap_or_default(),
        is_about_another_field,
    };
    suspects_by_text(error, plan)
}

/// `messages[2].content[1]...` or `messages.[2].content.[1]...`: message and part.
fn position_of(param: &str) -> Option<(usize, Option<usize>)> {
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
            WirePart::Media { index, .. } => Some(*index),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_read_in_both_spellings() {
        assert_eq!(
            position_of("messages[2].content[1].image_url"),
            Some((2, Some(1)))
        );
        assert_eq!(
            position_of("messages.[2].content.[10]"),
            Some((2, Some(10)))
        );
        assert_eq!(position_of("messages[3]"), Some((3, None)));
        for other in ["tools[0]", "messages", "", "max_tokens"] {
            assert_eq!(position_of(other), None, "{other}");
        }
    }
}
