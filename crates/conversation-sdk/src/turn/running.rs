//! The turns that run in this process.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use conversation_events::TurnLog;
use conversation_lifecycle::LocalTurns;
use conversation_types::{MessageId, TurnId};
use media_types::ConversationId;
use tokio::sync::watch;

use super::stop::{StopReason, StopSignal};

/// A turn that runs in this process.
#[derive(Clone, Debug)]
pub(crate) struct RunningTurn {
    pub(crate) conversation: ConversationId,
    /// The conversation that this one was started for.
    pub(crate) parent: Option<ConversationId>,
    pub(crate) log: Arc<TurnLog>,
    pub(crate) stop: StopSignal,
}

/// A turn, and the turn of its conversation's parent that it was started in and ends with.
#[derive(Clone, Debug)]
struct Registered {
    turn: RunningTurn,
    bound_to: Option<TurnId>,
}

/// How many unreadable messages are remembered as reported.
const MAX_REPORTED: usize = 10_000;

/// All turns that run in this process, by their ids.
#[derive(Clone, Debug, Default)]
pub(crate) struct RunningTurns {
    turns: Arc<Mutex<HashMap<TurnId, Registered>>>,
    reported: Arc<Mutex<HashSet<(ConversationId, MessageId)>>>,
    /// Counts the turns that have ended.
    ended: Arc<watch::Sender<u64>>,
}

impl RunningTurns {
    fn lock(&self) -> MutexGuard<'_, HashMap<TurnId, Registered>> {
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
        let mut turns = self.lock();
        let in_parent = turns
            .iter()
            .find(|(_, held)| Some(&held.turn.conversation) == turn.parent.as_ref());
        let bound_to = in_parent.map(|(id, _)| id.clone());
        turns.insert(id.clone(), Registered { turn, bound_to });
        drop(turns);
        RunningGuard {
            turns: self.clone(),
            id,
        }
    }

    pub(crate) fn get(&self, turn: &TurnId) -> Option<RunningTurn> {
        self.lock().get(turn).map(|held| held.turn.clone())
    }

    /// Ends the turns of a conversation early.
    pub(crate) fn stop_conversation(&self, conversation: &ConversationId, reason: StopReason) {
        for held in self.lock().values() {
            if held.turn.conversation == *conversation {
                held.turn.stop.stop(reason);
            }
        }
    }

    /// Ends all turns early.
    pub(crate) fn stop_all(&self, reason: StopReason) {
        for held in self.lock().values() {
            held.turn.stop.stop(reason);
        }
    }
}

#[async_trait]
impl LocalTurns for RunningTurns {
    fn stop(&self, conversation: &ConversationId) {
        self.stop_conversation(conversation, StopReason::Deleted);
    }

    fn is_running(&self, conversation: &ConversationId) -> bool {
        let turns = self.lock();
        turns
            .values()
            .any(|held| held.turn.conversation == *conversation)
    }

    async fn ended(&self, conversation: &ConversationId) {
        let mut ended = self.ended.subscribe();
        // The sender lives in `self`, so the channel cannot be closed.
        let _ = ended.wait_for(|_| !self.is_running(conversation)).await;
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
        let mut turns = self.turns.lock();
        turns.remove(&self.id);
        for held in turns.values() {
            if held.bound_to.as_ref() == Some(&self.id) {
                held.turn.stop.stop(StopReason::Cancelled);
            }
        }
        drop(turns);
        self.turns.ended.send_modify(|ended| *ended += 1);
    }
}
