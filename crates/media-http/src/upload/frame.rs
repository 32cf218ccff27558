//! The bytes of a form that are not those of its files.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_core::Stream;
use futures_util::StreamExt as _;
use media_storage::{Operation, StorageError, StorageErrorKind};

use crate::service::Incoming;

/// How many bytes of a form may stand beside those of its files: what precedes the first boundary, boundaries,
/// headers, and fields that are not files.
pub(super) const FORM_ROOM: u64 = 64 * 1024;
/// Longest piece of a body that the parser gets at once.
const MAX_PIECE: usize = 64 * 1024;

/// Counts what the parser of a form has taken and not given on as bytes of a file.
#[derive(Clone, Debug, Default)]
pub(super) struct FrameMeter(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    /// Bytes that the parser holds, or has found not to be of a file.
    beside: AtomicU64,
    /// How often the parser has got on.
    steps: AtomicU64,
}

impl FrameMeter {
    /// Notes that the parser has found a field.
    pub(super) fn found_field(&self) {
        self.0.steps.fetch_add(1, Ordering::Relaxed);
    }

    /// Notes bytes of a file that the parser has given on.
    pub(super) fn gave(&self, piece: &Bytes) {
        self.0
            .beside
            .fetch_sub(piece.len() as u64, Ordering::Relaxed);
        self.0.steps.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns a body for the parser, which takes everything that is ready before it parses, and keeps everything
    /// until it finds what it looks for. The body waits while the parser has much, and fails with `TooLarge` if
    /// the parser does not get on with it.
    pub(super) fn watch(&self, body: Incoming) -> Incoming {
        let metered = Metered {
            body,
            rest: Bytes::new(),
            counts: Arc::clone(&self.0),
            waited_at: None,
        };
        metered.boxed()
    }
}

struct Metered {
    body: Incoming,
    /// What is left of a long piece.
    rest: Bytes,
    counts: Arc<Counts>,
    /// The step at which the parser had to get on.
    waited_at: Option<u64>,
}

impl Stream for Metered {
    type Item = Result<Bytes, StorageError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.counts.beside.load(Ordering::Relaxed) > FORM_ROOM {
            let step = self.counts.steps.load(Ordering::Relaxed);
            if self.waited_at == Some(step) {
                let error = StorageError::new(StorageErrorKind::TooLarge, Operation::Store);
                let error = error.with_reason("a form has too many bytes beside its files");
                return Poll::Ready(Some(Err(error)));
            }
            self.waited_at = Some(step);
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        if self.rest.is_empty() {
            match ready!(self.body.as_mut().poll_next(cx)) {
                Some(Ok(piece)) => self.rest = piece,
                other => return Poll::Ready(other),
            }
        }
        let len = self.rest.len().min(MAX_PIECE);
        let piece = self.rest.split_to(len);
        self.counts.beside.fetch_add(len as u64, Ordering::Relaxed);
        Poll::Ready(Some(Ok(piece)))
    }
}
