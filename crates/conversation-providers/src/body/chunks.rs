//! A body while it is sent.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_core::Stream;
use futures_core::stream::BoxStream;
use futures_util::stream::{self, StreamExt};

use crate::media::{MediaContext, MediaPlan, MediaSendError};
use crate::template::{BodyTemplate, Segment};

/// The bytes of a body, in chunks of any size. Dropping it at any time is safe.
pub struct BodyChunks(BoxStream<'static, Result<Bytes, MediaSendError>>);

impl BodyChunks {
    pub(super) fn new(chunks: BoxStream<'static, Result<Bytes, MediaSendError>>) -> Self {
        Self(chunks)
    }
}

impl Stream for BodyChunks {
    type Item = Result<Bytes, MediaSendError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.as_mut().poll_next(cx)
    }
}

impl fmt::Debug for BodyChunks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BodyChunks").finish_non_exhaustive()
    }
}

/// The chunks of a body, each media item read when its turn comes. An error is the last item.
pub(crate) fn chunks(
    template: BodyTemplate,
    plan: &MediaPlan,
    context: &MediaContext,
) -> BoxStream<'static, Result<Bytes, MediaSendError>> {
    let (plan, context) = (plan.clone(), context.clone());
    let mut failed = false;
    stream::iter(template.into_segments())
        .map(move |segment| match segment {
            Segment::Text(text) => stream::once(std::future::ready(Ok(text))).boxed(),
            Segment::Media(index, encoding) => plan.encoded(index, encoding, &context),
        })
        .flatten()
        .take_while(move |chunk| {
            let go_on = !failed;
            failed |= chunk.is_err();
            std::future::ready(go_on)
        })
        .boxed()
}
