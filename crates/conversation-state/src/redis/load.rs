//! Reading a window: one script, one moment.

use std::collections::BTreeMap;

use conversation_types::{MessageId, RawJson};
use futures_util::future::BoxFuture;

use crate::error::StateError;
use crate::load::{LoadOptions, LoadedConversation, MessagePosition, StoredMessage, Window};
use crate::redis::keys::MESSAGES;
use crate::redis::look::{place, text, time};
use crate::redis::server::{LOAD, Session, script};
use crate::redis::steps::slot_row;
use crate::stored::read_message;
use crate::turn::TurnRecord;
use crate::update::PlannerEntry;

/// The highest position: numbers of scripts are exact up to here.
const LAST: u64 = 1 << 53;
/// The most turns of a window.
const MOST: u64 = 1 << 31;

/// What is read only where there is a conversation: slots, messages, the turn of a key, planners.
type Rest = (Vec<Vec<u8>>, Vec<redis::Value>, Vec<u8>, Vec<Vec<u8>>);

/// What a conversation is read with.
pub(super) struct Loading {
    pub(super) id: String,
    pub(super) options: LoadOptions,
}

/// What was read, with messages still to be decoded.
pub(super) struct RawConversation {
    loaded: LoadedConversation,
    messages: Vec<(MessagePosition, String, Vec<u8>)>,
}

impl RawConversation {
    /// Returns the number of bytes of the messages.
    pub(super) fn size(&self) -> usize {
        self.messages.iter().map(|(_, _, json)| json.len()).sum()
    }

    /// Decodes the messages, which takes time and no connection.
    pub(super) fn decode(self) -> LoadedConversation {
        let mut loaded = self.loaded;
        for (place, id, json) in self.messages {
            // An id that cannot be one is damage, too; the position still names the message.
            let id = MessageId::new(&id).unwrap_or_else(|_| MessageId::at_position(place.position));
            let message = read_message(&id, &json);
            let stored = StoredMessage::new(place.position, place.branch, message);
            loaded.messages.push(stored);
        }
        loaded
    }
}

/// Kind of a window and its two numbers, as the script takes them.
fn window(window: &Window) -> (&'static str, u64, u64) {
    let many = |n: usize| (n as u64).min(MOST);
    match window {
        Window::MetadataOnly | Window::NewestTurns(0) => ("range", 0, 0),
        Window::NewestTurns(turns) => ("turns", many(*turns), 0),
        Window::NewestMessages(messages) => ("newest", many(*messages), 0),
        Window::Range(range) => ("range", range.start.min(LAST), range.end.min(LAST)),
        Window::Turn(_) => ("turn", 0, 0),
        Window::Since(position) => ("range", (*position).min(LAST), LAST),
        Window::All => ("range", 0, LAST),
    }
}

pub(super) fn load<'s>(
    session: &'s Session<'s>,
    input: &'s Loading,
) -> BoxFuture<'s, Result<Option<RawConversation>, StateError>> {
    Box::pin(async move {
        let (failures, options) = (session.failures(), &input.options);
        let keys = session.keys().conversation(&input.id);
        let (kind, first, last) = window(&options.window);
        let of_window = match &options.window {
            Window::Turn(turn) => turn.as_str(),
            _ => "",
        };
        let key = options.key.as_ref().map(|key| format!("k:{key}"));
        let mut command = script(&LOAD, &keys);
        command
            .arg(kind)
            .arg(first)
            .arg(last)
            .arg(of_window)
            .arg(u8::from(options.include_branches))
            .arg(options.turn.as_ref().map_or("", |turn| turn.as_str()))
            .arg(key.unwrap_or_default());
        for key in &options.planner {
            command.arg(key);
        }
        let answer: Vec<redis::Value> = session.one(command).await?;
        let mut answer = answer.into_iter();
        let mut next = || answer.next().unwrap_or(redis::Value::Nil);
        let json: Vec<u8> = session.read(next())?;
        if json.is_empty() {
            return Ok(None);
        }
        let what = format!("the record of conversation `{}`", input.id.escape_debug());
        let record = failures.read(&json, &what)?;
        let (seconds, micros): (u64, u64) = (session.read(next())?, session.read(next())?);
        let now = time(session.time(seconds, micros));
        let rest: Rest = (
            session.read(next())?,
            session.read(next())?,
            session.read(next())?,
            session.read(next())?,
        );
        let (slots, read, keyed, planned) = rest;
        let mut loaded = LoadedConversation::new(record, now);
        let mut turns: BTreeMap<u64, TurnRecord> = BTreeMap::new();
        for pair in slots.chunks_exact(2) {
            let slot = text(&pair[0]).parse().unwrap_or_default();
            turns.extend(turn(&pair[1]).map(|turn| (slot, turn)));
        }
        loaded.turns.extend(turns.into_values());
        loaded.keyed_turn = turn(&keyed);
        for pair in planned.chunks_exact(2) {
            if let Ok(value) = RawJson::from_text(text(&pair[1])) {
                loaded
                    .planner
                    .push(PlannerEntry::new(text(&pair[0]), value));
            }
        }
        let mut messages = Vec::with_capacity(read.len() / 3);
        let mut read = read.into_iter();
        while let (Some(at), Some(id), Some(parts)) = (read.next(), read.next(), read.next()) {
            let at: String = session.read(at)?;
            let id: Vec<u8> = session.read(id)?;
            let parts: Vec<Vec<u8>> = session.read(parts)?;
            let Some(place) = place(&at) else { continue };
            messages.push((place, text(&id), parts.concat()));
        }
        messages.sort_by_key(|(place, ..)| (place.branch, place.position));
        Ok(Some(RawConversation { loaded, messages }))
    })
}

/// A turn whose record is damaged is passed over: its messages are still there.
fn turn(row: &[u8]) -> Option<TurnRecord> {
    let (_, json) = slot_row(row)?;
    serde_json::from_slice(json).ok()
}

/// What a message is looked for with.
pub(super) struct Finding {
    pub(super) conversation: String,
    pub(super) message: String,
}

pub(super) fn find_message<'s>(
    session: &'s Session<'s>,
    input: &'s Finding,
) -> BoxFuture<'s, Result<Option<MessagePosition>, StateError>> {
    Box::pin(async move {
        let keys = session.keys().conversation(&input.conversation);
        let mut command = redis::cmd("HGET");
        command
            .arg(&keys[MESSAGES - 1])
            .arg(format!("i:{}", input.message));
        let found: Option<String> = session.one(command).await?;
        Ok(found.as_deref().and_then(place))
    })
}
