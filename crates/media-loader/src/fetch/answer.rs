//! The response to a fetch: its head and its body.

use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use media_storage::{MediaBody, StorageError};
use media_types::Mime;
use reqwest::Response;
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, TRANSFER_ENCODING};
use tokio::time::{Instant, timeout_at};

use super::failure::{self, BodyFault};
use crate::error::{LoadError, LoadErrorKind};

/// Time limits of a fetch: in total, and without progress.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    pub(super) deadline: Instant,
    pub(super) idle: Duration,
}

impl Patience {
    /// Returns the deadline of something that starts now and may be preceded by `more`.
    pub(super) fn until(&self, more: Duration) -> Instant {
        after(self.idle.saturating_add(more)).min(self.deadline)
    }
}

/// Returns the instant after a time from now, at most a year from now.
pub(super) fn after(time: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(time)
        .unwrap_or_else(|| now + Duration::from_secs(365 * 24 * 3600))
}

/// A successful response.
pub(crate) struct Answer {
    /// MIME type according to the server.
    pub(crate) served: Option<Mime>,
    /// Size of the body according to the server, if it sends one.
    pub(crate) size: Option<u64>,
    pub(crate) body: MediaBody,
}

impl Answer {
    pub(super) fn of(
        response: Response,
        patience: Patience,
        limit: u64,
    ) -> Result<Self, LoadError> {
        let status = response.status().as_u16();
        if !matches!(status, 200 | 203) {
            return Err(LoadError::new(LoadErrorKind::HttpStatus(status)));
        }
        let headers = response.headers();
        if is_encoded(headers, &CONTENT_ENCODING, "identity")
            || is_encoded(headers, &TRANSFER_ENCODING, "chunked")
        {
            return Err(LoadError::new(LoadErrorKind::EncodedBody));
        }
        let size = response.content_length();
        if size.is_some_and(|size| size > limit) {
            return Err(LoadError::new(LoadErrorKind::TooLarge { limit, size }));
        }
        let served = headers.get(CONTENT_TYPE).and_then(|value| {
            let text = value.to_str().ok()?;
            text.split(';').next()?.trim().parse().ok()
        });
        let pieces = stream::try_unfold(response, move |mut response| async move {
            let piece = next(&mut response, patience).await?;
            Ok(piece.map(|piece| (piece, response)))
        });
        Ok(Self {
            served,
            size,
            body: MediaBody::from_stream(size, pieces),
        })
    }
}

async fn next(response: &mut Response, patience: Patience) -> Result<Option<Bytes>, StorageError> {
    let piece = timeout_at(patience.until(Duration::ZERO), response.chunk()).await;
    match piece {
        Ok(Ok(piece)) => Ok(piece),
        Ok(Err(error)) => Err(failure::of_body(error)),
        Err(_) => Err(BodyFault::new(LoadErrorKind::Timeout).into()),
    }
}

/// Whether a header names an encoding other than identity.
fn is_encoded(headers: &HeaderMap, name: &HeaderName, plain: &str) -> bool {
    headers.get_all(name).iter().any(|value| {
        let codings = value.as_bytes().split(|byte| *byte == b',');
        let mut codings = codings.map(<[u8]>::trim_ascii);
        !codings.all(|coding| coding.is_empty() || coding.eq_ignore_ascii_case(plain.as_bytes()))
    })
}
