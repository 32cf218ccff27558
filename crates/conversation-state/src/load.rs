//! Reading conversations.

use std::collections::BTreeMap;
use std::ops::Range;

use chrono::{DateTime, Utc};
use conversation_types::{Message, TurnId};

use crate::record::ConversationRecord;
use crate::turn::TurnRecord;
use crate::update::PlannerEntry;

/// Which messages of a conversation to read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Window {
    /// None.
    #[default]
    MetadataOnly,
    /// Those of the newest turns in context. Messages without a turn count as turns that begin at
    /// each message of the user.
    NewestTurns(usize),
    /// The newest messages.
    NewestMessages(usize),
    /// Those at these positions, from 0; positions beyond the end are no error.
    Range(Range<u64>),
    /// Those of a turn, on whatever branch.
    Turn(TurnId),
    /// Those from a position on.
    Since(u64),
    /// All.
    All,
}

impl Window {
    /// Returns the positions that the window means in a history of a number of messages, or nothing
    /// for a window of turns.
    pub fn positions(&self, messages: u64) -> Option<Range<u64>> {
        let range = match self {
            Self::MetadataOnly => messages..messages,
            Self::NewestMessages(n) => messages.saturating_sub(*n as u64)..messages,
            Self::Range(range) => {
                let start = range.start.min(messages);
                start..range.end.clamp(start, messages)
            }
            Self::Since(position) => (*position).min(messages)..messages,
            Self::All => 0..messages,
            Self::NewestTurns(_) | Self::Turn(_) => return None,
        };
        Some(range)
    }
}

/// What to read of a conversation beside its record and its current turn.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LoadOptions {
    /// Which messages to read, with the turns that they belong to.
    pub window: Window,
    /// A turn to read in any case.
    pub turn: Option<TurnId>,
    /// The idempotency key of a turn to read.
    pub key: Option<String>,
    /// Keys of rows of request planners to read.
    pub planner: Vec<String>,
    /// Whether messages that were cut off and kept are read as well: those that fit the window by
    /// position or by turn.
    pub include_branches: bool,
}

impl LoadOptions {
    /// Creates options that read a window.
    pub fn new(window: Window) -> Self {
        Self {
            window,
            ..Self::default()
        }
    }

    /// Sets a turn to read in any case. Defaults to none.
    #[must_use]
    pub fn with_turn(mut self, turn: TurnId) -> Self {
        self.turn = Some(turn);
        self
    }

    /// Sets the idempotency key of a turn to read. Defaults to none.
    #[must_use]
    pub fn with_key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// Adds the key of a row of a request planner. Defaults to none.
    #[must_use]
    pub fn with_planner(mut self, key: impl Into<String>) -> Self {
        self.planner.push(key.into());
        self
    }

    /// Sets whether messages that were cut off are read as well. Defaults to `false`.
    #[must_use]
    pub fn with_branches(mut self, include: bool) -> Self {
        self.include_branches = include;
        self
    }
}

impl From<Window> for LoadOptions {
    fn from(window: Window) -> Self {
        Self::new(window)
    }
}

/// A message and its place.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct StoredMessage {
    /// The position on its branch, from 0.
    pub position: u64,
    /// The branch; 0 is the history itself.
    pub branch: u32,
    /// The message.
    pub message: Message,
}

impl StoredMessage {
    /// Creates a message at a place.
    pub fn new(position: u64, branch: u32, message: Message) -> Self {
        Self {
            position,
            branch,
            message,
        }
    }
}

/// The place of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct MessagePosition {
    /// The branch; 0 is the history itself.
    pub branch: u32,
    /// The position on the branch, from 0.
    pub position: u64,
}

impl MessagePosition {
    /// Creates a place.
    pub fn new(branch: u32, position: u64) -> Self {
        Self { branch, position }
    }
}

/// A conversation as it was at one moment, never between two writes.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct LoadedConversation {
    /// The record.
    pub record: ConversationRecord,
    /// The turns of the messages, the current turn, and the one that was asked for, each once, in
    /// the order in which they began.
    pub turns: Vec<TurnRecord>,
    /// The messages of the window, by branch and position.
    pub messages: Vec<StoredMessage>,
    /// The turn that has the idempotency key.
    pub keyed_turn: Option<TurnRecord>,
    /// The rows of request planners, where there are any.
    pub planner: Vec<PlannerEntry>,
    /// The time by the store's clock.
    pub now: DateTime<Utc>,
}

impl LoadedConversation {
    /// Creates a conversation of which only the record was read.
    pub fn new(record: ConversationRecord, now: DateTime<Utc>) -> Self {
        Self {
            record,
            turns: Vec::new(),
            messages: Vec::new(),
            keyed_turn: None,
            planner: Vec::new(),
            now,
        }
    }

