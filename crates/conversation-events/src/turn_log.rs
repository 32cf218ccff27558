//! What a turn has said so far, for readers at any speed.

use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use conversation_types::TurnId;
use tokio::sync::watch;

use crate::error::{ConversationError, ConversationErrorKind};
use crate::turn_event::{EventPosition, TurnEvent};
use crate::turn_record::{Read, TurnOutcome, TurnRecord};

/// The events of one turn. Text is held once, however many readers there are and however slow they
/// are; other events are held up to a limit.
#[derive(Debug)]
pub struct TurnLog {
    turn: TurnId,
    /// The turn that this one turned out to be a repetition of.
    repeats: OnceLock<TurnId>,
    record: Mutex<TurnRecord>,
    /// The end of the sequence, and whether the turn has ended.
    changed: watch::Sender<(u64, bool)>,
}

impl TurnLog {
    /// Creates the log of a turn that has said nothing yet.
    pub fn new(turn: TurnId) -> Self {
        Self {
            turn,
            repeats: OnceLock::new(),
            record: Mutex::default(),
            changed: watch::Sender::new((0, false)),
        }
    }

    /// Returns the turn: the original, where this one is a repetition.
    pub fn turn(&self) -> &TurnId {
        self.repeats.get().unwrap_or(&self.turn)
    }

    /// Notes that this turn is a repetition of another one. Readers continue with that one.
    pub fn repeat(&self, original: TurnId) {
        // The first original counts: a turn has one key.
        let _ = self.repeats.set(original);
    }

    /// Returns the sequence with which a reader continues that has read up to a place of this log.
    pub(crate) fn resume_at(&self, sequence: u64) -> u64 {
        match self.repeats.get() {
            Some(_) if sequence > 0 => EventPosition::REDRAW,
            _ => sequence,
        }
    }

    fn record(&self) -> MutexGuard<'_, TurnRecord> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins the text of another message.
    pub fn begin_message(&self) {
        self.record().begin_message();
    }

    /// Adds text of the model.
    pub fn text(&self, delta: &str) {
        self.write(|record| record.text(delta));
    }

    /// Adds reasoning of the model.
    pub fn reasoning(&self, delta: &str) {
        self.write(|record| record.reasoning(delta));
    }

    /// Adds an event that is not text.
    pub fn event(&self, event: TurnEvent) {
        self.write(|record| record.event(event));
    }

    /// Ends the log. The first end counts.
    pub fn end(&self, outcome: TurnOutcome) {
        self.write(|record| record.finish(outcome));
    }

    fn write(&self, change: impl FnOnce(&mut TurnRecord)) {
        let state = {
            let mut record = self.record();
            change(&mut record);
            (record.end(), record.outcome().is_some())
        };
        self.changed.send_replace(state);
    }

    /// Waits until there is something after a place, or the turn has ended.
    pub async fn wait_beyond(&self, sequence: u64) {
        // The sender lives in `self`, so the channel cannot be closed.
        let _ = self
            .changed
            .subscribe()
            .wait_for(|(end, ended)| *end > sequence || *ended)
            .await;
    }

    /// Waits for the end of the turn.
    pub async fn outcome(&self) -> TurnOutcome {
        let _ = self.changed.subscribe().wait_for(|(_, ended)| *ended).await;
        self.record()
            .outcome()
            .cloned()
            .unwrap_or_else(|| Err(ConversationError::new(ConversationErrorKind::Cancelled)))
    }

    /// Reads what comes after a place. At a place that is not of this log, that is what there is.
    pub fn read(&self, sequence: u64) -> Read {
        self.record().read(sequence)
    }
}
