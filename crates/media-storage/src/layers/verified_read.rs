//! A read whose outcome is remembered.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use bytes::Bytes;
use futures_core::Stream;

use super::verified_references::{Ticket, VerifiedReferences};
use crate::body::{BodyData, ByteStream, MediaBody};
use crate::error::{StorageError, StorageErrorKind};

/// What a read shows of its reference: sound after all bytes were compared with their hash, not sound
/// after `Corrupted`, and nothing if it ends early or fails otherwise.
#[derive(Clone, Debug)]
pub(super) struct VerifiedRead {
    pub(super) verified: Arc<VerifiedReferences>,
    pub(super) id: Box<str>,
    pub(super) ticket: Ticket,
    pub(super) began: Instant,
    /// Number of bytes that are compared with their hash, or `None` if they are not, or not all.
    pub(super) hashed: Option<u64>,
}

impl VerifiedRead {
    /// Returns the body, and remembers how its reading ends.
    pub(super) fn observe(self, body: MediaBody) -> MediaBody {
        match body.into_data() {
            BodyData::Stream { len, stream } => {
                let observed = Observed {
                    stream: Some(stream),
                    seen: 0,
                    read: self,
                };
                match len {
                    Some(len) => MediaBody::from_stored_stream(len, None, observed),
                    None => MediaBody::from_stream(None, observed),
                }
            }
            // Bytes in memory were compared before they were returned.
            BodyData::Bytes(bytes) => {
                self.ended(bytes.len() as u64);
                MediaBody::from_bytes(bytes)
            }
            BodyData::Base64(text) => MediaBody::from_base64(text),
        }
    }

    pub(super) fn failed(&self, error: &StorageError) {
        if error.kind() == StorageErrorKind::Corrupted {
            self.verified.forget(&self.id);
        }
    }

    fn ended(&self, seen: u64) {
        if self.hashed == Some(seen) {
            self.verified.insert(&self.id, self.ticket, self.began);
        }
    }
}

struct Observed {
    stream: Option<ByteStream>,
    seen: u64,
    read: VerifiedRead,
}

impl Stream for Observed {
    type Item = Result<Bytes, StorageError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        let Some(stream) = this.stream.as_mut() else {
            return Poll::Ready(None);
        };
        let item = ready!(stream.as_mut().poll_next(cx));
        match &item {
            Some(Ok(piece)) => this.seen += piece.len() as u64,
            Some(Err(error)) => {
                this.stream = None;
                this.read.failed(error);
            }
            None => {
                this.stream = None;
                this.read.ended(this.seen);
            }
        }
        Poll::Ready(item)
    }
}
