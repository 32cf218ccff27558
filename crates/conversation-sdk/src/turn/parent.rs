//! The turn of a conversation's parent that a turn ends with.

use std::time::Duration;

use chrono::TimeDelta;
use conversation_state::{
    ConversationRecord, ConversationStatus, LoadedConversation, StateError, StateStore, TurnStatus,
    Window,
};
use conversation_types::TurnId;
use media_types::ConversationId;

/// A turn of the parent that ran when a turn of its child began, on whichever node.
#[derive(Debug)]
pub(crate) struct ParentTurn {
    conversation: ConversationId,
    turn: TurnId,
}

impl ParentTurn {
    /// Returns the turn that runs in the parent of a conversation.
    pub(crate) async fn of(
        state: &dyn StateStore,
        child: &ConversationRecord,
    ) -> Result<Option<Self>, StateError> {
        let Some(conversation) = child.parent.clone() else {
            return Ok(None);
        };
        let loaded = load(state, &conversation).await?;
        let turn = loaded
            .as_ref()
            .and_then(|loaded| running(loaded, TimeDelta::zero()));
        Ok(turn.map(|turn| Self { conversation, turn }))
    }

    /// Returns whether it has ended, or its lease has for longer than `grace`: an owner that was late
    /// may still go on.
    pub(crate) async fn has_ended(
        &self,
        state: &dyn StateStore,
        grace: Duration,
    ) -> Result<bool, StateError> {
        let loaded = load(state, &self.conversation).await?;
        let grace = TimeDelta::from_std(grace).unwrap_or(TimeDelta::days(1));
        let running = loaded.as_ref().and_then(|loaded| running(loaded, grace));
        Ok(running.as_ref() != Some(&self.turn))
    }
}

async fn load(
    state: &dyn StateStore,
    id: &ConversationId,
) -> Result<Option<LoadedConversation>, StateError> {
    state.load(id, Window::MetadataOnly.into()).await
}

/// The turn of a conversation that waits for people, or that somebody runs: whose lease holds, or was over
/// less than `grace` ago.
fn running(loaded: &LoadedConversation, grace: TimeDelta) -> Option<TurnId> {
    if loaded.record.status == ConversationStatus::Deleting {
        return None;
    }
    let turn = loaded.current_turn()?;
    let runs = match turn.status {
        TurnStatus::Suspended => true,
        TurnStatus::Running => {
            let lease = turn.lease.as_ref();
            lease.is_some_and(|lease| lease.expires_at > loaded.now - grace)
        }
        _ => false,
    };
    runs.then(|| turn.id.clone())
}
