//! What an error means for the request.

use super::api_error::ApiError;
use crate::error::ProviderErrorKind as Kind;
use crate::http::HttpSettings;
use crate::http_provider::{ErrorText, FailedResponse, Refusal, suspects_by_text};

/// Returns what an answer with an error status means for a request.
pub(super) fn classify(settings: &HttpSettings, failed: &FailedResponse<'_>) -> Refusal {
    classify_by(settings, failed, &TUNING)
}

/// Returns what an answer with an error status means for a request of images.
pub(super) fn classify_images(settings: &HttpSettings, failed: &FailedResponse<'_>) -> Refusal {
    classify_by(settings, failed, &DELIVERY)
}

fn classify_by(settings: &HttpSettings, failed: &FailedResponse<'_>, optional: &[&str]) -> Refusal {
    let api = ApiError::from_body(failed.body);
    let (status, headers) = (failed.status, failed.headers);
    let is_about_the_request = matches!(status, 400 | 413 | 415 | 422)
        && matches!(
            api.kind(Some(status)),
            Kind::InvalidRequest | Kind::TooLarge
        );
    if matches!(status, 400 | 404) && (names_audio(&api) || misses_items(&api)) {
        return Refusal::Signatures(api.into_error(settings, status, headers));
    }
    if !is_about_the_request {
        return Refusal::Final(api.into_error(settings, status, headers));
    }
    if let Some(name) = refused_parameter(&api, optional) {
        let error = api.into_error(settings, status, headers);
        return Refusal::Parameter { name, error };
    }
    if api.has_code(&["invalid_encrypted_content"]) {
        return Refusal::Signatures(api.into_error(settings, status, headers));
    }
    match suspects(&api, failed) {
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

/// Whether an error is about audio of an earlier answer, which the provider may have forgotten.
fn names_audio(api: &ApiError) -> bool {
    let param = api.param.as_deref().unwrap_or_default();
    let message = api.message.as_deref().unwrap_or_default();
    param.contains(".audio") && !param.contains("input_audio") || message.contains("'audio_")
}

/// Whether an error is about items of earlier answers: one without the reasoning that it came with, or one
/// that the provider knows no more.
fn misses_items(api: &ApiError) -> bool {
    let message = api.message.as_deref().unwrap_or_default();
    message.contains("without its required") || message.contains("Items are not persisted")
}

/// Parameters that tune an answer: without them it comes all the same.
const TUNING: [&str; 15] = [
    "temperature",
    "top_p",
    "top_k",
    "presence_penalty",
    "frequency_penalty",
    "max_tokens",
    "max_completion_tokens",
    "max_output_tokens",
    "logprobs",
    "top_logprobs",
    "logit_bias",
    "seed",
    "stop",
    "parallel_tool_calls",
    "stream_options",
];

/// Parameters of images that say how they are delivered: without them the same images come all the same.
const DELIVERY: [&str; 4] = ["stream", "partial_images", "response_format", "user"];

fn refused_parameter(api: &ApiError, optional: &[&str]) -> Option<String> {
    // Models without reasoning say in many ways that they have none to give.
    if api.param.as_deref() == Some("include") {
        return Some("include".to_owned());
    }
    if !api.has_code(&[
        "unsupported_parameter",
        "unsupported_value",
        "unknown_parameter",
    ]) {
        return None;
    }
    let name = api.param.as_deref()?;
    optional.contains(&name).then(|| name.to_owned())
}

/// The media that an error may mean, and whether that is certain.
fn suspects(api: &ApiError, failed: &FailedResponse<'_>) -> Option<(Vec<usize>, bool)> {
    if failed.plan.sent() == 0 {
        return None;
    }
    if let Some(param) = api.param.as_deref() {
        // `messages[2].content[1].image_url`, also `messages.[2].content.[1]`.
        let steps = param.split(['.', '[', ']']).filter(|step| !step.is_empty());
        let steps: Vec<&str> = steps.collect();
        let mut media = match steps.first() {
            Some(&("messages" | "input")) if steps.len() > 1 => (failed.media_at)(&steps),
            _ => Vec::new(),
        };
        media.retain(|index| failed.plan.is_sent(*index));
        if !media.is_empty() {
            let certain = media.len() == 1;
            return Some((media, certain));
        }
    }
    // An error that names another field mentions media by chance only.
    let is_about_another_field = api.param.as_deref().is_some_and(|param| {
        let param = param.to_lowercase();
        let words = [
            "messages", "input", "content", "url", "image", "audio", "file",
        ];
        !words.iter().any(|word| param.contains(word))
    });
    let error = ErrorText {
        status: failed.status,
        code: api.code.as_deref().unwrap_or_default(),
        message: api.message.as_deref().unwrap_or_default(),
        is_about_another_field,
    };
    suspects_by_text(error, failed.plan)
}
