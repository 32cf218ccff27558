//! Reading a body like a file.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes};
use http_body::Body;
use tokio::io::{AsyncRead, ReadBuf};

/// The data of a body.
#[derive(Debug)]
pub(super) struct BodyReader<B> {
    body: B,
    piece: Bytes,
}

impl<B> BodyReader<B> {
    pub(super) fn new(body: B) -> Self {
        Self {
            body,
            piece: Bytes::new(),
        }
    }
}

impl<B> AsyncRead for BodyReader<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        while self.piece.is_empty() {
            match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                None => return Poll::Ready(Ok(())),
                Some(Err(error)) => return Poll::Ready(Err(io::Error::other(error))),
                // Trailers say nothing here.
                Some(Ok(frame)) => self.piece = frame.into_data().unwrap_or_default(),
            }
        }
        let len = self.piece.len().min(buffer.remaining());
        buffer.put_slice(self.piece.get(..len).unwrap_or_default());
        self.piece.advance(len);
        Poll::Ready(Ok(()))
    }
}
