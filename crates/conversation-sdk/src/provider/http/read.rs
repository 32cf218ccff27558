//! Bounded reading of answers.

use bytes::Bytes;
use media_types::base64;

use super::failure;
use crate::provider::ProviderError;
use crate::provider::answer::intake::{Form, IntakeError};

/// Longest body of an error that is read, in bytes.
pub(crate) const MAX_ERROR_BODY: usize = 64 * 1024;

/// Refuses an answer that says of itself that it cannot be within its limits, be half of its base64
/// escapes.
///
/// # Errors
/// `TooLarge`.
pub(crate) fn check_len(response: &reqwest::Response, form: Form) -> Result<(), IntakeError> {
    let media = base64::encoded_len(form.max_media as u64).saturating_mul(2);
    let most = media.saturating_add(form.max_rest as u64);
    match response.content_length() {
        Some(len) if len > most => Err(IntakeError::TooLarge),
        _ => Ok(()),
    }
}

/// Whether an answer comes as server-sent events.
pub(crate) fn is_events(response: &reqwest::Response) -> bool {
    let kind = response.headers().get(reqwest::header::CONTENT_TYPE);
    kind.and_then(|kind| kind.to_str().ok())
        .and_then(|kind| kind.split(';').next())
        .is_some_and(|kind| kind.trim().eq_ignore_ascii_case("text/event-stream"))
}

/// The next piece of an answer.
///
/// # Errors
/// `Interrupted` when it breaks off.
pub(crate) async fn next(
    provider: &'static str,
    response: &mut reqwest::Response,
) -> Result<Option<Bytes>, ProviderError> {
    response
        .chunk()
        .await
        .map_err(|error| failure::of_answer(provider, error))
}

/// The start of an error's body, as far as it arrives: a body that breaks off still tells
/// something.
pub(crate) async fn start_of_error(response: &mut reqwest::Response) -> Vec<u8> {
    let mut body = Vec::new();
    while let Ok(Some(piece)) = response.chunk().await {
        let room = MAX_ERROR_BODY - body.len();
        body.extend_from_slice(piece.get(..room).unwrap_or(&piece));
        if body.len() >= MAX_ERROR_BODY {
            break;
        }
    }
    body
}
