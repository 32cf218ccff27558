//! Bodies that are answered before they came to their end.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_core::Stream;
use futures_util::StreamExt as _;
use media_storage::StorageError;
use tokio::runtime::Handle;
use tokio::time::timeout;

use super::incoming::Incoming;

/// How many bytes of a body are taken after its request was answered, at most.
const MAX_BYTES: usize = 64 * 1024 * 1024;
/// How long they are taken, at most.
const MAX_TIME: Duration = Duration::from_secs(30);
/// A client that sends nothing for so long reads its answer, or never will.
const QUIET: Duration = Duration::from_secs(1);

/// A body whose rest is taken and thrown away when it is dropped.
///
/// A connection that is closed while its client still sends is reset, and the client never reads that its
/// upload is too large: a browser reports an error of the network. See RFC 9112, section 9.6.
pub(super) struct Lingering(Option<Incoming>);

impl Lingering {
    pub(super) fn new(body: Incoming) -> Self {
        Self(Some(body))
    }
}

impl Stream for Lingering {
    type Item = Result<Bytes, StorageError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(body) = &mut self.0 else {
            return Poll::Ready(None);
        };
        let polled = body.as_mut().poll_next(cx);
        if let Poll::Ready(None | Some(Err(_))) = polled {
            self.0 = None;
        }
        polled
    }
}

impl Drop for Lingering {
    fn drop(&mut self) {
        if let (Some(body), Ok(runtime)) = (self.0.take(), Handle::try_current()) {
            runtime.spawn(drain(body));
        }
    }
}

async fn drain(mut body: Incoming) {
    let mut left = MAX_BYTES;
    let all = async {
        while let Ok(Some(Ok(piece))) = timeout(QUIET, body.next()).await {
            match left.checked_sub(piece.len()) {
                Some(rest) => left = rest,
                None => break,
            }
        }
    };
    // What comes later is the client's loss.
    let _ = timeout(MAX_TIME, all).await;
}
