//! The turns that run in this process.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use conversation_types::{MessageId, TurnId};
use media_types::ConversationId;
use tokio::sync::watch;

use super::log::TurnLog;
use super::stop::{StopReason, StopSignal};

/// A turn that runs in this process.
#[derive(Clone, Debug)]
pub(crate) struct RunningTurn {
    pub(crate) conversation: ConversationId,
    pub(crate) log: Arc<TurnLog>,
    pub(crate) stop: StopSignal,
}

/// How many unreadable messages are remembered as reported.
const MAX_REPORTED: usize = 10_000;

/// All turns that run in this process, by their ids.
#[derive(Clone, Debug, Default)]
pub(crate) struct RunningTurns {
    turns: Arc<Mutex<HashMap<TurnId, RunningTurn>>>,
    reported: Arc<Mutex<HashSet<(ConversationId, MessageId)>>>,
    /// Counts the turns that have ended.
    ended: Arc<watch::Sender<u64>>,
}

impl RunningTurns {
    fn lock(&self) -> MutexGuard<'_, HashMap<TurnId, RunningTurn>> {
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns whether an unreadable message was not reported yet, and remembers it.
    pub(crate) fn first_report(&self, conversation: &ConversationId, message: &MessageId) -> bool {
        let mut reported = self.reported.lock().unwrap_or_else(PoisonError::into_inner);
        if reported.len() >= MAX_REPORTED {
            reported.clear();
        }
        reported.insert((conversation.clone(), message.clone()))
    }

    /// Registers a turn until the guard is dropped.
    pub(crate) fn register(&self, turn: RunningTurn) -> RunningGuard {
        let id = turn.log.turn().clone();
        self.lock().insert(id.clone(), turn);
        RunningGuard {
            turns: self.clone(),
            id,
        }
    }

    pub(crate) fn get(&self, turn: &TurnId) -> Option<RunningTurn> {
        self.lock().get(turn).cloned()
    }

    /// Returns whether a turn of a conversation runs in this process.
    pub(crate) fn is_running(&self, conversation: &ConversationId) -> bool {
        let turns = self.lock();
        turns
            .values()
            .any(|turn| turn.conversation == *conversation)
    }

    /// Waits until no turn of a conversation runs in this process.
    pub(crate) async fn ended(&self, conversation: &ConversationId) {
        let mut ended = self.ended.subscribe();
        // The sender lives in `self`, so the channel cannot be closed.
        let _ = ended.wait_for(|_| !self.is_running(conversation)).await;
    }

    /// Ends the turns of a conversation early.
    pub(crate) fn stop_conversation(&self, conversation: &ConversationId, reason: StopReason) {
        for turn in self.lock().values() {
            if turn.conversation == *conversation {
                turn.stop.stop(reason);
            }
        }
    }

    /// Ends all turns early.
    pub(crate) fn stop_all(&self, reason: StopReason) {
        for turn in self.lock().values() {
            turn.stop.stop(reason);
        }
    }
}

/// Takes a turn off the list of running turns when it is dropped.
#[derive(Debug)]
pub(crate) struct RunningGuard {
    turns: RunningTurns,
    id: TurnId,
}

impl Drop for RunningGuard {
    fn drop(&mut self) {
        self.turns.lock().remove(&self.id);
        self.turns.ended.send_modify(|ended| *ended += 1);
    }
}
