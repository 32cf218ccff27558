//! Bringing older files to the present form, inside the caller's transaction.

use std::cmp;

use conversation_types::{MessageId, Role};
use rusqlite::types::Value;
use rusqlite::{Connection, Transaction, params};

use crate::error::StateError;
use crate::failures::Failures;
use crate::record::ConversationRecord;
use crate::references::references_of;
use crate::sqlite::references;
use crate::sqlite::rows::{execute, integer, unsigned};
use crate::sqlite::schema::CREATE;
use crate::stored::read_message;

/// The tables of version 0.1, out of the way of the new ones.
const SET_ASIDE: &str = "
DROP INDEX IF EXISTS conversations_by_user;
DROP INDEX IF EXISTS conversations_by_session;
DROP INDEX IF EXISTS conversations_deleting;
DROP INDEX IF EXISTS conversations_ending;
DROP INDEX IF EXISTS conversations_by_time;
ALTER TABLE messages RENAME TO old_messages;
ALTER TABLE conversations RENAME TO old_conversations;
";

/// Messages of version 0.1 get the ids `m-<position>`. They belong to no turn; a slot begins at
/// each message of the user.
pub(super) fn from_1(transaction: &Transaction<'_>, failures: &Failures) -> Result<(), StateError> {
    failures.map(transaction.execute_batch(SET_ASIDE))?;
    failures.map(transaction.execute_batch(CREATE))?;
    let mut changes = 0;
    failures.map((|| {
        let mut query = transaction.prepare(
            "SELECT key, id, user, session, status, updated_at, record FROM old_conversations \
             ORDER BY updated_at, key",
        )?;
        let mut rows = query.query([])?;
        while let Some(row) = rows.next()? {
            changes += 1;
            let old = OldConversation {
                key: row.get(0)?,
                id: row.get(1)?,
                user: row.get(2)?,
                session: row.get(3)?,
                status: row.get(4)?,
                updated_at: row.get(5)?,
                record: row.get(6)?,
            };
            match old.migrate(transaction, failures, changes) {
                Ok(()) => {}
                Err(error) => return Ok(Err(error)),
            }
        }
        Ok(Ok(()))
    })())??;
    failures
        .map(transaction.execute_batch("DROP TABLE old_messages; DROP TABLE old_conversations;"))?;
    failures.map(transaction.execute(
        "INSERT INTO store (one, id, created_at, changes) \
         SELECT 1, randomblob(16), ifnull(min(created_at), 0), ?1 FROM conversations",
        [changes],
    ))?;
    Ok(())
}

struct OldConversation {
    key: i64,
    id: String,
    user: Option<String>,
    session: Option<String>,
    status: String,
    updated_at: i64,
    record: Value,
}

impl OldConversation {
    fn migrate(
        self,
        transaction: &Transaction<'_>,
        failures: &Failures,
        changed: i64,
    ) -> Result<(), StateError> {
        let slots = self.messages(transaction, failures)?;
        let read: Option<ConversationRecord> = match &self.record {
            Value::Text(json) => serde_json::from_str(json).ok(),
            _ => None,
        };
        let (created_at, record) = match read {
            Some(record) => {
                let created = record.created_at.timestamp_millis();
                let record = failures.write(&new_record(record, slots))?;
                (created, Value::from(record))
            }
            // A record that is damaged stays as it is; reading it says so.
            None => (self.updated_at, self.record),
        };
        execute(
            transaction,
            failures,
            "INSERT INTO conversations \
             (key, id, user, session, status, created_at, changed, record) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            params![
                self.key,
                self.id,
                self.user,
                self.session,
                self.status,
                created_at,
                changed,
                record
            ],
        )?;
        Ok(())
    }

    /// Moves the messages, and returns how many slots they have.
    fn messages(
        &self,
        transaction: &Transaction<'_>,
        failures: &Failures,
    ) -> Result<u64, StateError> {
        let mut slots = 0;
        let mut from = 0;
        while let Some((position, json)) = next(transaction, failures, self.key, from)? {
            from = position + 1;
            let id = MessageId::at_position(unsigned(position));
            let message = read_message(&id, &json);
            if slots == 0 || message.role == Role::User {
                execute(
                    transaction,
                    failures,
                    "INSERT INTO slots (conversation, slot, branch, first, in_context) \
                     VALUES (?1, ?2, 0, ?3, 1)",
                    params![self.key, integer(slots), position],
                )?;
                slots += 1;
            }
            // The value as it is: what is damaged stays as it was found.
            execute(
                transaction,
                failures,
                "INSERT INTO messages (conversation, branch, position, slot, id, message) \
                 SELECT conversation, 0, position, ?3, ?4, message FROM old_messages \
                 WHERE conversation = ?1 AND position = ?2",
                params![self.key, position, integer(slots - 1), id.as_str()],
            )?;
            let key = transaction.last_insert_rowid();
            let keys = references_of(&message);
            references::add(transaction, failures, self.key, key, &keys)?;
        }
        Ok(slots)
    }
}

/// The first message at or after a position.
fn next(
    connection: &Connection,
    failures: &Failures,
    conversation: i64,
    from: i64,
) -> Result<Option<(i64, Vec<u8>)>, StateError> {
    failures.map((|| {
        let mut query = connection.prepare_cached(
            "SELECT position, message FROM old_messages \
             WHERE conversation = ?1 AND position >= ?2 ORDER BY position LIMIT 1",
        )?;
        let mut rows = query.query(params![conversation, from])?;
        let Some(row) = rows.next()? else {
            return Ok(None);
        };
        let json = row.get_ref(1)?.as_bytes_or_null().ok().flatten();
        Ok(Some((row.get(0)?, json.unwrap_or_default().to_vec())))
    })())
}

fn new_record(mut record: ConversationRecord, slots: u64) -> ConversationRecord {
    // No write of version 0.1 is known by its id.
    record.extra.remove("last_write");
    record.head = record.version;
    record.counters.slots = slots;
    record.counters.open_slot = slots.checked_sub(1);
    record.counters.oldest_write = record.version + 1;
    record.externalized_through = cmp::min(record.externalized_through, record.message_count);
    record
}
