//! Outcomes of turns that the state has.

use conversation_events::{
    ConversationError, ConversationErrorKind as Kind, Response, TurnOutcome,
};
use conversation_state::{TurnRecord, TurnStatus};

/// Returns the outcome of a turn that has ended, as the state has it.
pub(crate) fn outcome_of(response: Response, turn: &TurnRecord) -> TurnOutcome {
    match turn.status {
        TurnStatus::Complete | TurnStatus::Suspended => Ok(Box::new(response)),
        _ => {
            let word = turn.error.as_deref().unwrap_or_default();
            let kind = Kind::ALL.iter().copied().find(|kind| kind.as_str() == word);
            Err(ConversationError::new(kind.unwrap_or(Kind::Other))
                .with_turn(turn.id.clone())
                .with_kept(response))
        }
    }
}
