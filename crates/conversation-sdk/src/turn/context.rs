//! The history that goes with a turn.

use std::collections::HashMap;

use conversation_events::{ConversationError, ConversationErrorKind as Kind};
use conversation_state::{ContextInclusion, LoadedConversation, TurnRecord, Window};
use conversation_types::{Message, MessageId, Role, TurnId};
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
    let mut start = first_position(loaded).unwrap_or(end);
    let mut messages = (4 * max as u64).max(8);
    while start > 0 && turns_in(loaded) < max {
        start = end.saturating_sub(messages);
        messages = messages.saturating_mul(2);
        let window = Window::Range(start..end);
        let read = core.state.load(&loaded.record.id, window.into()).await?;
        let read = read.ok_or_else(|| ConversationError::new(Kind::NotFound))?;
        (loaded.messages, loaded.turns) = (read.messages, read.turns);
    }
    Ok(())
}

fn first_position(loaded: &LoadedConversation) -> Option<u64> {
    let current = loaded.messages.iter().filter(|stored| stored.branch == 0);
    current.map(|stored| stored.position).min()
}

fn turns_in(loaded: &LoadedConversation) -> usize {
    starts(&in_context(loaded, None)).count()
}

/// Returns the messages of earlier turns that are part of a request, oldest first.
///
/// The beginning moves in steps of a quarter of the window, so that requests share their beginning
/// for many turns, and never into the middle of a turn.
pub(super) fn history(
    loaded: &LoadedConversation,
    max_turns: Option<usize>,
    current: &TurnId,
) -> Vec<Message> {
    let mut messages = in_context(loaded, Some(current));
    if let Some(max) = max_turns {
        let beyond = starts(&messages).count().saturating_sub(max);
        // A history that fits the window begins at its beginning.
        if beyond > 0 || first_position(loaded) > Some(0) {
            let skip = beyond + turns_to_skip(loaded.record.counters.slots, max);
            messages.drain(..start_of_turn(&messages, skip));
        }
    }
    messages.into_iter().cloned().collect()
}

/// The messages that are part of requests of turns other than the current one.
fn in_context<'a>(loaded: &'a LoadedConversation, current: Option<&TurnId>) -> Vec<&'a Message> {
    let turns: HashMap<&TurnId, &TurnRecord> =
        loaded.turns.iter().map(|turn| (&turn.id, turn)).collect();
    let in_context = |message: &&Message| match &message.turn {
        None => true,
        Some(id) if Some(id) == current => false,
        Some(id) => match turns.get(id).map(|turn| turn.in_context) {
            Some(ContextInclusion::None) => false,
            Some(ContextInclusion::UserOnly) => message.role == Role::User,
            _ => true,
        },
    };
    loaded
        .messages
        .iter()
        .filter(|stored| stored.branch == 0)
        .map(|stored| &stored.message)
        .filter(|message| message.role != Role::Unknown)
        .filter(in_context)
        .collect()
}

/// How many of the turns in the window to leave out, so that the beginning moves in steps.
fn turns_to_skip(turns: u64, max: usize) -> usize {
    let first = turns.saturating_sub(max as u64);
    let step = max as u64 / 4;
    if first == 0 || step < 2 {
        return 0;
    }
    (first.next_multiple_of(step) - first) as usize
}

/// Where turns begin: at messages of the user after others, or after those of another turn.
fn starts(messages: &[&Message]) -> impl DoubleEndedIterator<Item = usize> + Clone {
    let is_start = move |at: &usize| {
        let message = messages[*at];
        message.role == Role::User && !(*at > 0 && same_turn(messages[at - 1], message))
    };
    (0..messages.len()).filter(is_start)
}

/// Returns where the turn after `skip` others begins.
fn start_of_turn(messages: &[&Message], skip: usize) -> usize {
    let mut starts = starts(messages);
    match starts.clone().count() {
        // A window that holds less than a turn begins with it.
        count if count <= skip => starts.next_back().unwrap_or(0),
        _ => starts.nth(skip).unwrap_or(0),
    }
}

fn same_turn(before: &Message, after: &Message) -> bool {
    before.turn.is_some() && before.turn == after.turn
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beginning_moves_in_steps() {
        let begins: Vec<u64> = (16..=32)
            .map(|turns: u64| turns.saturating_sub(16) + turns_to_skip(turns, 16) as u64)
            .collect();
        assert_eq!(
            begins,
            [0, 4, 4, 4, 4, 8, 8, 8, 8, 12, 12, 12, 12, 16, 16, 16, 16]
        );
    }

    #[test]
    fn the_window_begins_with_a_turn() {
        let message = |role| Message::new(role, vec![]);
        let messages: Vec<Message> = [Role::Assistant, Role::User, Role::Tool, Role::User]
            .into_iter()
            .map(message)
            .collect();
        let messages: Vec<&Message> = messages.iter().collect();
        assert_eq!(start_of_turn(&messages, 0), 1);
        assert_eq!(start_of_turn(&messages, 1), 3);
        assert_eq!(start_of_turn(&messages, 9), 3);
    }
}
