//! Looking at the beginning of a body before it is read.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::body::BoxError;

/// A body whose first piece was read, and comes again.
pub(super) struct Begun<B> {
    first: Option<Result<Frame<Bytes>, BoxError>>,
    /// Whether nothing came.
    is_empty: bool,
    body: B,
}

impl<B> Begun<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<BoxError>,
{
    /// Waits for the first piece of a body.
    pub(super) async fn of(mut body: B) -> Self {
        let first = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await;
        Self {
            is_empty: first.is_none(),
            first: first.map(|first| first.map_err(Into::into)),
            body,
        }
    }

    /// Returns whether the first piece may be that of a document or of lines of JSON.
    pub(super) fn begins_like_json(&self) -> bool {
        let data = match &self.first {
            Some(Ok(frame)) => frame.data_ref().map_or(&[][..], |data| &**data),
            Some(Err(_)) | None => &[],
        };
        let bom_less = data.strip_prefix(b"\xef\xbb\xbf").unwrap_or(data);
        matches!(
            bom_less.trim_ascii_start().first(),
            Some(b'{' | b'[' | b'"')
        )
    }
}

impl<B> Body for Begun<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if self.is_empty {
            return Poll::Ready(None);
        }
        match self.first.take() {
            Some(first) => Poll::Ready(Some(first)),
            None => {
                let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
                Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_none() && (self.is_empty || self.body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        let first = match &self.first {
            Some(Ok(frame)) => frame.data_ref().map_or(0, |data| data.len() as u64),
            Some(Err(_)) | None => 0,
        };
        let rest = self.body.size_hint();
        let mut hint = SizeHint::new();
        hint.set_lower(rest.lower().saturating_add(first));
        if let Some(upper) = rest.upper() {
            hint.set_upper(upper.saturating_add(first));
        }
        hint
    }
}
