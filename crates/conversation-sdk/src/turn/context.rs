//! The history that goes with a turn.

use std::collections::HashMap;

use conversation_state::{ContextInclusion, LoadedConversation, TurnRecord, Window};
use conversation_types::{Message, Role, TurnId};

/// Returns the window of the history that a turn reads.
pub(super) fn window(max_turns: Option<usize>) -> Window {
    match max_turns {
        Some(turns) => Window::NewestTurns(turns),
        None => Window::All,
    }
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
    let turns: HashMap<&TurnId, &TurnRecord> =
        loaded.turns.iter().map(|turn| (&turn.id, turn)).collect();
    let in_context = |message: &Message| match &message.turn {
        None => true,
        Some(id) if id == current => false,
        Some(id) => match turns.get(id).map(|turn| turn.in_context) {
            Some(ContextInclusion::None) => false,
            Some(ContextInclusion::UserOnly) => message.role == Role::User,
            _ => true,
        },
    };
    let mut messages: Vec<Message> = loaded
        .messages
        .iter()
        .filter(|stored| stored.branch == 0)
        .map(|stored| &stored.message)
        .filter(|message| message.role != Role::Unknown)
        .filter(|message| in_context(message))
        .cloned()
        .collect();
    if let Some(max) = max_turns {
        let skip = turns_to_skip(loaded.record.counters.slots, max);
        messages.drain(..start_of_turn(&messages, skip));
    }
    messages
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

/// Where the turn after so many others begins: a message of the user after one that is not.
fn start_of_turn(messages: &[Message], skip: usize) -> usize {
    let is_user = |message: Option<&Message>| message.is_some_and(|m| m.role == Role::User);
    let mut starts = (0..messages.len()).filter(|at| {
        is_user(messages.get(*at)) && !(*at > 0 && same_turn(&messages[at - 1], &messages[*at]))
    });
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
        assert_eq!(start_of_turn(&messages, 0), 1);
        assert_eq!(start_of_turn(&messages, 1), 3);
        assert_eq!(start_of_turn(&messages, 9), 3);
    }
}
