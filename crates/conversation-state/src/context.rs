//! Which messages of a history are part of a request.

use std::collections::HashMap;

use conversation_types::{Message, Role, TurnId};

use crate::load::LoadedConversation;
use crate::turn::{ContextInclusion, TurnRecord};

impl LoadedConversation {
    /// Returns the position of the first message of the history that was read.
    pub fn first_position(&self) -> Option<u64> {
        let current = self.messages.iter().filter(|stored| stored.branch == 0);
        current.map(|stored| stored.position).min()
    }

    /// Returns how many turns that are part of a request were read.
    pub fn turns_in_context(&self) -> usize {
        starts(&self.in_context(None)).count()
    }

    /// Returns the messages of earlier turns than the current one that are part of a request, oldest
    /// first, of at most as many turns, where there is a limit.
    ///
    /// The beginning moves in steps of a quarter of the window, so that requests share their beginning
    /// for many turns, and never into the middle of a turn.
    pub fn earlier_messages(&self, max_turns: Option<usize>, current: &TurnId) -> Vec<Message> {
        let mut messages = self.in_context(Some(current));
        if let Some(max) = max_turns {
            let beyond = starts(&messages).count().saturating_sub(max);
            // A history that fits the window begins at its beginning.
            if beyond > 0 || self.first_position() > Some(0) {
                let skip = beyond + turns_to_skip(self.record.counters.slots, max);
                messages.drain(..start_of_turn(&messages, skip));
            }
        }
        messages.into_iter().cloned().collect()
    }

    /// The messages that are part of requests of turns other than the current one.
    fn in_context(&self, current: Option<&TurnId>) -> Vec<&Message> {
        let turns: HashMap<&TurnId, &TurnRecord> =
            self.turns.iter().map(|turn| (&turn.id, turn)).collect();
        let in_context = |message: &&Message| match &message.turn {
            None => true,
            Some(id) if Some(id) == current => false,
            Some(id) => match turns.get(id).map(|turn| turn.in_context) {
                Some(ContextInclusion::None) => false,
                Some(ContextInclusion::UserOnly) => message.role == Role::User,
                _ => true,
            },
        };
        self.messages
            .iter()
            .filter(|stored| stored.branch == 0)
            .map(|stored| &stored.message)
            .filter(|message| message.role != Role::Unknown)
            .filter(in_context)
            .collect()
    }
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
