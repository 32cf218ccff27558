//! A request body that streams its media.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_core::stream::BoxStream;
use http_body::{Body, Frame, SizeHint};

use crate::provider::media::{MediaContext, MediaPlan, MediaSendError};
use crate::provider::skeleton::Skeleton;
use crate::provider::wire::pieces;

/// Where a body leaves its failure, for whoever sent it: the client tells only that sending failed.
#[derive(Clone, Debug, Default)]
pub(crate) struct FailureSlot(Arc<Mutex<Option<MediaSendError>>>);

impl FailureSlot {
    pub(crate) fn take(&self) -> Option<MediaSendError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn put(&self, failure: MediaSendError) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(failure);
    }
}

/// The body on its way: JSON, and base64 straight from where the media is.
pub(crate) struct SendBody {
    left: u64,
    failure: FailureSlot,
    // A lock that is never waited for: it makes a stream that is Send also Sync.
    pieces: Mutex<BoxStream<'static, Result<Bytes, MediaSendError>>>,
}

impl SendBody {
    pub(crate) fn new(
        skeleton: Skeleton,
        plan: &MediaPlan,
        context: &MediaContext,
        failure: FailureSlot,
    ) -> Self {
        let left = skeleton.len(|index| plan.size(index));
        Self {
            left,
            failure,
            pieces: Mutex::new(pieces(skeleton, plan, context)),
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
