//! Looking up beforehand what a write depends on, for stores that are reached over a network.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use conversation_types::{MessageId, TurnId};

use crate::error::StateError;
use crate::id::WriteId;
use crate::load::MessagePosition;
use crate::transition::prepare::PreparedWrite;
use crate::transition::view::{LoggedWrite, StateView, TurnRow};

/// What [`judge`](crate::transition::judge) looks up for one write, beside the record's current
/// turn, the entry of the log for the write, and the times of log entries that are too old.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Lookups {
    /// Turns to look up by their ids.
    pub turns: BTreeSet<TurnId>,
    /// Idempotency keys whose turns are looked up.
    pub keys: BTreeSet<String>,
    /// Messages whose places are looked up.
    pub messages: BTreeSet<MessageId>,
}

impl Lookups {
    /// Returns what a write has to have looked up.
    pub fn of(prepared: &PreparedWrite) -> Self {
        let write = &prepared.write;
        let mut lookups = Self::default();
        for turn in &write.turns {
            lookups.turns.insert(turn.id.clone());
            lookups.keys.extend(turn.idempotency_key.clone());
        }
        lookups.turns.extend(write.cancel_turn.clone());
        for message in &prepared.append {
            lookups.turns.extend(message.turn.clone());
            lookups.messages.insert(message.id.clone());
        }
        let replaced = prepared.replace.iter().map(|message| message.id.clone());
        lookups.messages.extend(replaced);
        let after = write.truncate.as_ref().and_then(|cut| cut.after.clone());
        lookups.messages.extend(after);
        lookups
    }
}

/// A [`StateView`] of what was looked up before. What is missing in it is not in the conversation.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct LookupResults {
    /// The entry of the log for the write, if it has one.
    pub logged: Option<LoggedWrite>,
    /// When the oldest versions that are still in the log were made: at least the oldest 16 of those
    /// that are not among the newest 1,000 once the write is applied.
    pub log_times: BTreeMap<u64, DateTime<Utc>>,
    /// Turns by their ids, the record's current turn among them.
    pub turns: HashMap<TurnId, TurnRow>,
    /// Turns by their idempotency keys.
    pub keys: HashMap<String, TurnId>,
    /// Places of messages by their ids.
    pub messages: HashMap<MessageId, MessagePosition>,
}

impl LookupResults {
    /// Creates the results of a conversation that has nothing of what was looked up.
    pub fn new() -> Self {
        Self::default()
    }
}

impl StateView for LookupResults {
    fn logged(&self, id: WriteId, base: u64) -> Result<Option<LoggedWrite>, StateError> {
        let logged = self.logged.as_ref();
        let logged = logged.filter(|logged| logged.id == id && logged.version > base);
        Ok(logged.cloned())
    }

    fn logged_at(&self, version: u64) -> Result<Option<DateTime<Utc>>, StateError> {
        Ok(self.log_times.get(&version).copied())
    }

    fn turn(&self, id: &TurnId) -> Result<Option<TurnRow>, StateError> {
        Ok(self.turns.get(id).cloned())
    }

    fn turn_with_key(&self, key: &str) -> Result<Option<TurnId>, StateError> {
        Ok(self.keys.get(key).cloned())
    }

    fn message(&self, id: &MessageId) -> Result<Option<MessagePosition>, StateError> {
        Ok(self.messages.get(id).copied())
    }
}
