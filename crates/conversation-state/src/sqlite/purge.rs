//! Removing a conversation in small steps.

use rusqlite::{Connection, Transaction, TransactionBehavior, params};

use crate::error::{StateError, StateErrorKind};
use crate::sqlite::failure::Failures;
use crate::sqlite::rows::{self, execute};
use crate::transition::tombstoned;

/// How many bytes of messages one step removes, at most: what is overwritten takes as much room in
/// the log.
const BYTES_PER_STEP: i64 = 1 << 20;
/// The same where there is no room.
const BYTES_PER_SMALL_STEP: i64 = 1;
/// How many messages one step removes, at most.
const MESSAGES_PER_STEP: i64 = 1000;

/// Removes a conversation. Between two steps it can be read as one that is being deleted.
pub(super) fn purge(
    connection: &mut Connection,
    failures: &Failures,
    id: &str,
    now: chrono::DateTime<chrono::Utc>,
) -> Result<(), StateError> {
    let mut bytes = BYTES_PER_STEP;
    loop {
        match step(connection, failures, id, now, bytes) {
            Ok(Step::More) => {}
            Ok(Step::Done) => return Ok(()),
            // The log has room again once what is in it is in the file.
            Err(error) if error.kind() == StateErrorKind::DiskSpace => {
                let begun_anew = begin_log_anew(connection, failures)?;
                if bytes == BYTES_PER_SMALL_STEP && !begun_anew {
                    return Err(error);
                }
                if bytes == BYTES_PER_SMALL_STEP {
                    return step(connection, failures, id, now, bytes).and(Err(error));
                }
                bytes = BYTES_PER_SMALL_STEP;
            }
            Err(error) => return Err(error),
        }
    }
}

enum Step {
    More,
    Done,
}

fn step(
    connection: &mut Connection,
    failures: &Failures,
    id: &str,
    now: chrono::DateTime<chrono::Utc>,
    bytes: i64,
) -> Result<Step, StateError> {
    let begun = connection.transaction_with_behavior(TransactionBehavior::Immediate);
    let transaction = failures.map(begun)?;
    let Some(row) = rows::find(&transaction, failures, id)? else {
        return Ok(Step::Done);
    };
    if let Some((record, log)) = tombstoned(&row.record, now) {
        rows::update_record(&transaction, failures, row.key, &row.record, &record)?;
        rows::add_log(&transaction, failures, row.key, &log)?;
    }
    let keys = some_messages(&transaction, failures, row.key, bytes)?;
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
            execute(&transaction, failures, sql, [row.key])?;
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

/// Moves what is in the log into the file, so that the log is written from its beginning again.
/// Returns whether all of it was moved, which a reader may prevent.
pub(super) fn begin_log_anew(
    connection: &Connection,
    failures: &Failures,
) -> Result<bool, StateError> {
    failures.map(
        connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| {
            let (busy, log, moved): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
            Ok(busy == 0 && log == moved)
        }),
    )
}

/// Empties the log if nobody reads from it: it holds what was deleted. Waits for nobody.
pub(super) fn empty_log(connection: &Connection, busy: std::time::Duration) {
    // What stays in the log goes with the next deletion, or when the file is closed.
    let _ = connection.busy_timeout(std::time::Duration::ZERO);
    let _ = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
    let _ = connection.busy_timeout(busy);
}
