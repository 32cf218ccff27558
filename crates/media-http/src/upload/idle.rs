//! Clients that stand still.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_core::Stream;
use futures_util::StreamExt as _;
use media_storage::StorageError;
use tokio::time::Sleep;

use super::answer::UploadFailure;
use crate::service::{Incoming, unreadable};

/// How long a client may send nothing, by default.
pub(crate) const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// Whether a client sent nothing for too long: a store may call the failure of its source what it likes.
#[derive(Clone, Debug, Default)]
pub(crate) struct StoodStill(Arc<AtomicBool>);

impl StoodStill {
    /// Returns a body that fails when no bytes of it come for a time.
    pub(crate) fn watch(&self, body: Incoming, timeout: Duration) -> Incoming {
        let watched = Watched {
            body,
            timeout,
            waiting: None,
            stood_still: self.clone(),
        };
        watched.boxed()
    }

    /// Returns why an upload failed that failed with this.
    pub(crate) fn judge(&self, failure: UploadFailure) -> UploadFailure {
        match self.0.load(Ordering::Acquire) {
            true => UploadFailure::Idle,
            false => failure,
        }
    }
}

struct Watched {
    body: Incoming,
    timeout: Duration,
    /// Runs from when the client was first waited for, so that a store that is slow costs nobody time.
    waiting: Option<Pin<Box<Sleep>>>,
    stood_still: StoodStill,
}

impl Stream for Watched {
    type Item = Result<Bytes, StorageError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if this.stood_still.0.load(Ordering::Acquire) {
            return Poll::Ready(None);
        }
        if let Poll::Ready(piece) = this.body.as_mut().poll_next(cx) {
            this.waiting = None;
            return Poll::Ready(piece);
        }
        let timeout = this.timeout;
        let waiting = this
            .waiting
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(timeout)));
        if waiting.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        this.stood_still.0.store(true, Ordering::Release);
        Poll::Ready(Some(Err(unreadable("no bytes came for too long"))))
    }
}
