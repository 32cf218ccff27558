//! The turns that run in this process.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use conversation_events::{ConversationError, TurnLog};
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
    id: TurnId,
    turn: RunningTurn,
    /// The run of the parent's turn.
    bound_to: Option<u64>,
    /// Whether it was admitted: its beginning is in the state.
    has_begun: bool,
    /// Whether its answer was returned and is not in the state yet.
    is_storing: bool,
}

/// How many unreadable messages are remembered as reported, and how many failures.
const MAX_REPORTED: usize = 10_000;

/// All turns that run in this process, and those that wait to be admitted.
///
/// They are held by the numbers of their runs, oldest first: a turn that is tried again twice at once
/// has two runs, of which one is refused.
#[derive(Clone, Debug, Default)]
pub(crate) struct RunningTurns {
    turns: Arc<Mutex<BTreeMap<u64, Registered>>>,
    runs: Arc<AtomicU64>,
    reported: Arc<Mutex<HashSet<(ConversationId, MessageId)>>>,
    /// Why the state has less than what a turn returned, until somebody asks.
    unstored: Arc<Mutex<HashMap<ConversationId, ConversationError>>>,
    /// Counts the turns that have ended.
    ended: Arc<watch::Sender<u64>>,
}

impl RunningTurns {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Registered>> {
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn unstored(&self) -> MutexGuard<'_, HashMap<ConversationId, ConversationError>> {
        self.unstored.lock().unwrap_or_else(PoisonError::into_inner)
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
        let run = self.runs.fetch_add(1, Ordering::Relaxed);
        let mut turns = self.lock();
        let in_parent = turns
            .iter()
            .filter(|(_, held)| !held.is_storing)
            .find(|(_, held)| Some(&held.turn.conversation) == turn.parent.as_ref());
        let bound_to = in_parent.map(|(run, _)| *run);
        let registered = Registered {
            id: turn.log.turn().clone(),
            turn,
            bound_to,
            has_begun: false,
            is_storing: false,
        };
        turns.insert(run, registered);
        drop(turns);
        RunningGuard {
            turns: self.clone(),
            run,
        }
    }

    /// Returns a turn of a conversation: of its runs, the one that has begun. Whoever may see the
    /// conversation may see it: an id alone is no right to a turn.
    pub(crate) fn get(&self, conversation: &ConversationId, turn: &TurnId) -> Option<RunningTurn> {
        let turns = self.lock();
        let runs = turns
            .values()
            .filter(|held| held.turn.conversation == *conversation && held.id == *turn);
        let found = runs.max_by_key(|held| held.has_begun);
        found.map(|held| held.turn.clone())
    }

    /// Ends all runs of a turn early; returns whether there is one.
    pub(crate) fn stop_turn(&self, conversation: &ConversationId, turn: &TurnId) -> bool {
        let turns = self.lock();
        let runs = turns
            .values()
            .filter(|held| held.turn.conversation == *conversation && held.id == *turn);
        runs.map(|held| held.turn.stop.stop(StopReason::Cancelled))
            .count()
            > 0
    }

    /// Notes that the run of a log was admitted.
    pub(crate) fn has_begun(&self, log: &Arc<TurnLog>) {
        let mut turns = self.lock();
        let held = turns.values_mut();
        for held in held.filter(|held| Arc::ptr_eq(&held.turn.log, log)) {
            held.has_begun = true;
        }
    }

    /// Notes which turn the run of a log goes on with.
    pub(crate) fn goes_on_with(&self, log: &Arc<TurnLog>, turn: &TurnId) {
        log.repeat(turn.clone());
        let mut turns = self.lock();
        let held = turns.values_mut();
        for held in held.filter(|held| Arc::ptr_eq(&held.turn.log, log)) {
            held.id = turn.clone();
        }
    }

    /// Returns whether the answer of a turn of this process was returned and is not in the state
    /// yet.
    pub(crate) fn is_storing(&self, turn: &TurnId) -> bool {
        let turns = self.lock();
        turns
            .values()
            .any(|held| held.id == *turn && held.is_storing)
    }

    /// Waits until no turn stores media of an answer that was returned: of a conversation, or of all
    /// in this process.
    pub(crate) async fn storing_ended(&self, conversation: Option<&ConversationId>) {
        let is_meant = |held: &Registered| {
            held.is_storing && conversation.is_none_or(|id| held.turn.conversation == *id)
        };
        let mut ended = self.ended.subscribe();
        // The sender lives in `self`, so the channel cannot be closed.
        let _ = ended
            .wait_for(|_| !self.lock().values().any(is_meant))
            .await;
    }

    /// Waits as [`storing_ended`](Self::storing_ended) does.
    ///
    /// # Errors
    /// The reason for which the state has less than what was returned. It is reported once.
    pub(crate) async fn flush(
        &self,
        conversation: Option<&ConversationId>,
    ) -> Result<(), ConversationError> {
        self.storing_ended(conversation).await;
        let mut unstored = self.unstored();
        let told = match conversation {
            Some(id) => Some(id.clone()),
            None => unstored.keys().next().cloned(),
        };
        let failure = told.and_then(|id| unstored.remove(&id));
        failure.map_or(Ok(()), Err)
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

/// Takes a run off the list of running turns when it is dropped.
#[derive(Debug)]
pub(crate) struct RunningGuard {
    turns: RunningTurns,
    run: u64,
}

impl RunningGuard {
    /// Notes that the answer is returned before the state has it.
    pub(crate) fn begin_storing(&self) {
        if let Some(held) = self.turns.lock().get_mut(&self.run) {
            held.is_storing = true;
        }
    }

    /// Notes whether the state has what was returned.
    pub(crate) fn end_storing(self, stored: Result<(), ConversationError>) {
        let Err(error) = stored else { return };
        let of = |held: &Registered| held.turn.conversation.clone();
        let conversation = self.turns.lock().get(&self.run).map(of);
        let mut unstored = self.turns.unstored();
        if let Some(conversation) = conversation
            && unstored.len() < MAX_REPORTED
        {
            unstored.insert(conversation, error);
        }
    }
}

impl Drop for RunningGuard {
    fn drop(&mut self) {
        let mut turns = self.turns.lock();
        turns.remove(&self.run);
        for held in turns.values() {
            if held.bound_to == Some(self.run) {
                held.turn.stop.stop(StopReason::Cancelled);
            }
        }
        drop(turns);
        self.turns.ended.send_modify(|ended| *ended += 1);
    }
}
