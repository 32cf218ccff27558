//! The history that goes with a turn.

use conversation_events::{ConversationError, ConversationErrorKind as Kind};
use conversation_state::{LoadedConversation, Window};
use conversation_types::MessageId;
use media_types::ConversationId;

use crate::core::Core;

/// Returns the window of the history that a turn reads.
pub(super) fn window(max_turns: Option<usize>) -> Window {
    match max_turns {
        Some(turns) => Window::NewestTurns(turns),
        None => Window::All,
    }
}

/// Returns the id of the message before a position; `None` at the beginning.
///
/// # Errors
/// `NotFound`, `State`.
pub(super) async fn message_before(
    core: &Core,
    id: &ConversationId,
    position: u64,
) -> Result<Option<MessageId>, ConversationError> {
    let Some(before) = position.checked_sub(1) else {
        return Ok(None);
    };
    let read = core.state.load(id, Window::Range(before..position).into());
    let message = read.await?.and_then(|mut read| read.messages.pop());
    let message = message.ok_or_else(|| ConversationError::new(Kind::NotFound))?;
    Ok(Some(message.message.id))
}

/// Ends the window that was read before a position, and reads what it lacks at its beginning then.
///
/// # Errors
/// `NotFound`, `State`.
pub(super) async fn end_window(
    core: &Core,
    loaded: &mut LoadedConversation,
    end: u64,
) -> Result<(), ConversationError> {
    loaded.messages.retain(|stored| stored.position < end);
    let Some(max) = core.config.max_history_turns() else {
        return Ok(());
    };
    let mut start = loaded.first_position().unwrap_or(end);
    let mut messages = (4 * max as u64).max(8);
    while start > 0 && loaded.turns_in_context() < max {
        start = end.saturating_sub(messages);
        messages = messages.saturating_mul(2);
        let window = Window::Range(start..end);
        let read = core.state.load(&loaded.record.id, window.into()).await?;
        let read = read.ok_or_else(|| ConversationError::new(Kind::NotFound))?;
        (loaded.messages, loaded.turns) = (read.messages, read.turns);
    }
    Ok(())
}
