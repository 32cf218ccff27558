//! Conversations in one SQLite file.
//!
//! # Map
//! - [`SqliteStateStore`] · `schema`: the tables and their version · `open`: opening and checking the
//!   file · `failure`: SQLite's errors as ours

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use media_types::ConversationId;
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use tokio::sync::Mutex;

use super::{
    ConversationFilter, ConversationRecord, ConversationStatus, LoadedConversation, StateError,
    StateErrorKind, StateStore, Window, next_record, no_such_position,
};
use crate::message::Message;

#[cfg(test)]
mod cost;
mod failure;
mod open;
mod schema;

use failure::Failures;

const FIND: &str = "SELECT key, record FROM conversations WHERE id = ?1";
const READ: &str = "SELECT position, message FROM messages \
    WHERE conversation = ?1 AND position >= ?2 AND position < ?3 ORDER BY position";
const ADD: &str = "INSERT INTO messages (conversation, position, message) VALUES (?1, ?2, ?3)";

/// Keeps conversations in one SQLite file: durable when a turn returns, safe for several processes
/// on one machine. Clones share the connection.
///
/// The file is made if it is not there, readable for its owner only. It is in WAL mode, so that
/// `<file>-wal` and `<file>-shm` lie beside it while it is open; every write is synced. A message is
/// one row, so a turn costs what its new messages cost. Deleted rows are overwritten.
///
/// ```
/// # async fn run() -> Result<(), conversation_sdk::StateError> {
/// use conversation_sdk::SqliteStateStore;
/// let state = SqliteStateStore::open("conversations.sqlite").await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct SqliteStateStore {
    connection: Arc<Mutex<Connection>>,
    path: Option<Arc<PathBuf>>,
}

impl SqliteStateStore {
    /// Opens a file, or makes it.
    ///
    /// # Errors
    /// `Permission`, `Config` for a path that cannot be a file, `Corrupted` for a file that is no
    /// SQLite file of this library or is damaged, `TooNew`, `Unavailable` while another process
    /// keeps it locked, `DiskSpace`. All name the file.
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, StateError> {
        let path = path.as_ref().to_owned();
        let shared = Arc::new(path.clone());
        let connection = blocking(move || open::open(&path)).await?;
        Ok(Self {
            connection: Arc::new(Mutex::new(connection)),
            path: Some(shared),
        })
    }

    /// A store in memory, gone with the process: for tests of what uses SQLite.
    ///
    /// # Errors
    /// `Other`.
    pub async fn in_memory() -> Result<Self, StateError> {
        let connection = blocking(open::in_memory).await?;
        Ok(Self {
            connection: Arc::new(Mutex::new(connection)),
            path: None,
        })
    }

    /// The file.
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref().map(PathBuf::as_path)
    }

    /// Moves what is in the `-wal` file into the file itself, as closing it does.
    ///
    /// # Errors
    /// `Unavailable` while another process reads, `DiskSpace`.
    pub async fn checkpoint(&self) -> Result<(), StateError> {
        self.with(|connection, failures| {
            let busy: i64 = failures.map(connection.query_row(
                "PRAGMA wal_checkpoint(TRUNCATE)",
                [],
                |row| row.get(0),
            ))?;
            match busy {
                0 => Ok(()),
                _ => Err(failures.error(StateErrorKind::Unavailable)),
            }
        })
        .await
    }

    /// Runs a whole operation on a thread where it may block. It ends also when the caller's future
    /// is dropped, so that nothing is half done.
    async fn with<T: Send + 'static>(
        &self,
        operation: impl FnOnce(&mut Connection, &Failures) -> Result<T, StateError> + Send + 'static,
    ) -> Result<T, StateError> {
        let mut connection = Arc::clone(&self.connection).lock_owned().await;
        let failures = Failures::new(self.path.as_deref().cloned());
        blocking(move || operation(&mut connection, &failures)).await
    }

    async fn write<T: Send + 'static>(
        &self,
        operation: impl FnOnce(&Transaction<'_>, &Failures) -> Result<T, StateError> + Send + 'static,
    ) -> Result<T, StateError> {
        self.with(move |connection, failures| {
            // Immediate: the version that is read is the version that is written upon.
            let begun = connection.transaction_with_behavior(TransactionBehavior::Immediate);
            let transaction = failures.map(begun)?;
            let done = operation(&transaction, failures)?;
            failures.map(transaction.commit())?;
            Ok(done)
        })
        .await
    }
}

