//! A request body that streams its media.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_core::stream::BoxStream;
use http_body::{Body, Frame, SizeHint};

use super::deadlines::SendProgress;
use crate::body::chunks;
use crate::media::{MediaContext, MediaPlan, MediaSendError};
use crate::template::BodyTemplate;

/// Where a body leaves its failure for its sender: the client says only that sending failed.
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

/// A body while it is sent: JSON, and base64 straight from where the media is.
pub(crate) struct SendBody {
    left: u64,
    failure: FailureSlot,
    progress: SendProgress,
    // A lock that is never waited for: it makes a stream that is Send also Sync.
    chunks: Mutex<BoxStream<'static, Result<Bytes, MediaSendError>>>,
}

impl SendBody {
    pub(crate) fn new(
        template: BodyTemplate,
        plan: &MediaPlan,
        context: &MediaContext,
        failure: FailureSlot,
        progress: SendProgress,
    ) -> Self {
        let left = template.len(|index| plan.size(index));
        Self {
            left,
            failure,
            progress,
            chunks: Mutex::new(chunks(template, plan, context)),
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
        let chunks = this
            .chunks
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        let next = ready!(chunks.as_mut().poll_next(cx));
        this.progress.mark();
        Poll::Ready(match next {
            Some(Ok(chunk)) => {
                this.left = this.left.saturating_sub(chunk.len() as u64);
                if this.left == 0 {
                    this.progress.mark_sent();
                }
                Some(Ok(Frame::data(chunk)))
            }
            Some(Err(failure)) => {
                let text = failure.to_string();
                this.failure.put(failure);
                Some(Err(text.into()))
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