    /// Returns a turn that was read.
    pub fn turn(&self, id: &TurnId) -> Option<&TurnRecord> {
        self.turns.iter().find(|turn| turn.id == *id)
    }

    /// Returns the messages of a turn that was read with [`Window::Turn`], as it ended: also those that were
    /// cut off afterwards, and none of attempts that were replaced.
    pub fn into_messages_of_turn(self) -> Vec<Message> {
        let turn = self
            .messages
            .first()
            .and_then(|stored| stored.message.turn.as_ref());
        let turn = turn.and_then(|id| self.turn(id));
        let replaced = 1..=turn.map_or(0, |turn| turn.replaced_through);
        let mut branches: BTreeMap<u32, Vec<StoredMessage>> = BTreeMap::new();
        for stored in self.messages {
            if replaced.contains(&stored.branch) {
                continue;
            }
            branches.entry(stored.branch).or_default().push(stored);
        }
        let current = branches.remove(&0);
        let mut messages = Vec::new();
        let mut end = None;
        // What was cut off last lies right behind what is left. The first that does not was replaced by it, and
        // then so was everything that had been cut off before: in records that do not say it.
        for branch in current.into_iter().chain(branches.into_values().rev()) {
            let (Some(first), Some(last)) = (branch.first(), branch.last()) else {
                continue;
            };
            if end.is_some_and(|end| first.position != end) {
                break;
            }
            end = Some(last.position + 1);
            messages.extend(branch.into_iter().map(|stored| stored.message));
        }
        messages
    }

    /// Returns the turn that is running or suspended.
    pub fn current_turn(&self) -> Option<&TurnRecord> {
        self.turn(self.record.current_turn.as_ref()?)
    }
}

#[cfg(test)]
mod tests {
    use media_types::ConversationId;

    use super::*;

    #[test]
    fn messages_of_a_turn_are_those_with_which_it_ended() {
        let table: [(Branches<'_>, &str); 10] = [
            (&[], ""),
            (&[(0, 3, "ua")], "ua"),
            // Cut off afterwards: at once, bit by bit, or as a whole.
            (&[(0, 3, "u"), (1, 4, "abc")], "uabc"),
            (
                &[(0, 3, "u"), (1, 6, "c"), (2, 5, "b"), (3, 4, "a")],
                "uabc",
            ),
            (&[(1, 6, "c"), (4, 3, "uab")], "uabc"),
            // Replaced by a new attempt.
            (&[(0, 3, "uA"), (1, 4, "abc")], "uA"),
            (&[(0, 3, "uA"), (1, 5, "bc"), (2, 4, "a")], "uA"),
            // The tail of the old attempt was cut off before, and lies behind the new one or right at its end.
            (&[(0, 3, "uA"), (1, 6, "c"), (2, 4, "ab")], "uA"),
            (&[(0, 3, "uAB"), (1, 6, "c"), (2, 4, "ab")], "uAB"),
            // And the new one was cut off, too.
            (
                &[(0, 3, "u"), (1, 6, "c"), (2, 4, "ab"), (3, 4, "AB")],
                "uAB",
            ),
        ];
        for (branches, expected) in table {
            assert_eq!(texts_of_turn(branches, 0), expected, "{branches:?}");
        }
    }

    #[test]
    fn messages_of_replaced_attempts_do_not_come_back_after_a_removal() {
        // "abc" was replaced by an attempt that was removed, or removed but for its beginning.
        assert_eq!(texts_of_turn(&[(0, 3, "u"), (1, 4, "abc")], 1), "u");
        assert_eq!(texts_of_turn(&[(0, 3, "uA"), (1, 5, "rf")], 1), "uA");
        // What the new attempt lost later is its own.
        let branches = [(0, 3, "u"), (1, 4, "abc"), (2, 4, "AB")];
        assert_eq!(texts_of_turn(&branches, 1), "uAB");
    }

    /// Of each branch its number, its first position, and its messages.
    type Branches<'a> = &'a [(u32, u64, &'a str)];

    fn texts_of_turn(branches: Branches<'_>, replaced_through: u32) -> String {
        let mut turn = TurnRecord::new(TurnId::mint());
        turn.replaced_through = replaced_through;
        let record = ConversationRecord::new(ConversationId::mint());
        let mut loaded = LoadedConversation::new(record, Utc::now());
        for (branch, first, texts) in branches {
            let places = (*first..).zip(texts.chars());
            loaded.messages.extend(places.map(|(position, text)| {
                let message = Message::user(text.to_string()).with_turn(turn.id.clone());
                StoredMessage::new(position, *branch, message)
            }));
        }
        loaded.turns.push(turn);
        let messages = loaded.into_messages_of_turn();
        messages.iter().map(Message::text).collect()
    }
}
