//! Bodies that fail when they exceed what a user may store.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_core::Stream;

use super::quota::{Reservation, exceeded};
use crate::body::{ByteStream, MediaBody};
use crate::error::StorageError;

/// What the bytes of a body count against.
pub(super) enum Cap {
    /// A reservation of this process, which grows as the bytes arrive: bodies that arrive at once share what is
    /// left.
    Reserved(Arc<Reservation>),
    /// The limit itself, where the ledger of all processes decides at the end.
    Limit { limit: u64, remaining: u64 },
}

/// Returns a body that fails when it exceeds what the user may still store.
pub(super) fn capped(body: MediaBody, cap: Cap) -> MediaBody {
    let stream = Capped {
        stream: Some(body.into_stream()),
        cap,
    };
    MediaBody::from_stream(None, stream)
}

struct Capped {
    stream: Option<ByteStream>,
    cap: Cap,
}

impl Cap {
    fn take(&mut self, bytes: u64) -> Result<(), StorageError> {
        match self {
            Self::Reserved(reserved) => reserved.grow(bytes),
            Self::Limit { limit, remaining } => {
                let left = remaining.checked_sub(bytes);
                *remaining = left.ok_or_else(|| exceeded("bytes", *limit))?;
                Ok(())
            }
        }
    }
}

impl Stream for Capped {
    type Item = Result<Bytes, StorageError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        let Some(stream) = this.stream.as_mut() else {
            return Poll::Ready(None);
        };
        let item = ready!(stream.as_mut().poll_next(cx));
        if let Some(Ok(piece)) = &item
            && let Err(refused) = this.cap.take(piece.len() as u64)
        {
            this.stream = None;
            return Poll::Ready(Some(Err(refused)));
        }
        Poll::Ready(item)
    }
}
