//! The turn of a conversation's parent that a turn ends with.

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
        let turn = loaded.as_ref().and_then(running);
        Ok(turn.map(|turn| Self { conversation, turn }))
    }

    /// Returns whether it has ended, or its lease has and nobody took it over.
    pub(crate) async fn has_ended(&self, state: &dyn StateStore) -> Result<bool, StateError> {
        let loaded = load(state, &self.conversation).await?;
        Ok(loaded.as_ref().and_then(running).as_ref() != Some(&self.turn))
    }
}

async fn load(
    state: &dyn StateStore,
    id: &ConversationId,
) -> Result<Option<LoadedConversation>, StateError> {
    state.load(id, Window::MetadataOnly.into()).await
}

/// The turn of a conversation that waits for people, or that somebody runs.
fn running(loaded: &LoadedConversation) -> Option<TurnId> {
    if loaded.record.status == ConversationStatus::Deleting {
        return None;
    }
    let turn = loaded.current_turn()?;
    let runs = match turn.status {
        TurnStatus::Suspended => true,
        TurnStatus::Running => {
            let lease = turn.lease.as_ref();
            lease.is_some_and(|lease| lease.expires_at > loaded.now)
        }
        _ => false,
    };
    runs.then(|| turn.id.clone())
}
