//! Tombstones, fences of users and named leases.

use std::time::Duration;

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension, Transaction, params};

use crate::clock::later;
use crate::error::StateError;
use crate::failures::Failures;
use crate::record::ConversationRecord;
use crate::sqlite::rows::{self, execute};
use crate::transition::tombstoned;

/// How many tombstones and fences that have ended one call removes.
const ENDED_PER_CALL: i64 = 100;

fn until(now: DateTime<Utc>, duration: Duration) -> i64 {
    later(now, duration).timestamp_millis()
}

pub(super) fn tombstone(
    transaction: &Transaction<'_>,
    failures: &Failures,
    id: &str,
    keep: Duration,
    now: DateTime<Utc>,
) -> Result<Option<ConversationRecord>, StateError> {
    let ended = "DELETE FROM tombstones WHERE id IN \
                 (SELECT id FROM tombstones WHERE until <= ?1 LIMIT ?2)";
    let time = now.timestamp_millis();
    execute(transaction, failures, ended, params![time, ENDED_PER_CALL])?;
    let add = "INSERT INTO tombstones (id, until) VALUES (?1, ?2) \
               ON CONFLICT DO UPDATE SET until = max(until, excluded.until)";
    execute(transaction, failures, add, params![id, until(now, keep)])?;
    let Some(row) = rows::find(transaction, failures, id)? else {
        return Ok(None);
    };
    let Some((record, log)) = tombstoned(&row.record, now) else {
        return Ok(Some(row.record));
    };
    rows::update_record(transaction, failures, row.key, &row.record, &record)?;
    rows::add_log(transaction, failures, row.key, &log)?;
    let free = "UPDATE conversations SET creation_key = NULL \
                WHERE key = ?1 AND creation_key IS NOT NULL";
    execute(transaction, failures, free, [row.key])?;
    Ok(Some(record))
}

/// Whether the id of a deleted conversation is still refused.
pub(super) fn is_refused(
    connection: &Connection,
    failures: &Failures,
    id: &str,
    now: DateTime<Utc>,
) -> Result<bool, StateError> {
    let sql = "SELECT until FROM tombstones WHERE id = ?1";
    let until = find(connection, failures, sql, [id])?;
    Ok(until.is_some_and(|until| now.timestamp_millis() < until))
}

pub(super) fn fence_user(
    transaction: &Transaction<'_>,
    failures: &Failures,
    hash: &[u8],
    ttl: Duration,
    now: DateTime<Utc>,
) -> Result<(), StateError> {
    let time = now.timestamp_millis();
    let ended = "DELETE FROM fences WHERE until <= ?1";
    execute(transaction, failures, ended, [time])?;
    let add = "INSERT INTO fences (hash, until) VALUES (?1, ?2) \
               ON CONFLICT DO UPDATE SET until = max(until, excluded.until)";
    execute(transaction, failures, add, params![hash, until(now, ttl)]).map(drop)
}

/// When the fence of a user ends.
pub(super) fn user_fence(
    connection: &Connection,
    failures: &Failures,
    hash: &[u8],
    now: DateTime<Utc>,
) -> Result<Option<i64>, StateError> {
    let sql = "SELECT until FROM fences WHERE hash = ?1";
    let until = find(connection, failures, sql, [hash])?;
    Ok(until.filter(|until| now.timestamp_millis() < *until))
}

pub(super) fn acquire(
    transaction: &Transaction<'_>,
    failures: &Failures,
    name: &str,
    owner: &str,
    ttl: Duration,
    now: DateTime<Utc>,
) -> Result<bool, StateError> {
    let sql = "INSERT INTO leases (name, owner, until) VALUES (?1, ?2, ?3) \
               ON CONFLICT DO UPDATE SET owner = excluded.owner, until = excluded.until \
               WHERE owner = excluded.owner OR until <= ?4";
    let row = params![name, owner, until(now, ttl), now.timestamp_millis()];
    Ok(execute(transaction, failures, sql, row)? == 1)
}

fn find(
    connection: &Connection,
    failures: &Failures,
    sql: &str,
    parameters: impl rusqlite::Params,
) -> Result<Option<i64>, StateError> {
    failures.map(
        connection
            .prepare_cached(sql)
            .and_then(|mut query| query.query_row(parameters, |row| row.get(0)).optional()),
    )
}
