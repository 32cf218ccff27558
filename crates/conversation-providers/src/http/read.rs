//! Bounded reading of answers.

use bytes::Bytes;
use media_types::base64;

use super::status::response_error;
use crate::answer::{DecodeError, DecodeLimits};
use crate::error::ProviderError;

/// Longest body of an error that is read, in bytes.
const MAX_ERROR_BODY: usize = 64 * 1024;

/// Refuses an answer whose declared length cannot be within its limits, even if half of its base64
/// were escapes.
///
/// # Errors
/// `TooLarge`.
pub(crate) fn check_len(
    response: &reqwest::Response,
    limits: DecodeLimits,
) -> Result<(), DecodeError> {
    let media = base64::encoded_len(limits.max_media as u64).saturating_mul(2);
    let limit = media.saturating_add(limits.max_json as u64);
    match response.content_length() {
        Some(len) if len > limit => Err(DecodeError::TooLarge),
        _ => Ok(()),
    }
}

/// Returns whether an answer comes as server-sent events.
pub(crate) fn is_event_stream(response: &reqwest::Response) -> bool {
    let kind = response.headers().get(reqwest::header::CONTENT_TYPE);
    kind.and_then(|kind| kind.to_str().ok())
        .and_then(|kind| kind.split(';').next())
        .is_some_and(|kind| kind.trim().eq_ignore_ascii_case("text/event-stream"))
}

/// Returns the next chunk of an answer.
///
/// # Errors
/// `Interrupted` when the connection breaks.
pub(crate) async fn next_chunk(
    provider: &'static str,
    response: &mut reqwest::Response,
) -> Result<Option<Bytes>, ProviderError> {
    response
        .chunk()
        .await
        .map_err(|error| response_error(provider, error))
}

/// Returns the start of an error's body, as far as it arrives.
pub(crate) async fn read_error_body(response: &mut reqwest::Response) -> Vec<u8> {
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        let room = MAX_ERROR_BODY - body.len();
        body.extend_from_slice(chunk.get(..room).unwrap_or(&chunk));
        if body.len() >= MAX_ERROR_BODY {
            break;
        }
    }
    body
}
