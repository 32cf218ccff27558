//! Looking up what a write depends on: one script, one moment.

use conversation_types::{MessageId, TurnId};

use crate::error::StateError;
use crate::id::WriteId;
use crate::load::MessagePosition;
use crate::record::ConversationRecord;
use crate::redis::keys::KEYS;
use crate::redis::server::{LOOK, Session, script};
use crate::redis::steps::slot_row;
use crate::transition::{LoggedWrite, LookupResults, Lookups, TurnRow};

/// The answer of the script.
type Answer = (
    Vec<u8>,
    Vec<u8>,
    u64,
    u64,
    String,
    Vec<Vec<u8>>,
    Vec<Vec<u8>>,
    Vec<Vec<u8>>,
    Vec<u8>,
    Vec<Vec<u8>>,
);

/// A conversation at one moment, and what a write on it depends on.
pub(super) struct Seen {
    /// What the conversation is recognized by when it is written; empty where there is none.
    pub(super) guard: String,
    pub(super) record: Option<ConversationRecord>,
    pub(super) results: LookupResults,
    pub(super) now: i64,
    /// What the tombstone holds; empty where there is none.
    pub(super) tombstone: String,
}

impl Seen {
    /// Whether the tombstone still refuses the id.
    pub(super) fn is_refused(&self) -> bool {
        let until: i64 = self.tombstone.parse().unwrap_or_default();
        self.now < until
    }
}

/// What a record is recognized by.
pub(super) fn guard(record: &ConversationRecord) -> String {
    format!("{}/{}", record.incarnation, record.version)
}

/// Looks at a conversation. `write` and `base` are those of the write that is looked for in the log.
pub(super) async fn look(
    session: &Session<'_>,
    id: &str,
    keys: &[String; KEYS],
    write: WriteId,
    base: u64,
    lookups: &Lookups,
) -> Result<Seen, StateError> {
    let failures = session.failures();
    let mut command = script(&LOOK, keys);
    command.arg(write.to_string()).arg(base);
    command.arg(lookups.turns.len());
    for turn in &lookups.turns {
        command.arg(turn.as_str());
    }
    command.arg(lookups.keys.len());
    for key in &lookups.keys {
        command.arg(key);
    }
    command.arg(lookups.messages.len());
    for message in &lookups.messages {
        command.arg(message.as_str());
    }
    let answer: Answer = session.one(command).await?;
    let (guard, json, seconds, micros, tombstone, turns, keyed, places, logged, times) = answer;
    let what = format!("the record of conversation `{}`", id.escape_debug());
    let record = match guard.is_empty() && json.is_empty() {
        true => None,
        false => Some(failures.read(&json, &what)?),
    };
    let mut results = LookupResults::new();
    for pair in turns.chunks_exact(2) {
        let slot = text(&pair[0]).parse().unwrap_or_default();
        let Some((header, turn)) = slot_row(&pair[1]) else {
            return Err(failures.damaged("a slot cannot be read"));
        };
        let id = header.id.unwrap_or_default();
        let turn = failures.read(turn, &format!("turn {id}"))?;
        let row = TurnRow::new(slot, header.branch, header.first, turn);
        results.turns.insert(turn_id(session, &id)?, row);
    }
    for pair in keyed.chunks_exact(2) {
        let id = turn_id(session, &text(&pair[1]))?;
        results.keys.insert(text(&pair[0]), id);
    }
    for pair in places.chunks_exact(2) {
        if let (Ok(id), Some(place)) = (MessageId::new(text(&pair[0])), place(&text(&pair[1]))) {
            results.messages.insert(id, place);
        }
    }
    if !logged.is_empty() {
        let logged: LoggedWrite = failures.read::<LogEntry>(&logged, "the log")?.into();
        results.logged = Some(logged).filter(|logged| logged.id == write && logged.version > base);
    }
    for entry in times {
        let entry: LogEntry = failures.read(&entry, "the log")?;
        let logged: LoggedWrite = entry.into();
        results.log_times.insert(logged.version, logged.at);
    }
    Ok(Seen {
        guard: text(&guard),
        record,
        results,
        now: session.time(seconds, micros),
        tombstone,
    })
}

/// An entry of the log as it is kept.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct LogEntry {
    id: WriteId,
    version: u64,
    head: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    epoch: Option<u64>,
    at: i64,
}

impl From<&LoggedWrite> for LogEntry {
    fn from(logged: &LoggedWrite) -> Self {
        Self {
            id: logged.id,
            version: logged.version,
            head: logged.head,
            epoch: logged.epoch,
            at: logged.at.timestamp_millis(),
        }
    }
}

impl From<LogEntry> for LoggedWrite {
    fn from(entry: LogEntry) -> Self {
        Self::new(
            entry.id,
            entry.version,
            entry.head,
            entry.epoch,
            time(entry.at),
        )
    }
}

/// A place as it is kept: `branch:position`.
pub(super) fn place(text: &str) -> Option<MessagePosition> {
    let (branch, position) = text.split_once(':')?;
    Some(MessagePosition::new(
        branch.parse().ok()?,
        position.parse().ok()?,
    ))
}

/// A time in milliseconds. What lies beyond the calendar is its end.
pub(super) fn time(milliseconds: i64) -> chrono::DateTime<chrono::Utc> {
    chrono::DateTime::from_timestamp_millis(milliseconds)
        .unwrap_or(chrono::DateTime::<chrono::Utc>::MAX_UTC)
}

/// Text; what somebody put there may be none.
pub(super) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn turn_id(session: &Session<'_>, id: &str) -> Result<TurnId, StateError> {
    TurnId::new(id).map_err(|error| {
        session
            .failures()
            .damaged("the id of a turn")
            .with_source(error)
    })
}
