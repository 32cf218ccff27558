//! Bodies that count and bodies that break.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::{StreamExt as _, stream};
use media_storage::{BodyData, ByteStream, MediaBody, StorageError};

/// A body that yields `after` bytes, then the error.
pub(super) fn failing(body: MediaBody, after: u64, error: StorageError) -> MediaBody {
    let len = body.len();
    let state = (body.into_stream(), after, Some(error));
    let stream = stream::unfold(state, |(mut stream, left, mut error)| async move {
        if left == 0 {
            return error.take().map(|error| (Err(error), (stream, 0, None)));
        }
        match stream.next().await {
            Some(Ok(mut piece)) => {
                piece.truncate(usize::try_from(left).unwrap_or(usize::MAX));
                let left = left - piece.len() as u64;
                Some((Ok(piece), (stream, left, error)))
            }
            Some(Err(first)) => Some((Err(first), (stream, 0, None))),
            // Shorter than planned: it breaks at its end.
            None => error.take().map(|error| (Err(error), (stream, 0, None))),
        }
    });
    MediaBody::from_stream(len, stream)
}

/// A stream whose bytes are counted as they are taken.
pub(super) fn counted(len: Option<u64>, stream: ByteStream, count: Arc<AtomicU64>) -> MediaBody {
    let stream = stream.inspect(move |piece| {
        if let Ok(piece) = piece {
            count.fetch_add(piece.len() as u64, Ordering::SeqCst);
        }
    });
    MediaBody::from_stream(len, stream)
}

/// The body of this data again.
pub(super) fn of(data: BodyData) -> MediaBody {
    match data {
        BodyData::Bytes(bytes) => MediaBody::from_bytes(bytes),
        BodyData::Base64(text) => MediaBody::from_base64(text),
        BodyData::Stream { len, stream } => MediaBody::from_stream(len, stream),
        _ => MediaBody::from_bytes(bytes::Bytes::new()),
    }
}
