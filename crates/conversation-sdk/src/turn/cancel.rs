//! Ending a turn that another node runs, or that waits for people.

use conversation_events::{
    ConversationError, ConversationErrorKind as Kind, EventKind, EventSubject, TurnTotals,
};
use conversation_state::{
    ConversationRecord, ConversationStatus, Fence, LoadOptions, LoadedConversation, StateErrorKind,
    StateWrite, TurnFence, TurnRecord, TurnStatus, Window, WriteOutcome,
};
use conversation_types::TurnId;

use super::resume;
use crate::core::Core;

/// How many lost races are looked behind.
const MAX_RACES: usize = 20;

/// Asks the owner of a turn to end it. A turn that waits for people has none, and is ended here.
///
/// # Errors
/// `NotFound`, `Conflict`, `State`.
pub(crate) async fn cancel(
    core: &Core,
    known: &ConversationRecord,
    id: &TurnId,
) -> Result<(), ConversationError> {
    let mut lost = None;
    for _ in 0..MAX_RACES {
        let options = LoadOptions::new(Window::MetadataOnly).with_turn(id.clone());
        let loaded = core.state.load(&known.id, options).await?;
        let loaded = loaded.filter(|loaded| loaded.record.incarnation == known.incarnation);
        let loaded = loaded.ok_or_else(|| ConversationError::new(Kind::NotFound))?;
        let turn = loaded.turn(id);
        let turn = turn.ok_or_else(|| ConversationError::new(Kind::NotFound))?;
        let is_deleting = loaded.record.status == ConversationStatus::Deleting;
        if !turn.status.is_open() || is_deleting {
            return Ok(());
        }
        let waits = turn.status == TurnStatus::Suspended;
        let fence = TurnFence::new(id.clone(), turn.epoch);
        let write = match waits {
            true => end_of_suspended(&loaded, turn, fence),
            false => {
                StateWrite::new(&loaded.record, Fence::Turn(fence)).with_cancel_turn(id.clone())
            }
        };
        match core.writer().write(write).await {
            WriteOutcome::Committed(_) if waits => {
                report(core, &loaded, turn);
                return Ok(());
            }
            WriteOutcome::Committed(_) => return Ok(()),
            // It has ended or gone on, or another owner has it now.
            WriteOutcome::NotCommitted(error) if error.kind() == StateErrorKind::Conflict => {
                lost = Some(error);
            }
            WriteOutcome::NotCommitted(error) | WriteOutcome::Indeterminate(error) => {
                return Err(error.into());
            }
        }
    }
    Err(lost.map_or_else(|| ConversationError::new(Kind::Conflict), Into::into))
}

/// The write that ends a turn which waits for people.
fn end_of_suspended(
    loaded: &LoadedConversation,
    turn: &TurnRecord,
    fence: TurnFence,
) -> StateWrite {
    let (ended, declined) = resume::decline(turn, "the user cancelled the turn");
    let fence = Fence::Head {
        head: loaded.record.head,
        turn: Some(fence),
    };
    StateWrite::new(&loaded.record, fence)
        .with_append(declined)
        .with_turn(ended)
}

fn report(core: &Core, loaded: &LoadedConversation, turn: &TurnRecord) {
    let mut subject = EventSubject::of(&loaded.record);
    subject.turn = Some(turn.id.clone());
    let took = (loaded.now - turn.started_at).to_std().unwrap_or_default();
    let totals = TurnTotals::new(turn.usage, turn.cost, took);
    let ended = EventKind::turn_interrupted(Kind::Cancelled, totals);
    core.listeners.emit(&subject, ended);
}
