//! Writing to the state until the outcome is known.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use media_types::readable::causes;
use tokio::time::Instant;

use crate::error::{StateError, StateErrorKind};
use crate::outcome::Applied;
use crate::store::StateStore;
use crate::write::StateWrite;

/// First pause between two attempts; it doubles up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// What no clock reaches, and no instant overflows by.
const FOREVER: Duration = Duration::from_secs(30 * 365 * 86_400);

/// Whether a write has happened.
#[derive(Debug)]
pub enum WriteOutcome {
    /// It has happened.
    Committed(Box<Applied>),
    /// It has not happened and never will.
    NotCommitted(StateError),
    /// It may have happened.
    Indeterminate(StateError),
}

/// Writes to a state store, and repeats a write whose outcome is unclear, for a bounded time: a store
/// knows a write by its id, so a repetition changes nothing. Cheap to clone.
///
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
/// use conversation_state::{
///     ConversationRecord, Fence, InMemoryStateStore, NewConversation, RecordUpdate, StateStore,
///     StateWrite, StateWriter, WriteOutcome,
/// };
/// use media_types::ConversationId;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let state: Arc<dyn StateStore> = Arc::new(InMemoryStateStore::new());
/// let record = ConversationRecord::new(ConversationId::mint());
/// let record = state.create(NewConversation::new(record)).await?.into_record();
/// let title = RecordUpdate::new().with_title(Some("Cats".into()));
/// let write = StateWrite::new(&record, Fence::Version(record.version)).with_record(title);
///
/// let writer = StateWriter::new(&state, Duration::from_secs(30));
/// assert!(matches!(writer.write(write).await, WriteOutcome::Committed(_)));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct StateWriter {
    state: Arc<dyn StateStore>,
    retry_time: Duration,
}

impl StateWriter {
    /// Creates a writer that repeats an unclear write for at most a time. A store that panics is
    /// asked once more and not for longer.
    pub fn new(state: &Arc<dyn StateStore>, retry_time: Duration) -> Self {
        Self {
            state: Arc::clone(state),
            retry_time,
        }
    }

    /// Applies a write. Must not be dropped before its end: whether the write has happened is
    /// unknown then.
    pub async fn write(&self, write: StateWrite) -> WriteOutcome {
        let deadline = Instant::now() + self.retry_time.min(FOREVER);
        let mut pause = FIRST_PAUSE;
        let mut unclear = false;
        loop {
            let applied = AssertUnwindSafe(self.state.apply(write.clone()))
                .catch_unwind()
                .await;
            let error = match applied {
                Ok(Ok(applied)) => return WriteOutcome::Committed(Box::new(applied)),
                Ok(Err(error)) => error,
                Err(_) => StateError::new(StateErrorKind::Panicked, "write the conversation"),
            };
            // Once an answer was lost, only a store that has looked for the write says what became of it.
            if error.is_verdict() || (!unclear && error.is_definite()) {
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
            tracing::debug!(error = %causes(&error), "the outcome of a write is unclear; it is repeated");
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}