impl fmt::Debug for SqliteStateStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStateStore")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

async fn blocking<T: Send + 'static>(
    operation: impl FnOnce() -> Result<T, StateError> + Send + 'static,
) -> Result<T, StateError> {
    match tokio::task::spawn_blocking(operation).await {
        Ok(result) => result,
        Err(error) => Err(StateError::new(StateErrorKind::Other).with_source(error)),
    }
}

/// A row of `conversations`: its key and the record.
fn find(
    connection: &Connection,
    failures: &Failures,
    id: &ConversationId,
) -> Result<Option<(i64, ConversationRecord)>, StateError> {
    let row = failures.map(connection.prepare_cached(FIND).and_then(|mut query| {
        query
            .query_row([id.as_str()], |row| {
                Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?))
            })
            .optional()
    }))?;
    row.map(|(key, json)| Ok((key, failures.read(&json, "a conversation")?)))
        .transpose()
}

fn put_record(
    transaction: &Transaction<'_>,
    failures: &Failures,
    key: Option<i64>,
    record: &ConversationRecord,
) -> Result<i64, StateError> {
    let json = failures.write(record)?;
    let updated = record.updated_at.timestamp_millis();
    let user = record.user.as_ref().map(AsRef::<str>::as_ref);
    let session = record.session.as_ref().map(AsRef::<str>::as_ref);
    let status = record.status.as_str();
    let written = match key {
        Some(key) => transaction
            .prepare_cached(
                "UPDATE conversations SET user = ?2, session = ?3, status = ?4, updated_at = ?5, \
                 record = ?6 WHERE key = ?1",
            )
            .and_then(|mut update| {
                update.execute(params![key, user, session, status, updated, json])
            })
            .map(|_| key),
        None => transaction
            .prepare_cached(
                "INSERT INTO conversations (id, user, session, status, updated_at, record) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )
            .and_then(|mut insert| {
                insert.insert(params![
                    record.id.as_str(),
                    user,
                    session,
                    status,
                    updated,
                    json
                ])
            }),
    };
    failures.map(written)
}

fn write_all<'a>(
    messages: impl Iterator<Item = &'a Message>,
    failures: &Failures,
) -> Result<Vec<String>, StateError> {
    messages.map(|message| failures.write(message)).collect()
}

#[async_trait]
impl StateStore for SqliteStateStore {
    async fn load(
        &self,
        id: &ConversationId,
        window: Window,
    ) -> Result<Option<LoadedConversation>, StateError> {
        let id = id.clone();
        self.with(move |connection, failures| {
            // One transaction, so that record and messages are of one moment.
            let transaction = failures.map(connection.transaction())?;
            let Some((key, record)) = find(&transaction, failures, &id)? else {
                return Ok(None);
            };
            let positions = window.positions(record.messages);
            let mut messages = Vec::new();
            if !positions.is_empty() {
                let mut query = failures.map(transaction.prepare_cached(READ))?;
                let range = params![key, positions.start as i64, positions.end as i64];
                let mut rows = failures.map(query.query(range))?;
                while let Some(row) = failures.map(rows.next())? {
                    let position: i64 = failures.map(row.get(0))?;
                    let expected = positions.start + messages.len() as u64;
                    if position as u64 != expected {
                        return Err(failures.damaged(format!("message {expected} is missing")));
                    }
                    let json = failures.map(row.get_ref(1))?;
                    let json = json.as_str().map_err(|error| {
                        failures
                            .damaged(format!("message {expected}"))
                            .with_source(error)
                    })?;
                    messages.push(failures.read(json, "a message")?);
                }
                let expected = positions.end - positions.start;
                if messages.len() as u64 != expected {
                    let last = positions.start + messages.len() as u64;
                    return Err(failures.damaged(format!("message {last} is missing")));
                }
            }
            Ok(Some(LoadedConversation::new(
                record,
                positions.start,
                messages,
            )))
        })
        .await
    }

