//! The index of references.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use rusqlite::{Connection, OptionalExtension, Transaction, params};

use crate::error::StateError;
use crate::failures::Failures;
use crate::limits::UNNAMED_KEPT_FOR;
use crate::reference::ReferenceKey;
use crate::sqlite::rows::execute;

const ADD: &str =
    "INSERT INTO refs (message, conversation, backend, store, id) VALUES (?1, ?2, ?3, ?4, ?5)";
/// How many references that were remembered long ago one transaction forgets.
const OLD_AT_ONCE: usize = 1000;
const FORGET: &str = "DELETE FROM unnamed WHERE id = ?1 AND backend = ?2 AND store = ?3";

/// Adds the references of a message, and forgets that they were unnamed.
pub(super) fn add(
    transaction: &Transaction<'_>,
    failures: &Failures,
    conversation: i64,
    message: i64,
    keys: &BTreeSet<ReferenceKey>,
) -> Result<(), StateError> {
    for key in keys {
        let row = params![message, conversation, key.backend, store(key), key.id];
        execute(transaction, failures, ADD, row)?;
        forget(transaction, failures, key)?;
    }
    Ok(())
}

/// Removes the references of a message.
pub(super) fn remove(
    transaction: &Transaction<'_>,
    failures: &Failures,
    message: i64,
) -> Result<(), StateError> {
    let sql = "DELETE FROM refs WHERE message = ?1";
    execute(transaction, failures, sql, [message]).map(drop)
}

/// Whether a message refers to something.
pub(super) fn is_named(
    connection: &Connection,
    failures: &Failures,
    key: &ReferenceKey,
) -> Result<bool, StateError> {
    let sql = "SELECT 1 FROM refs WHERE id = ?1 AND backend = ?2 AND store = ?3 LIMIT 1";
    let found: Option<i64> =
        failures.map(connection.prepare_cached(sql).and_then(|mut query| {
            query
                .query_row(params![key.id, key.backend, store(key)], |row| row.get(0))
                .optional()
        }))?;
    Ok(found.is_some())
}

/// The references of a conversation after one of them, sorted.
pub(super) fn of_conversation(
    connection: &Connection,
    failures: &Failures,
    conversation: i64,
    after: Option<&ReferenceKey>,
    limit: usize,
) -> Result<Vec<ReferenceKey>, StateError> {
    let sql = "SELECT DISTINCT backend, store, id FROM refs \
               WHERE conversation = ?1 AND (backend, store, id) > (?2, ?3, ?4) \
               ORDER BY backend, store, id LIMIT ?5";
    let first = ReferenceKey::new("", None, "");
    let after = after.unwrap_or(&first);
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    failures.map((|| {
        let mut query = connection.prepare_cached(sql)?;
        let row = params![conversation, after.backend, store(after), after.id, limit];
        let keys = query.query_map(row, |row| {
            let store: String = row.get(1)?;
            Ok(ReferenceKey {
                backend: row.get(0)?,
                store: (!store.is_empty()).then_some(store),
                id: row.get(2)?,
            })
        })?;
        keys.collect()
    })())
}

/// Forgets some of what was remembered as unnamed long ago: nothing lists it any more, and nothing else would
/// forget it. Returns whether there may be more.
pub(super) fn forget_old(
    transaction: &Transaction<'_>,
    failures: &Failures,
    now: DateTime<Utc>,
) -> Result<bool, StateError> {
    let sql = "DELETE FROM unnamed WHERE (id, backend, store) IN \
               (SELECT id, backend, store FROM unnamed WHERE first_seen < ?1 LIMIT ?2)";
    let kept = TimeDelta::from_std(UNNAMED_KEPT_FOR).unwrap_or(TimeDelta::MAX);
    let oldest = (now - kept).timestamp_millis();
    let limit = i64::try_from(OLD_AT_ONCE).unwrap_or(i64::MAX);
    let forgotten = execute(transaction, failures, sql, [oldest, limit])?;
    Ok(forgotten == OLD_AT_ONCE)
}

/// Remembers a reference as unnamed since now, and returns since when it is.
pub(super) fn observe(
    transaction: &Transaction<'_>,
    failures: &Failures,
    key: &ReferenceKey,
    now: i64,
) -> Result<i64, StateError> {
    let sql = "INSERT INTO unnamed (id, backend, store, first_seen) VALUES (?1, ?2, ?3, ?4) \
               ON CONFLICT DO UPDATE SET first_seen = first_seen RETURNING first_seen";
    let row = params![key.id, key.backend, store(key), now];
    failures.map(
        transaction
            .prepare_cached(sql)
            .and_then(|mut query| query.query_row(row, |row| row.get(0))),
    )
}

pub(super) fn forget(
    transaction: &Transaction<'_>,
    failures: &Failures,
    key: &ReferenceKey,
) -> Result<(), StateError> {
    let row = params![key.id, key.backend, store(key)];
    execute(transaction, failures, FORGET, row).map(drop)
}

/// No store has an empty name, so it stands for none.
fn store(key: &ReferenceKey) -> &str {
    key.store.as_deref().unwrap_or_default()
}
