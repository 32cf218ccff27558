//! The bytes of one item, with its beginning looked at and its size bounded.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use futures_core::Stream;
use futures_util::StreamExt as _;
use media_storage::{Operation, StorageError, StorageErrorKind};
use media_types::SNIFF_LEN;

use crate::service::Incoming;

/// Reads as much as the type needs. Returns it, and the whole again.
pub(super) async fn look_at(mut stream: Incoming) -> Result<(Bytes, Incoming), StorageError> {
    let mut prefix = BytesMut::new();
    while prefix.len() < SNIFF_LEN {
        match stream.next().await {
            Some(piece) => prefix.extend_from_slice(&piece?),
            None => break,
        }
    }
    let prefix = prefix.freeze();
    let first = prefix.clone();
    let whole = futures_util::stream::once(async move { Ok(first) }).chain(stream);
    Ok((prefix, whole.boxed()))
}

/// A stream that fails with `TooLarge` above a number of bytes.
pub(super) struct Bounded {
    pub(super) stream: Incoming,
    pub(super) left: u64,
}

impl Stream for Bounded {
    type Item = Result<Bytes, StorageError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(piece) = ready!(self.stream.as_mut().poll_next(cx)) else {
            return Poll::Ready(None);
        };
        Poll::Ready(Some(piece.and_then(|piece| {
            self.left = self.left.checked_sub(piece.len() as u64).ok_or_else(|| {
                StorageError::new(StorageErrorKind::TooLarge, Operation::Store)
                    .with_reason("the upload is larger than permitted")
            })?;
            Ok(piece)
        })))
    }
}
