//! Removing a conversation in small steps.

use std::time::Duration;

use chrono::{DateTime, Utc};
use rusqlite::{Connection, Transaction, TransactionBehavior, params};

use crate::error::{StateError, StateErrorKind};
use crate::failures::Failures;
use crate::sqlite::rows::{self, execute};
use crate::transition::tombstoned;

/// How many bytes of messages one step removes, at most: what is overwritten takes as much room in
/// the log.
const BYTES_PER_STEP: i64 = 1 << 20;
/// The same where there is no room.
const BYTES_PER_SMALL_STEP: i64 = 1;
/// How many messages one step removes, at most.
const MESSAGES_PER_STEP: i64 = 1000;

/// The removal of a conversation. Between two steps it can be read as one that is being deleted.
#[derive(Clone, Copy)]
pub(super) struct Purge {
    bytes: i64,
    made_room: bool,
    is_done: bool,
}

impl Default for Purge {
    fn default() -> Self {
        Self {
            bytes: BYTES_PER_STEP,
            made_room: false,
            is_done: false,
        }
    }
}

impl Purge {
    pub(super) fn is_done(&self) -> bool {
        self.is_done
    }

    /// Removes some of what is left.
    pub(super) fn step(
        &mut self,
        connection: &mut Connection,
        failures: &Failures,
        id: &str,
        now: DateTime<Utc>,
    ) -> Result<(), StateError> {
        match step(connection, failures, id, now, self.bytes) {
            Ok(Step::Done) => self.is_done = true,
            Ok(Step::More) => self.made_room = false,
            Err(error) if error.kind() == StateErrorKind::DiskSpace && !self.made_room => {
                self.bytes = BYTES_PER_SMALL_STEP;
                self.made_room = true;
                begin_log_anew(connection, failures)?;
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

/// Runs a small transaction; once more where the disk is full and the log can be begun anew.
pub(super) fn with_room<T>(
    connection: &mut Connection,
    failures: &Failures,
    run: impl Fn(&Transaction<'_>) -> Result<T, StateError>,
) -> Result<T, StateError> {
    match attempt(connection, failures, &run) {
        Err(error) if error.kind() == StateErrorKind::DiskSpace => {
            begin_log_anew(connection, failures)?;
            attempt(connection, failures, &run)
        }
        outcome => outcome,
    }
}

fn attempt<T>(
    connection: &mut Connection,
    failures: &Failures,
    run: impl Fn(&Transaction<'_>) -> Result<T, StateError>,
) -> Result<T, StateError> {
    let begun = connection.transaction_with_behavior(TransactionBehavior::Immediate);
    let transaction = failures.map(begun)?;
    let done = run(&transaction)?;
    failures.map(transaction.commit())?;
    Ok(done)
}

enum Step {
    More,
    Done,
}

fn step(
    connection: &mut Connection,
    failures: &Failures,
    id: &str,
    now: DateTime<Utc>,
    bytes: i64,
) -> Result<Step, StateError> {
    let begun = connection.transaction_with_behavior(TransactionBehavior::Immediate);
    let transaction = failures.map(begun)?;
    let key = match rows::find(&transaction, failures, id) {
        Ok(None) => return Ok(Step::Done),
        Ok(Some(row)) => {
            if let Some((record, log)) = tombstoned(&row.record, now) {
                rows::update_record(&transaction, failures, row.key, &row.record, &record)?;
                rows::add_log(&transaction, failures, row.key, &log)?;
            }
            row.key
        }
        // What cannot be read is not read between two steps either.
        Err(error) if error.kind() == StateErrorKind::Corrupted => {
            match rows::key(&transaction, failures, id)? {
                Some(key) => key,
                None => return Err(error),
            }
        }
        Err(error) => return Err(error),
    };
    let keys = some_messages(&transaction, failures, key, bytes)?;
    for message in &keys {
        for sql in [
            "DELETE FROM refs WHERE message = ?1",
            "DELETE FROM messages WHERE key = ?1",
        ] {
            execute(&transaction, failures, sql, [message])?;
        }
    }
    let done = keys.is_empty();
    if done {
        for sql in [
            "DELETE FROM slots WHERE conversation = ?1",
            "DELETE FROM planner WHERE conversation = ?1",
            "DELETE FROM tags WHERE conversation = ?1",
            "DELETE FROM writes WHERE conversation = ?1",
            "DELETE FROM conversations WHERE key = ?1",
        ] {
            execute(&transaction, failures, sql, [key])?;
        }
    }
    failures.map(transaction.commit())?;
    Ok(match done {
        true => Step::Done,
        false => Step::More,
    })
}

/// Messages of a conversation up to a size, at least one if there is any.
fn some_messages(
    transaction: &Transaction<'_>,
    failures: &Failures,
    conversation: i64,
    bytes: i64,
) -> Result<Vec<i64>, StateError> {
    let sql = "SELECT key, octet_length(message) FROM messages WHERE conversation = ?1 LIMIT ?2";
    failures.map((|| {
        let mut query = transaction.prepare_cached(sql)?;
        let mut rows = query.query(params![conversation, MESSAGES_PER_STEP])?;
        let (mut keys, mut total) = (Vec::new(), 0_i64);
        while let Some(row) = rows.next()? {
            let size: Option<i64> = row.get(1)?;
            total = total.saturating_add(size.unwrap_or(0));
            if total > bytes && !keys.is_empty() {
                break;
            }
            keys.push(row.get(0)?);
        }
        Ok(keys)
    })())
}

/// Moves what is in the log into the file, so that the log is written from its beginning again. A
/// reader may prevent it.
fn begin_log_anew(connection: &Connection, failures: &Failures) -> Result<(), StateError> {
    failures.map(connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())))
}

/// Empties the log if nobody reads from it: it holds what was deleted. Waits for nobody.
pub(super) fn empty_log(connection: &Connection, busy: Duration) {
    // What stays in the log goes with the next deletion, or when the file is closed.
    let _ = connection.busy_timeout(Duration::ZERO);
    let _ = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
    let _ = connection.busy_timeout(busy);
}
