//! Signals that end a running turn early.

use std::sync::Arc;

use conversation_events::{ConversationError, ConversationErrorKind as Kind};
use tokio::sync::watch;

use crate::policy::OnDrop;

/// Why a running turn is to end early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StopReason {
    /// The caller dropped the turn or asked to cancel it.
    Cancelled,
    /// The turn took longer than its timeout.
    Timeout,
    /// Another owner took the lease.
    LeaseLost,
    /// The conversation was deleted, or its user is being erased.
    Deleted,
    /// The manager is shutting down.
    Shutdown,
}

impl StopReason {
    /// The error of a turn that was ended for this reason.
    pub(super) fn error(self) -> ConversationError {
        let kind = match self {
            Self::Cancelled | Self::Shutdown => Kind::Cancelled,
            Self::Timeout => Kind::Timeout,
            Self::LeaseLost => Kind::LeaseLost,
            Self::Deleted => {
                return ConversationError::new(Kind::NotFound)
                    .with_detail("it was deleted, or its user is being erased");
            }
        };
        ConversationError::new(kind)
    }
}

/// A signal that many can give and a turn obeys. The first reason counts. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct StopSignal(Arc<watch::Sender<Option<StopReason>>>);

impl StopSignal {
    pub(crate) fn new() -> Self {
        Self(Arc::new(watch::Sender::new(None)))
    }

    pub(crate) fn stop(&self, reason: StopReason) {
        self.0.send_if_modified(|held| {
            let first = held.is_none();
            held.get_or_insert(reason);
            first
        });
    }

    pub(crate) fn reason(&self) -> Option<StopReason> {
        *self.0.borrow()
    }

    /// Waits until the signal is given.
    pub(crate) async fn stopped(&self) -> StopReason {
        let mut receiver = self.0.subscribe();
        // The sender lives in `self`, so the channel cannot be closed.
        let reason = receiver
            .wait_for(Option::is_some)
            .await
            .map(|reason| *reason);
        match reason {
            Ok(reason) => reason.unwrap_or(StopReason::Cancelled),
            Err(_) => std::future::pending().await,
        }
    }
}

/// Ends a turn when the handle that started it is dropped, as the turn's [`OnDrop`] says.
#[derive(Debug)]
pub(crate) struct StopOnDrop {
    signal: StopSignal,
    on_drop: OnDrop,
}

impl StopOnDrop {
    pub(crate) fn new(signal: StopSignal, on_drop: OnDrop) -> Self {
        Self { signal, on_drop }
    }
}

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        if self.on_drop == OnDrop::Cancel {
            self.signal.stop(StopReason::Cancelled);
        }
    }
}
