//! Carrying out a plan.

use rusqlite::{OptionalExtension, Transaction, params};

use crate::error::StateError;
use crate::failures::Failures;
use crate::record::ConversationRecord;
use crate::sqlite::references;
use crate::sqlite::rows::{self, execute, integer};
use crate::transition::{EncodedMessage, NewMessage, Plan, PlannedCut, PlannedTurn};

pub(super) const ADD_MESSAGE: &str = "INSERT INTO messages \
    (conversation, branch, position, slot, id, message) VALUES (?1, 0, ?2, ?3, ?4, ?5)";
pub(super) const REPLACE: &str =
    "UPDATE messages SET message = ?3 WHERE conversation = ?1 AND id = ?2 RETURNING key";
pub(super) const ADD_SLOT: &str = "INSERT INTO slots \
    (conversation, slot, branch, first, in_context, id, key, turn) \
    VALUES (?1, ?2, ?8, ?3, ?4, ?5, ?6, ?7)";
pub(super) const UPDATE_SLOT: &str = "UPDATE slots SET turn = ?3 \
    WHERE conversation = ?1 AND slot = ?2 AND branch = ?7 AND first = ?4 AND in_context = ?5 \
    AND key IS ?6";
const REMOVE_SLOT: &str = "DELETE FROM slots WHERE conversation = ?1 AND slot = ?2";
pub(super) const PRUNE: &str = "DELETE FROM writes WHERE conversation = ?1 AND version < ?2";
const PLANNER: &str = "INSERT INTO planner (conversation, key, value) VALUES (?1, ?2, ?3) \
                       ON CONFLICT DO UPDATE SET value = excluded.value";

pub(super) fn carry_out(
    transaction: &Transaction<'_>,
    failures: &Failures,
    key: i64,
    old: &ConversationRecord,
    plan: &Plan<'_>,
) -> Result<(), StateError> {
    let steps = Steps {
        transaction,
        failures,
        key,
    };
    for message in &plan.replace {
        steps.replace(message)?;
    }
    if let Some(cut) = &plan.cut {
        steps.cut(cut)?;
    }
    for planned in &plan.turns {
        steps.put_slot(planned)?;
    }
    for message in &plan.append {
        steps.append(message)?;
    }
    for entry in plan.planner {
        let row = params![key, entry.key, entry.value.get()];
        execute(transaction, failures, PLANNER, row)?;
    }
    rows::update_record(transaction, failures, key, old, &plan.applied.record)?;
    rows::add_log(transaction, failures, key, &plan.log)?;
    if plan.keep_log_from > old.counters.oldest_write {
        let row = params![key, integer(plan.keep_log_from)];
        execute(transaction, failures, PRUNE, row)?;
    }
    Ok(())
}

struct Steps<'a> {
    transaction: &'a Transaction<'a>,
    failures: &'a Failures,
    key: i64,
}

impl Steps<'_> {
    fn execute(&self, sql: &str, parameters: impl rusqlite::Params) -> Result<usize, StateError> {
        execute(self.transaction, self.failures, sql, parameters)
    }

    fn replace(&self, message: &EncodedMessage) -> Result<(), StateError> {
        let row = params![self.key, message.id.as_str(), message.json];
        let found: Option<i64> = self.failures.map(
            self.transaction
                .prepare_cached(REPLACE)
                .and_then(|mut update| update.query_row(row, |row| row.get(0)).optional()),
        )?;
        let Some(key) = found else {
            return Err(self.failures.damaged("a message went missing"));
        };
        references::remove(self.transaction, self.failures, key)?;
        self.add_references(key, message)
    }

    fn cut(&self, cut: &PlannedCut) -> Result<(), StateError> {
        let from = integer(cut.from);
        let Some(branch) = cut.branch else {
            // References first: they are found by their messages.
            for sql in [
                "DELETE FROM refs WHERE message IN (SELECT key FROM messages \
                 WHERE conversation = ?1 AND branch = 0 AND position >= ?2)",
                "DELETE FROM messages WHERE conversation = ?1 AND branch = 0 AND position >= ?2",
                "DELETE FROM slots WHERE conversation = ?1 AND branch = 0 AND first >= ?2",
            ] {
                self.execute(sql, params![self.key, from])?;
            }
            return Ok(());
        };
        for sql in [
            "UPDATE messages SET branch = ?3 \
             WHERE conversation = ?1 AND branch = 0 AND position >= ?2",
            "UPDATE slots SET branch = ?3 WHERE conversation = ?1 AND branch = 0 AND first >= ?2",
        ] {
            self.execute(sql, params![self.key, from, branch])?;
        }
        Ok(())
    }

    fn put_slot(&self, planned: &PlannedTurn) -> Result<(), StateError> {
        let turn = planned.turn.as_ref();
        let json = turn.map(|turn| self.failures.write(turn)).transpose()?;
        let id = turn.map(|turn| turn.id.as_str());
        let key = turn.and_then(|turn| turn.idempotency_key.as_deref());
        let (slot, first, branch) = (
            integer(planned.slot),
            integer(planned.first),
            planned.branch,
        );
        if !planned.is_new {
            // Mostly nothing that an index knows changes.
            let row = params![self.key, slot, json, first, planned.in_context, key, branch];
            if self.execute(UPDATE_SLOT, row)? == 1 {
                return Ok(());
            }
            self.execute(REMOVE_SLOT, params![self.key, slot])?;
        }
        let row = params![
            self.key,
            slot,
            first,
            planned.in_context,
            id,
            key,
            json,
            branch
        ];
        self.execute(ADD_SLOT, row).map(drop)
    }

    fn append(&self, new: &NewMessage<'_>) -> Result<(), StateError> {
        let message = new.message;
        let (position, slot) = (integer(new.position), integer(new.slot));
        let row = params![self.key, position, slot, message.id.as_str(), message.json];
        self.execute(ADD_MESSAGE, row)?;
        self.add_references(self.transaction.last_insert_rowid(), message)
    }

    fn add_references(&self, key: i64, message: &EncodedMessage) -> Result<(), StateError> {
        let keys = &message.references;
        references::add(self.transaction, self.failures, self.key, key, keys)
    }
}
