//! Looking up what a write depends on, in the round trip that locks its conversation.

use conversation_types::{MessageId, TurnId};
use tokio_postgres::Row;

use crate::error::StateError;
use crate::failures::Failures;
use crate::id::WriteId;
use crate::load::MessagePosition;
use crate::postgres::rows::{
    ConversationRow, LOCK, NOW, column, integer, one, text, time, unsigned,
};
use crate::postgres::session::{Mode, Session, Step, values};
use crate::transition::{LoggedWrite, LookupResults, Lookups, PreparedWrite, TurnRow};

const LOGGED: &str = "SELECT version, head, epoch, at FROM writes \
    WHERE conversation = (SELECT key FROM conversations WHERE id = $1) AND version > $2 AND id = $3 \
    LIMIT 1";
/// Nothing for a conversation of less than 1,000 versions.
const LOG_TIMES: &str = "SELECT version, at FROM writes \
    WHERE conversation = (SELECT key FROM conversations WHERE id = $1) \
    AND version <= (SELECT version - 999 FROM conversations WHERE id = $1) \
    ORDER BY version LIMIT 17";
const TURNS: &str = "SELECT id, slot, branch, first, turn FROM slots \
    WHERE conversation = (SELECT key FROM conversations WHERE id = $1) AND id IS NOT NULL \
    AND id = ANY (array_append($2, (SELECT current_turn FROM conversations WHERE id = $1)))";
const KEYS: &str = "SELECT key, id FROM slots \
    WHERE conversation = (SELECT key FROM conversations WHERE id = $1) AND key IS NOT NULL \
    AND key = ANY ($2)";
const MESSAGES: &str = "SELECT id, branch, position FROM messages \
    WHERE conversation = (SELECT key FROM conversations WHERE id = $1) AND id = ANY ($2)";

/// A locked conversation, and what a write on it depends on.
pub(super) struct Found {
    pub(super) row: ConversationRow,
    pub(super) results: LookupResults,
    pub(super) now: i64,
}

/// Begins a transaction, locks the conversation, and looks everything up: one round trip.
pub(super) async fn find(
    session: &Session,
    prepared: &PreparedWrite,
) -> Result<Option<Found>, StateError> {
    let failures = session.failures();
    let write = prepared.write();
    let lookups = Lookups::of(prepared);
    let id = write.conversation.as_str().as_bytes();
    let (base, write_id) = (integer(write.base_version), write.id.as_bytes().as_slice());
    let turns: Vec<&[u8]> = lookups
        .turns
        .iter()
        .map(|id| id.as_str().as_bytes())
        .collect();
    let keys: Vec<&[u8]> = lookups.keys.iter().map(|key| key.as_bytes()).collect();
    let messages: Vec<&[u8]> = lookups
        .messages
        .iter()
        .map(|id| id.as_str().as_bytes())
        .collect();
    let mut steps = vec![
        Step::new(LOCK, values![BYTEA id]),
        Step::new(LOGGED, values![BYTEA id, INT8 base, BYTEA write_id]),
        Step::new(LOG_TIMES, values![BYTEA id]),
        Step::new(TURNS, values![BYTEA id, BYTEA_ARRAY turns]),
    ];
    if !messages.is_empty() {
        steps.push(Step::new(MESSAGES, values![BYTEA id, BYTEA_ARRAY messages]));
    }
    if !keys.is_empty() {
        steps.push(Step::new(KEYS, values![BYTEA id, BYTEA_ARRAY keys]));
    }
    // Last: the time after the lock was waited for.
    steps.push(Step::new(NOW, values![]));
    let answers = session.begin(Mode::Write, steps).await?;
    let answer = |index: usize| answers.get(index).map_or(&[][..], Vec::as_slice);
    let Some(row) = ConversationRow::of(answer(0), write.conversation.as_str(), failures)? else {
        return Ok(None);
    };
    let mut results = LookupResults::new();
    results.logged = match answer(1).first() {
        Some(row) => Some(logged(write.id, row, failures)?),
        None => None,
    };
    for row in answer(2) {
        let version = unsigned(column(row, 0, failures)?);
        let at = time(column(row, 1, failures)?);
        results.log_times.insert(version, at);
    }
    for row in answer(3) {
        let id = turn_id(row, 0, failures)?;
        let json: Option<&str> = column(row, 4, failures)?;
        let turn = failures.read(json.unwrap_or_default(), &format!("turn {id}"))?;
        let branch = branch(column(row, 2, failures)?);
        let slot = unsigned(column(row, 1, failures)?);
        let first = unsigned(column(row, 3, failures)?);
        results
            .turns
            .insert(id, TurnRow::new(slot, branch, first, turn));
    }
    let mut next = 4;
    if !messages.is_empty() {
        for row in answer(next) {
            let place = place(row, 1, failures)?;
            if let Ok(id) = MessageId::new(text(row, 0, failures)?) {
                results.messages.insert(id, place);
            }
        }
        next += 1;
    }
    if !keys.is_empty() {
        for row in answer(next) {
            let key = text(row, 0, failures)?;
            results.keys.insert(key, turn_id(row, 1, failures)?);
        }
        next += 1;
    }
    Ok(Some(Found {
        row,
        results,
        now: column(one(&answers, next, failures)?, 0, failures)?,
    }))
}

fn logged(id: WriteId, row: &Row, failures: &Failures) -> Result<LoggedWrite, StateError> {
    let epoch: Option<i64> = column(row, 2, failures)?;
    Ok(LoggedWrite::new(
        id,
        unsigned(column(row, 0, failures)?),
        unsigned(column(row, 1, failures)?),
        epoch.map(unsigned),
        time(column(row, 3, failures)?),
    ))
}

/// The place of a message, from two columns.
pub(super) fn place(
    row: &Row,
    index: usize,
    failures: &Failures,
) -> Result<MessagePosition, StateError> {
    let branch = branch(column(row, index, failures)?);
    let position = unsigned(column(row, index + 1, failures)?);
    Ok(MessagePosition::new(branch, position))
}

/// The number of a branch, of which there are never as many as fit.
pub(super) fn branch(value: i64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

fn turn_id(row: &Row, index: usize, failures: &Failures) -> Result<TurnId, StateError> {
    TurnId::new(text(row, index, failures)?)
        .map_err(|error| failures.damaged("the id of a turn").with_source(error))
}
