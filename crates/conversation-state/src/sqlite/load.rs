//! Reading a window.

use std::collections::BTreeSet;

use conversation_types::MessageId;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::error::StateError;
use crate::failures::Failures;
use crate::load::{LoadOptions, LoadedConversation, StoredMessage, Window};
use crate::sqlite::rows::{self, integer, unsigned};
use crate::stored::read_message;
use crate::turn::TurnRecord;
use crate::update::PlannerEntry;

pub(super) const NEWEST_SLOTS: &str = "SELECT slot FROM slots \
    WHERE conversation = ?1 AND branch = 0 AND in_context = 1 ORDER BY slot DESC LIMIT ?2";
const SLOT_OF: &str = "SELECT slot FROM slots WHERE conversation = ?1 AND id = ?2";
pub(super) const SLOT: &str = "SELECT turn FROM slots WHERE conversation = ?1 AND slot = ?2";
pub(super) const BY_SLOT: &str = "SELECT branch, position, slot, id, message FROM messages \
    WHERE conversation = ?1 AND slot = ?2";
pub(super) const BY_POSITION: &str = "SELECT branch, position, slot, id, message FROM messages \
    WHERE conversation = ?1 AND branch = 0 AND position >= ?2 AND position < ?3 ORDER BY position";
const OF_BRANCHES: &str = "SELECT branch, position, slot, id, message FROM messages \
    WHERE conversation = ?1 AND branch > 0 AND position >= ?2 AND position < ?3 \
    ORDER BY branch, position";
const KEYED: &str = "SELECT turn FROM slots WHERE conversation = ?1 AND key = ?2";
const PLANNER: &str = "SELECT value FROM planner WHERE conversation = ?1 AND key = ?2";

/// What was read, with messages still to be decoded.
pub(super) struct RawConversation {
    loaded: LoadedConversation,
    messages: Vec<RawMessage>,
}

struct RawMessage {
    branch: u32,
    position: u64,
    slot: i64,
    id: String,
    json: Vec<u8>,
}

impl RawConversation {
    /// Decodes the messages, which takes time and no connection.
    pub(super) fn decode(self) -> LoadedConversation {
        let mut loaded = self.loaded;
        loaded.messages.reserve_exact(self.messages.len());
        for raw in self.messages {
            // An id that cannot be one is damage, too; the position still names the message.
            let id =
                MessageId::new(&raw.id).unwrap_or_else(|_| MessageId::at_position(raw.position));
            let message = read_message(&id, &raw.json);
            loaded
                .messages
                .push(StoredMessage::new(raw.position, raw.branch, message));
        }
        loaded
    }
}

pub(super) fn load(
    connection: &Connection,
    failures: &Failures,
    id: &str,
    options: &LoadOptions,
    now: chrono::DateTime<chrono::Utc>,
) -> Result<Option<RawConversation>, StateError> {
    let Some(row) = rows::find(connection, failures, id)? else {
        return Ok(None);
    };
    let reader = Reader {
        connection,
        failures,
        key: row.key,
    };
    let mut loaded = LoadedConversation::new(row.record, now);
    let mut slots = BTreeSet::new();
    let messages = reader.window(options, loaded.record.message_count, &mut slots)?;
    slots.extend(messages.iter().map(|message| message.slot));
    for turn in [&loaded.record.current_turn, &options.turn]
        .into_iter()
        .flatten()
    {
        slots.extend(reader.slot_of(turn.as_str())?);
    }
    for slot in slots {
        loaded
            .turns
            .extend(reader.turn(SLOT, params![row.key, slot])?);
    }
    if let Some(key) = &options.key {
        loaded.keyed_turn = reader.turn(KEYED, params![row.key, key])?;
    }
    for key in &options.planner {
        let value = reader.text(PLANNER, params![row.key, key])?;
        if let Some(value) =
            value.and_then(|json| conversation_types::RawJson::from_text(json).ok())
        {
            loaded.planner.push(PlannerEntry::new(key, value));
        }
    }
    Ok(Some(RawConversation { loaded, messages }))
}

