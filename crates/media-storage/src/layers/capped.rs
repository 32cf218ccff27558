//! Bodies that fail when they exceed what a user may store.

use futures_core::Stream;

use super::quota::exceeded;
use crate::body::{ByteStream, MediaBody};
use crate::error::StorageError;

/// Returns a body that fails when it exceeds what the user may still store.
pub(super) fn capped(body: MediaBody, remaining: u64, limit: u64) -> MediaBody {
    let stream = Capped {
        stream: Some(body.into_stream()),
        remaining,
        limit,
    };
    MediaBody::from_stream(None, stream)
}

struct Capped {
    stream: Option<ByteStream>,
    remaining: u64,
    limit: u64,
}

impl Stream for Capped {
    type Item = Result<bytes::Bytes, StorageError>;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        let this = &mut *self;
        let Some(stream) = this.stream.as_mut() else {
            return std::task::Poll::Ready(None);
        };
        let item = std::task::ready!(stream.as_mut().poll_next(cx));
        let len = match &item {
            Some(Ok(piece)) => piece.len() as u64,
            _ => 0,
        };
        if len > this.remaining {
            this.stream = None;
            return std::task::Poll::Ready(Some(Err(exceeded("bytes", this.limit))));
        }
        this.remaining -= len;
        std::task::Poll::Ready(item)
    }
}
