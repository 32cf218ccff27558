//! Look-ups before a write.

use chrono::{DateTime, Utc};
use conversation_types::{MessageId, TurnId};
use rusqlite::{OptionalExtension, Row, Transaction, params};

use crate::error::StateError;
use crate::failures::Failures;
use crate::id::WriteId;
use crate::load::MessagePosition;
use crate::sqlite::rows::{integer, unsigned};
use crate::transition::{LoggedWrite, StateView, TurnRow};

pub(super) const LOGGED: &str = "SELECT version, head, epoch, at FROM writes \
    WHERE conversation = ?1 AND version > ?2 AND id = ?3";
pub(super) const LOGGED_AT: &str = "SELECT at FROM writes WHERE conversation = ?1 AND version = ?2";
pub(super) const TURN: &str =
    "SELECT slot, branch, first, turn FROM slots WHERE conversation = ?1 AND id = ?2";
pub(super) const KEYED: &str = "SELECT id FROM slots WHERE conversation = ?1 AND key = ?2";
pub(super) const PLACE: &str =
    "SELECT branch, position FROM messages WHERE conversation = ?1 AND id = ?2";

/// One conversation inside a transaction.
pub(super) struct View<'a> {
    transaction: &'a Transaction<'a>,
    failures: &'a Failures,
    key: i64,
}

impl<'a> View<'a> {
    pub(super) fn new(transaction: &'a Transaction<'a>, failures: &'a Failures, key: i64) -> Self {
        Self {
            transaction,
            failures,
            key,
        }
    }

    /// Whether a write created the conversation.
    pub(super) fn created_by(&self, write: WriteId) -> Result<bool, StateError> {
        let sql = "SELECT 1 FROM writes WHERE conversation = ?1 AND version = 1 AND id = ?2";
        let found: Option<i64> =
            self.find(sql, params![self.key, write.as_bytes()], |row| row.get(0))?;
        Ok(found.is_some())
    }

    fn find<T>(
        &self,
        sql: &str,
        parameters: impl rusqlite::Params,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, StateError> {
        self.failures.map(
            self.transaction
                .prepare_cached(sql)
                .and_then(|mut query| query.query_row(parameters, read).optional()),
        )
    }
}

impl StateView for View<'_> {
    fn logged(&self, id: WriteId, base: u64) -> Result<Option<LoggedWrite>, StateError> {
        let row = params![self.key, integer(base), id.as_bytes()];
        let found = self.find(LOGGED, row, |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })?;
        Ok(
            found.map(|(version, head, epoch, at): (i64, i64, Option<i64>, i64)| {
                let epoch = epoch.map(unsigned);
                LoggedWrite::new(id, unsigned(version), unsigned(head), epoch, time(at))
            }),
        )
    }

    fn logged_at(&self, version: u64) -> Result<Option<DateTime<Utc>>, StateError> {
        let found = self.find(LOGGED_AT, params![self.key, integer(version)], |row| {
            row.get(0)
        })?;
        Ok(found.map(time))
    }

    fn turn(&self, id: &TurnId) -> Result<Option<TurnRow>, StateError> {
        let found = self.find(TURN, params![self.key, id.as_str()], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })?;
        let Some((slot, branch, first, json)): Option<(i64, u32, i64, String)> = found else {
            return Ok(None);
        };
        let turn = self.failures.read(&json, &format!("turn {id}"))?;
        let row = TurnRow::new(unsigned(slot), branch, unsigned(first), turn);
        Ok(Some(row))
    }

    fn turn_with_key(&self, key: &str) -> Result<Option<TurnId>, StateError> {
        let found: Option<String> = self.find(KEYED, params![self.key, key], |row| row.get(0))?;
        found.map(|id| turn_id(&id, self.failures)).transpose()
    }

    fn message(&self, id: &MessageId) -> Result<Option<MessagePosition>, StateError> {
        self.find(PLACE, params![self.key, id.as_str()], |row| {
            Ok(MessagePosition::new(row.get(0)?, unsigned(row.get(1)?)))
        })
    }
}

fn turn_id(id: &str, failures: &Failures) -> Result<TurnId, StateError> {
    TurnId::new(id).map_err(|error| failures.damaged("the id of a turn").with_source(error))
}

/// A time in milliseconds. What lies beyond the calendar is its end.
pub(super) fn time(milliseconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(milliseconds).unwrap_or(DateTime::<Utc>::MAX_UTC)
}
