//! Rows of conversations.

use std::sync::LazyLock;

use chrono::{DateTime, Utc};
use tokio_postgres::Row;
use tokio_postgres::types::FromSql;

use crate::error::StateError;
use crate::failures::Failures;
use crate::record::ConversationRecord;

/// The time by the server's clock, in milliseconds.
pub(super) const NOW: &str = "SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint";

/// Locks a conversation for the transaction.
pub(super) const LOCK: &str = "SELECT key, record FROM conversations WHERE id = $1 FOR UPDATE";
/// Reads a conversation.
pub(super) const FIND: &str = "SELECT key, record FROM conversations WHERE id = $1";

/// The number of a change that the transaction makes.
pub(super) const CHANGE: &str =
    "(SELECT base FROM store WHERE one = 1) + pg_current_xact_id()::text::bigint";

pub(super) const UPDATE_RECORD: &str = "UPDATE conversations \
    SET record = $2, version = $3, current_turn = $4 WHERE key = $1";
/// Apart, so that other writes change no index.
pub(super) const UPDATE_STATUS: &str = "UPDATE conversations SET status = $2, \
    creation_key = CASE WHEN $2 = 'deleting' THEN NULL ELSE creation_key END WHERE key = $1";
pub(super) static UPDATE_CHANGE: LazyLock<String> = LazyLock::new(|| {
    format!("UPDATE changes SET changed = {CHANGE}, status = $2 WHERE conversation = $1")
});
pub(super) const REMOVE_TAGS: &str = "DELETE FROM tags WHERE conversation = $1";
pub(super) const ADD_TAGS: &str = "INSERT INTO tags (conversation, tag, created_at, id) \
    SELECT $1, tag, $3, $4 FROM unnest($2) AS tag";
pub(super) const ADD_LOG: &str = "INSERT INTO writes (conversation, version, id, head, epoch, at) \
    VALUES ($1, $2, $3, $4, $5, $6)";

/// A conversation: its key and its record.
pub(super) struct ConversationRow {
    pub(super) key: i64,
    pub(super) record: ConversationRecord,
}

impl ConversationRow {
    /// Reads the first row of an answer, if it has one.
    pub(super) fn of(
        rows: &[Row],
        id: &str,
        failures: &Failures,
    ) -> Result<Option<Self>, StateError> {
        let Some(row) = rows.first() else {
            return Ok(None);
        };
        let json: &str = column(row, 1, failures)?;
        let what = format!("the record of conversation `{}`", id.escape_debug());
        Ok(Some(Self {
            key: column(row, 0, failures)?,
            record: failures.read(json, &what)?,
        }))
    }
}

/// The first row of one of the answers.
pub(super) fn one<'r>(
    answers: &'r [Vec<Row>],
    index: usize,
    failures: &Failures,
) -> Result<&'r Row, StateError> {
    let row = answers.get(index).and_then(|rows| rows.first());
    row.ok_or_else(|| failures.damaged("a row is missing"))
}

/// A column of a row.
pub(super) fn column<'r, T: FromSql<'r>>(
    row: &'r Row,
    index: usize,
    failures: &Failures,
) -> Result<T, StateError> {
    row.try_get(index).map_err(|error| failures.database(error))
}

/// Text that is kept as bytes. What somebody put there may be no text.
pub(super) fn text(row: &Row, index: usize, failures: &Failures) -> Result<String, StateError> {
    let bytes: &[u8] = column(row, index, failures)?;
    Ok(String::from_utf8_lossy(bytes).into_owned())
}

/// PostgreSQL's integers are signed. No counter of ours comes near their end; a position from outside
/// may be beyond it.
pub(super) fn integer(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

pub(super) fn unsigned(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

/// A time in milliseconds. What lies beyond the calendar is its end.
pub(super) fn time(milliseconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(milliseconds).unwrap_or(DateTime::<Utc>::MAX_UTC)
}
