//! [`ResponseBody`].

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use media_storage::{ByteStream, MediaBody};
use media_types::readable::causes;

pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The body of a response: nothing, a short text, or media that is read while it is sent.
///
/// Media is read as fast as the client takes it. If reading fails, or the bytes turn out to differ from
/// their hash, the body ends with an error and the connection is closed, so that the client sees an
/// incomplete response.
pub struct ResponseBody(Form);

enum Form {
    Whole(Option<Bytes>),
    Media { left: u64, stream: ByteStream },
}

impl ResponseBody {
    pub(crate) fn empty() -> Self {
        Self(Form::Whole(None))
    }

    pub(crate) fn text(text: impl Into<Bytes>) -> Self {
        Self(Form::Whole(
            Some(text.into()).filter(|text| !text.is_empty()),
        ))
    }

    pub(crate) fn media(len: u64, body: MediaBody) -> Self {
        if len == 0 {
            return Self::empty();
        }
        Self(Form::Media {
            left: len,
            stream: body.into_stream(),
        })
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match &mut self.0 {
            Form::Whole(text) => Poll::Ready(text.take().map(|text| Ok(Frame::data(text)))),
            Form::Media { left, stream } => {
                Poll::Ready(match ready!(stream.as_mut().poll_next(cx)) {
                    Some(Ok(bytes)) => {
                        *left = left.saturating_sub(bytes.len() as u64);
                        Some(Ok(Frame::data(bytes)))
                    }
                    Some(Err(error)) => {
                        tracing::warn!(error = %causes(&error), "media could not be sent to its end");
                        Some(Err(error.into()))
                    }
                    None => None,
                })
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        // The end of media is known only when its hash has been compared.
        matches!(self.0, Form::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(match &self.0 {
            Form::Whole(text) => text.as_ref().map_or(0, |text| text.len() as u64),
            Form::Media { left, .. } => *left,
        })
    }
}

impl fmt::Debug for ResponseBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ResponseBody({} bytes)", self.size_hint().lower())
    }
}