    async fn append(
        &self,
        record: &ConversationRecord,
        expected_version: u64,
        messages: &[Message],
    ) -> Result<ConversationRecord, StateError> {
        let failures = Failures::new(self.path.as_deref().cloned());
        let (record, json) = (record.clone(), write_all(messages.iter(), &failures)?);
        self.write(move |transaction, failures| {
            let held = find(transaction, failures, &record.id)?;
            let (key, held) = held.map_or((None, None), |(key, held)| (Some(key), Some(held)));
            let added = json.len() as u64;
            let next = next_record(held.as_ref(), &record, expected_version, added)
                .map_err(|error| failures.named(error))?;
            let key = put_record(transaction, failures, key, &next)?;
            let mut insert = failures.map(transaction.prepare_cached(ADD))?;
            let first = next.messages - added;
            for (position, json) in (first..).zip(&json) {
                failures.map(insert.execute(params![key, position as i64, json]))?;
            }
            Ok(next)
        })
        .await
    }

    async fn replace(
        &self,
        record: &ConversationRecord,
        expected_version: u64,
        messages: &[(u64, Message)],
    ) -> Result<ConversationRecord, StateError> {
        let failures = Failures::new(self.path.as_deref().cloned());
        let positions: Vec<u64> = messages.iter().map(|(position, _)| *position).collect();
        let json = write_all(messages.iter().map(|(_, message)| message), &failures)?;
        let record = record.clone();
        self.write(move |transaction, failures| {
            let Some((key, held)) = find(transaction, failures, &record.id)? else {
                return Err(StateError::new(StateErrorKind::NotFound));
            };
            let next = next_record(Some(&held), &record, expected_version, 0)
                .map_err(|error| failures.named(error))?;
            put_record(transaction, failures, Some(key), &next)?;
            let mut update = failures.map(transaction.prepare_cached(
                "UPDATE messages SET message = ?3 WHERE conversation = ?1 AND position = ?2",
            ))?;
            for (position, json) in positions.into_iter().zip(&json) {
                let at = i64::try_from(position).map_err(|_| no_such_position(position))?;
                if failures.map(update.execute(params![key, at, json]))? == 0 {
                    return Err(no_such_position(position));
                }
            }
            Ok(next)
        })
        .await
    }

    async fn set_status(
        &self,
        id: &ConversationId,
        status: ConversationStatus,
    ) -> Result<Option<ConversationRecord>, StateError> {
        let id = id.clone();
        self.write(move |transaction, failures| {
            let Some((key, held)) = find(transaction, failures, &id)? else {
                return Ok(None);
            };
            if held.status == ConversationStatus::Deleting {
                return Ok(Some(held));
            }
            let mut next = held.written(0);
            next.status = status;
            put_record(transaction, failures, Some(key), &next)?;
            Ok(Some(next))
        })
        .await
    }

    async fn delete(&self, id: &ConversationId) -> Result<(), StateError> {
        let id = id.clone();
        self.write(move |transaction, failures| {
            let Some((key, _)) = find(transaction, failures, &id)? else {
                return Ok(());
            };
            for statement in [
                "DELETE FROM messages WHERE conversation = ?1",
                "DELETE FROM conversations WHERE key = ?1",
            ] {
                failures.map(transaction.execute(statement, [key]))?;
            }
            Ok(())
        })
        .await?;
        // So that the words are gone from the `-wal` file too; while someone reads, they stay until
        // the next checkpoint.
        let _ = self.checkpoint().await;
        Ok(())
    }

    async fn list(
        &self,
        filter: &ConversationFilter,
    ) -> Result<Vec<ConversationRecord>, StateError> {
        let filter = filter.clone();
        self.with(move |connection, failures| {
            let after = filter.after();
            let mut query = failures.map(connection.prepare_cached(schema::list(&filter)))?;
            let user = filter.user().map(AsRef::<str>::as_ref);
            let session = filter.session().map(AsRef::<str>::as_ref);
            let rows = query.query_map(
                params![
                    user,
                    session,
                    filter.status().map(ConversationStatus::as_str),
                    after.map(|(at, _)| at.timestamp_millis()),
                    after.map(|(_, id)| id.as_str()),
                    i64::try_from(filter.limit()).unwrap_or(i64::MAX),
                ],
                |row| row.get::<_, String>(0),
            );
            let mut records = Vec::new();
            for json in failures.map(rows)? {
                records.push(failures.read(&failures.map(json)?, "a conversation")?);
            }
            Ok(records)
        })
        .await
    }
}
