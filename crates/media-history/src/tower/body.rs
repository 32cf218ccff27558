//! The bodies that the layer makes.

use std::fmt;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http_body::{Body, Frame, SizeHint};
use media_storage::{ByteStream, MediaBody};
use tokio::io::{AsyncRead as _, DuplexStream, ReadBuf};

use crate::error::HistoryError;
use crate::history::History;
use crate::report::Report;

use super::reader::BodyReader;

/// How much of an answer waits between the connection and its reader.
const PIPE: usize = 64 * 1024;

/// The body of a request with its media, or of an answer without.
///
/// `Send + Sync`, as HTTP clients demand of bodies.
pub struct HistoryBody(Mutex<Form>);

enum Form {
    Whole(Option<Bytes>),
    /// A length, and the bytes that are left of it.
    Restored(u64, ByteStream),
    Slim {
        run: Option<BoxFuture<'static, Result<Report, HistoryError>>>,
        text: DuplexStream,
    },
    Passed(Pin<Box<dyn Body<Data = Bytes, Error = BoxError> + Send>>),
}

pub(super) type BoxError = Box<dyn std::error::Error + Send + Sync>;

impl HistoryBody {
    fn new(form: Form) -> Self {
        Self(Mutex::new(form))
    }

    fn form(&self) -> MutexGuard<'_, Form> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn whole(bytes: Bytes) -> Self {
        Self::new(Form::Whole(Some(bytes).filter(|bytes| !bytes.is_empty())))
    }

    pub(super) fn restored(body: MediaBody) -> Self {
        match body.len() {
            Some(len) => Self::new(Form::Restored(len, body.into_stream())),
            None => Self::new(Form::Whole(None)),
        }
    }

    /// An answer whose media is stored while it is read.
    pub(super) fn slim<B>(history: History, body: B) -> Self
    where
        B: Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<BoxError>,
    {
        let (writer, text) = tokio::io::duplex(PIPE);
        let run = async move {
            history
                .externalize_stream(BodyReader::new(body), writer)
                .await
        };
        Self::new(Form::Slim {
            run: Some(Box::pin(run)),
            text,
        })
    }

    pub(super) fn passed<B>(body: B) -> Self
    where
        B: Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<BoxError>,
    {
        Self::new(Form::Passed(Box::pin(Boxed(body))))
    }
}

/// A body whose errors are boxed.
struct Boxed<B>(B);

impl<B> Body for Boxed<B>
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
        let frame = ready!(Pin::new(&mut self.0).poll_frame(cx));
        Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.size_hint()
    }
}

impl Body for HistoryBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match self.0.get_mut().unwrap_or_else(PoisonError::into_inner) {
            Form::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Form::Restored(left, stream) => {
                let piece = ready!(stream.as_mut().poll_next(cx));
                if let Some(Ok(piece)) = &piece {
                    *left = left.saturating_sub(piece.len() as u64);
                }
                Poll::Ready(piece.map(|piece| piece.map(Frame::data).map_err(Into::into)))
            }
            Form::Slim { run, text } => {
                if let Some(running) = run
                    && let Poll::Ready(done) = running.as_mut().poll(cx)
                {
                    // With it goes the writer: what is in the pipe is the rest.
                    *run = None;
                    if let Err(error) = done {
                        return Poll::Ready(Some(Err(error.into())));
                    }
                }
                let mut piece = vec![0; PIPE];
                let mut buffer = ReadBuf::new(&mut piece);
                ready!(Pin::new(text).poll_read(cx, &mut buffer))?;
                let len = buffer.filled().len();
                piece.truncate(len);
                Poll::Ready((len > 0).then(|| Ok(Frame::data(piece.into()))))
            }
            Form::Passed(body) => body.as_mut().poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &*self.form() {
            Form::Whole(bytes) => bytes.is_none(),
            Form::Restored(left, _) => *left == 0,
            Form::Slim { .. } => false,
            Form::Passed(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &*self.form() {
            Form::Whole(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
            Form::Restored(left, _) => SizeHint::with_exact(*left),
            Form::Slim { .. } => SizeHint::default(),
            Form::Passed(body) => body.size_hint(),
        }
    }
}

impl fmt::Debug for HistoryBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &*self.form() {
            Form::Whole(_) => "HistoryBody(whole)",
            Form::Restored(..) => "HistoryBody(restored)",
            Form::Slim { .. } => "HistoryBody(slim)",
            Form::Passed(_) => "HistoryBody(passed)",
        })
    }
}
