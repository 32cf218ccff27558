//! Bounded reading of answers.

use bytes::{Bytes, BytesMut};

use super::failure;
use crate::provider::{ProviderError, ProviderErrorKind};

/// Longest body of an error that is read, in bytes.
pub(crate) const MAX_ERROR_BODY: usize = 64 * 1024;

/// Reads a whole answer.
///
/// # Errors
/// `InvalidResponse` above `limit` bytes; `Interrupted` when it breaks off.
pub(crate) async fn whole(
    provider: &'static str,
    mut response: reqwest::Response,
    limit: usize,
) -> Result<Bytes, ProviderError> {
    let too_large = || {
        ProviderError::new(ProviderErrorKind::InvalidResponse, provider)
            .with_message(format!("the answer is larger than {limit} bytes"))
    };
    if response
        .content_length()
        .is_some_and(|len| len > limit as u64)
    {
        return Err(too_large());
    }
    let mut first = Bytes::new();
    let mut all = BytesMut::new();
    while let Some(piece) = next(provider, &mut response).await? {
        if first.len() + all.len() + piece.len() > limit {
            return Err(too_large());
        }
        if first.is_empty() && all.is_empty() {
            first = piece;
        } else {
            if !first.is_empty() {
                all.extend_from_slice(&std::mem::take(&mut first));
            }
            all.extend_from_slice(&piece);
        }
    }
    Ok(if all.is_empty() { first } else { all.freeze() })
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