struct Reader<'a> {
    connection: &'a Connection,
    failures: &'a Failures,
    key: i64,
}

impl Reader<'_> {
    fn window(
        &self,
        options: &LoadOptions,
        count: u64,
        slots: &mut BTreeSet<i64>,
    ) -> Result<Vec<RawMessage>, StateError> {
        let mut messages = Vec::new();
        if let Some(range) = options.window.positions(count) {
            if !range.is_empty() {
                let row = params![self.key, integer(range.start), integer(range.end)];
                self.messages(BY_POSITION, row, &mut messages)?;
            }
            if options.include_branches {
                // A branch may reach beyond the end of the history.
                let beyond = match &options.window {
                    Window::Range(asked) => asked.clone(),
                    Window::MetadataOnly => 0..0,
                    _ => range.start..u64::MAX,
                };
                let row = params![self.key, integer(beyond.start), integer(beyond.end)];
                self.messages(OF_BRANCHES, row, &mut messages)?;
            }
            return Ok(messages);
        }
        let mut branches = options.include_branches;
        match &options.window {
            Window::NewestTurns(turns) => {
                let limit = i64::try_from(*turns).unwrap_or(i64::MAX);
                self.newest_slots(limit, slots)?;
            }
            Window::Turn(id) => {
                branches = true;
                slots.extend(self.slot_of(id.as_str())?);
            }
            _ => {}
        }
        for slot in slots.iter() {
            self.messages(BY_SLOT, params![self.key, slot], &mut messages)?;
        }
        messages.retain(|message| branches || message.branch == 0);
        messages.sort_by_key(|message| (message.branch, message.position));
        Ok(messages)
    }

    fn messages(
        &self,
        sql: &str,
        parameters: impl rusqlite::Params,
        into: &mut Vec<RawMessage>,
    ) -> Result<(), StateError> {
        self.failures.map((|| {
            let mut query = self.connection.prepare_cached(sql)?;
            for message in query.query_map(parameters, raw)? {
                into.push(message?);
            }
            Ok(())
        })())
    }

    fn newest_slots(&self, limit: i64, into: &mut BTreeSet<i64>) -> Result<(), StateError> {
        self.failures.map((|| {
            let mut query = self.connection.prepare_cached(NEWEST_SLOTS)?;
            for slot in query.query_map(params![self.key, limit], |row| row.get(0))? {
                into.insert(slot?);
            }
            Ok(())
        })())
    }

    fn slot_of(&self, turn: &str) -> Result<Option<i64>, StateError> {
        self.failures.map(
            self.connection
                .prepare_cached(SLOT_OF)
                .and_then(|mut query| {
                    query
                        .query_row(params![self.key, turn], |row| row.get(0))
                        .optional()
                }),
        )
    }

    fn text(
        &self,
        sql: &str,
        parameters: impl rusqlite::Params,
    ) -> Result<Option<String>, StateError> {
        let found: Option<Option<String>> = self.failures.map(
            self.connection
                .prepare_cached(sql)
                .and_then(|mut query| query.query_row(parameters, |row| row.get(0)).optional()),
        )?;
        Ok(found.flatten())
    }

    /// A turn whose record is damaged is passed over: its messages are still there.
    fn turn(
        &self,
        sql: &str,
        parameters: impl rusqlite::Params,
    ) -> Result<Option<TurnRecord>, StateError> {
        let json = self.text(sql, parameters)?;
        Ok(json.and_then(|json| serde_json::from_str(&json).ok()))
    }
}

fn raw(row: &Row<'_>) -> rusqlite::Result<RawMessage> {
    Ok(RawMessage {
        branch: row.get(0)?,
        position: unsigned(row.get(1)?),
        slot: row.get(2)?,
        id: row.get(3)?,
        // Whatever somebody put there: text, bytes or nothing.
        json: match row.get_ref(4)? {
            ValueRef::Text(bytes) | ValueRef::Blob(bytes) => bytes.to_vec(),
            _ => Vec::new(),
        },
    })
}
