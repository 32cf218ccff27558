//! Writing to the state until the outcome is known.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use conversation_state::{Applied, StateError, StateErrorKind, StateStore, StateWrite};
use futures_util::FutureExt;
use tokio::time::Instant;

/// First pause between two attempts; it doubles up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Whether a write has happened.
#[derive(Debug)]
pub(crate) enum WriteOutcome {
    /// It has happened.
    Committed(Box<Applied>),
    /// It has not happened and never will.
    NotCommitted(StateError),
    /// It may have happened.
    Indeterminate(StateError),
}

/// Writes to a state store, and repeats a write whose outcome is unclear.
#[derive(Clone, Debug)]
pub(crate) struct StateWriter {
    state: Arc<dyn StateStore>,
    retry_time: Duration,
}

impl StateWriter {
    pub(crate) fn new(state: &Arc<dyn StateStore>, retry_time: Duration) -> Self {
        Self {
            state: Arc::clone(state),
            retry_time,
        }
    }

    /// Applies a write. Must not be dropped before its end: whether the write has happened is
    /// unknown then.
    pub(crate) async fn write(&self, write: StateWrite) -> WriteOutcome {
        let deadline = Instant::now() + self.retry_time;
        let mut pause = FIRST_PAUSE;
        let mut unclear = false;
        loop {
            let applied = AssertUnwindSafe(self.state.apply(write.clone()))
                .catch_unwind()
                .await;
            let error = match applied {
                Ok(Ok(applied)) => return WriteOutcome::Committed(Box::new(applied)),
                Ok(Err(error)) => error,
                Err(_) => StateError::new(StateErrorKind::Other, "write the conversation")
                    .with_detail("the state store panicked"),
            };
            if error.is_definite() {
                return WriteOutcome::NotCommitted(error);
            }
            let may_clear = matches!(
                error.kind(),
                StateErrorKind::Unavailable | StateErrorKind::Other
            );
            // A store that fails for a lasting reason is asked once more, since the first answer
            // says nothing about whether the write has happened.
            if (!may_clear && unclear) || Instant::now() + pause >= deadline {
                return WriteOutcome::Indeterminate(error);
            }
            unclear = true;
            tracing::debug!(%error, "the outcome of a write is unclear; it is repeated");
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}
