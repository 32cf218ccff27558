//! A request body that streams its media.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_core::stream::BoxStream;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use http_body::{Body, Frame, SizeHint};

use crate::provider::media::{MediaContext, MediaPlan};
use crate::provider::skeleton::{Piece, Skeleton};

/// Media that failed while the body was sent.
#[derive(Debug, thiserror::Error)]
#[error("media number {index} failed while it was sent")]
pub(crate) struct MediaFailure {
    /// Which medium of the plan.
    pub(crate) index: usize,
    #[source]
    pub(crate) source: Box<dyn std::error::Error + Send + Sync>,
}

/// Where a body leaves its failure, for whoever sent it: the client tells only that sending failed.
#[derive(Clone, Debug, Default)]
pub(crate) struct FailureSlot(Arc<Mutex<Option<MediaFailure>>>);

impl FailureSlot {
    pub(crate) fn take(&self) -> Option<MediaFailure> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn put(&self, failure: MediaFailure) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(failure);
    }
}

/// The body on its way: JSON, and base64 straight from where the media is.
pub(crate) struct SendBody {
    left: u64,
    failure: FailureSlot,
    // A lock that is never waited for: it makes a stream that is Send also Sync.
    pieces: Mutex<BoxStream<'static, Result<Bytes, MediaFailure>>>,
}

impl SendBody {
    pub(crate) fn new(
        skeleton: Skeleton,
        plan: &MediaPlan,
        context: &MediaContext,
        failure: FailureSlot,
    ) -> Self {
        let left = skeleton.len(|index| plan.size(index));
        let (plan, context) = (plan.clone(), context.clone());
        let pieces = stream::iter(skeleton.into_pieces())
            .map(move |piece| match piece {
                Piece::Text(text) => stream::once(async move { Ok(text) }).boxed(),
                Piece::Media(index) => plan
                    .base64(index, &context)
                    .map_err(move |source| MediaFailure { index, source })
                    .boxed(),
            })
            .flatten();
        Self {
            left,
            failure,
            pieces: Mutex::new(Box::pin(pieces)),
        }
    }
}

impl Body for SendBody {
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = &mut *self;
        let pieces = this
            .pieces
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        Poll::Ready(match ready!(pieces.as_mut().poll_next(cx)) {
            Some(Ok(piece)) => {
                this.left = this.left.saturating_sub(piece.len() as u64);
                Some(Ok(Frame::data(piece)))
            }
            Some(Err(failure)) => {
                let told = failure.to_string();
                this.failure.put(failure);
                Some(Err(told.into()))
            }
            None => None,
        })
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
