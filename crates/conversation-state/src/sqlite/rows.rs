//! Rows of conversations.

use rusqlite::{Connection, OptionalExtension, Transaction, params};

use crate::error::StateError;
use crate::failures::Failures;
use crate::record::ConversationRecord;
use crate::transition::LoggedWrite;

/// A conversation: its key and its record.
pub(super) struct ConversationRow {
    pub(super) key: i64,
    pub(super) record: ConversationRecord,
}

pub(super) const FIND: &str = "SELECT key, record FROM conversations WHERE id = ?1";

pub(super) fn find(
    connection: &Connection,
    failures: &Failures,
    id: &str,
) -> Result<Option<ConversationRow>, StateError> {
    let row = failures.map(connection.prepare_cached(FIND).and_then(|mut query| {
        query
            .query_row([id], |row| {
                Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?))
            })
            .optional()
    }))?;
    row.map(|(key, json)| {
        let record = failures.read(
            &json,
            &format!("the record of conversation `{}`", id.escape_debug()),
        )?;
        Ok(ConversationRow { key, record })
    })
    .transpose()
}

/// The key of a conversation.
pub(super) fn key(
    connection: &Connection,
    failures: &Failures,
    id: &str,
) -> Result<Option<i64>, StateError> {
    failures.map(
        connection
            .prepare_cached("SELECT key FROM conversations WHERE id = ?1")
            .and_then(|mut query| query.query_row([id], |row| row.get(0)).optional()),
    )
}

pub(super) const NEXT_CHANGE: &str =
    "UPDATE store SET changes = changes + 1 WHERE one = 1 RETURNING changes";

/// Returns the number of a new change.
pub(super) fn next_change(
    transaction: &Transaction<'_>,
    failures: &Failures,
) -> Result<i64, StateError> {
    failures.map(
        transaction
            .prepare_cached(NEXT_CHANGE)
            .and_then(|mut query| query.query_row([], |row| row.get(0))),
    )
}

pub(super) const UPDATE_RECORD: &str =
    "UPDATE conversations SET record = ?2, changed = ?3 WHERE key = ?1";

/// Writes a record in the place of another.
pub(super) fn update_record(
    transaction: &Transaction<'_>,
    failures: &Failures,
    key: i64,
    old: &ConversationRecord,
    new: &ConversationRecord,
) -> Result<(), StateError> {
    let json = failures.write(new)?;
    let changed = next_change(transaction, failures)?;
    execute(
        transaction,
        failures,
        UPDATE_RECORD,
        params![key, json, changed],
    )?;
    // Apart, so that writes that leave them alone touch no index of theirs.
    if old.status != new.status {
        let sql = "UPDATE conversations SET status = ?2 WHERE key = ?1";
        execute(
            transaction,
            failures,
            sql,
            params![key, new.status.as_str()],
        )?;
    }
    if old.tags != new.tags {
        set_tags(transaction, failures, key, new)?;
    }
    Ok(())
}

/// Adds a conversation, and returns its key.
pub(super) fn insert_record(
    transaction: &Transaction<'_>,
    failures: &Failures,
    record: &ConversationRecord,
    creation_key: Option<&str>,
) -> Result<i64, StateError> {
    let json = failures.write(record)?;
    let changed = next_change(transaction, failures)?;
    execute(
        transaction,
        failures,
        "INSERT INTO conversations \
         (id, user, session, parent, status, creation_key, created_at, changed, record) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        params![
            record.id.as_str(),
            record.user.as_ref().map(|user| user.as_str()),
            record.session.as_ref().map(|session| session.as_str()),
            record.parent.as_ref().map(|parent| parent.as_str()),
            record.status.as_str(),
            creation_key,
            record.created_at.timestamp_millis(),
            changed,
            json,
        ],
    )?;
    let key = transaction.last_insert_rowid();
    set_tags(transaction, failures, key, record)?;
    Ok(key)
}

fn set_tags(
    transaction: &Transaction<'_>,
    failures: &Failures,
    key: i64,
    record: &ConversationRecord,
) -> Result<(), StateError> {
    let delete = "DELETE FROM tags WHERE conversation = ?1";
    execute(transaction, failures, delete, [key])?;
    for tag in &record.tags {
        execute(
            transaction,
            failures,
            "INSERT INTO tags (conversation, tag, created_at, id) VALUES (?1, ?2, ?3, ?4)",
            params![
                key,
                tag,
                record.created_at.timestamp_millis(),
                record.id.as_str()
            ],
        )?;
    }
    Ok(())
}

pub(super) const ADD_LOG: &str = "INSERT INTO writes (conversation, version, id, head, epoch, at) \
                       VALUES (?1, ?2, ?3, ?4, ?5, ?6)";

pub(super) fn add_log(
    transaction: &Transaction<'_>,
    failures: &Failures,
    key: i64,
    log: &LoggedWrite,
) -> Result<(), StateError> {
    execute(
        transaction,
        failures,
        ADD_LOG,
        params![
            key,
            integer(log.version),
            log.id.as_bytes(),
            integer(log.head),
            log.epoch.map(integer),
            log.at.timestamp_millis()
        ],
    )?;
    Ok(())
}

/// Runs a statement and returns how many rows it changed.
pub(super) fn execute(
    connection: &Connection,
    failures: &Failures,
    sql: &str,
    parameters: impl rusqlite::Params,
) -> Result<usize, StateError> {
    failures.map(
        connection
            .prepare_cached(sql)
            .and_then(|mut statement| statement.execute(parameters)),
    )
}

/// SQLite's integers are signed. No counter of ours comes near their end; a position from outside
/// may be beyond it.
pub(super) fn integer(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

pub(super) fn unsigned(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}
