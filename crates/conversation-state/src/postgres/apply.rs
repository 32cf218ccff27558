//! Applying a write: one round trip to look everything up, one to write and commit.

use futures_util::future::BoxFuture;

use crate::clock::ClockOffset;
use crate::error::{StateError, StateErrorKind};
use crate::outcome::Applied;
use crate::postgres::lookup;
use crate::postgres::references;
use crate::postgres::rows::{
    ADD_LOG, ADD_TAGS, REMOVE_TAGS, UPDATE_CHANGE, UPDATE_RECORD, UPDATE_STATUS, integer, time,
};
use crate::postgres::session::{Session, Step, Value, values};
use crate::record::ConversationRecord;
use crate::transition::{Judgment, LoggedWrite, Plan, PreparedWrite, judge};

const REPLACE: &str = "UPDATE messages SET message = $3 WHERE conversation = $1 AND id = $2";
const REMOVE_REFERENCES: &str = "DELETE FROM refs WHERE message IN \
    (SELECT key FROM messages WHERE conversation = $1 AND branch = 0 AND position >= $2)";
const REMOVE_MESSAGES: &str =
    "DELETE FROM messages WHERE conversation = $1 AND branch = 0 AND position >= $2";
const REMOVE_SLOTS: &str =
    "DELETE FROM slots WHERE conversation = $1 AND branch = 0 AND first >= $2";
const MOVE_MESSAGES: &str = "UPDATE messages SET branch = $3 \
    WHERE conversation = $1 AND branch = 0 AND position >= $2";
const MOVE_SLOTS: &str =
    "UPDATE slots SET branch = $3 WHERE conversation = $1 AND branch = 0 AND first >= $2";
const PUT_SLOT: &str = "INSERT INTO slots \
    (conversation, slot, branch, first, in_context, id, key, turn) \
    VALUES ($1, $2, $8, $3, $4, $5, $6, $7) \
    ON CONFLICT (conversation, slot) DO UPDATE SET branch = excluded.branch, first = excluded.first, \
    in_context = excluded.in_context, id = excluded.id, key = excluded.key, turn = excluded.turn";
const APPEND: &str = "INSERT INTO messages (conversation, branch, position, slot, id, message) \
    SELECT $1, 0, * FROM unnest($2, $3, $4, $5)";
const PLANNER: &str = "INSERT INTO planner (conversation, key, value) VALUES ($1, $2, $3) \
    ON CONFLICT (conversation, key) DO UPDATE SET value = excluded.value";
const PRUNE: &str = "DELETE FROM writes WHERE conversation = $1 AND version < $2";

/// What a write is applied with.
pub(super) struct Applying {
    pub(super) prepared: PreparedWrite,
    pub(super) clock_offset: ClockOffset,
}

pub(super) fn apply<'s>(
    session: &'s Session,
    input: &'s Applying,
) -> BoxFuture<'s, Result<Applied, StateError>> {
    Box::pin(async move {
        let write = input.prepared.write();
        let Some(found) = lookup::find(session, &input.prepared).await? else {
            let error = StateError::new(StateErrorKind::NotFound, "apply write to conversation");
            return Err(error.with_subject(write.conversation.as_str()));
        };
        let now = time(found.now + input.clock_offset.milliseconds());
        let record = &found.row.record;
        match judge(&found.results, record, &input.prepared, now)? {
            Judgment::Replayed(applied) => Ok(*applied),
            Judgment::Apply(plan) => {
                carry_out(session, found.row.key, record, &plan).await?;
                Ok(plan.applied)
            }
        }
    })
}

async fn carry_out(
    session: &Session,
    key: i64,
    old: &ConversationRecord,
    plan: &Plan<'_>,
) -> Result<(), StateError> {
    let failures = session.failures();
    let slots: Vec<SlotRow> = plan
        .turns
        .iter()
        .map(|planned| {
            let turn = planned.turn.as_ref();
            Ok(SlotRow {
                slot: integer(planned.slot),
                branch: i64::from(planned.branch),
                first: integer(planned.first),
                in_context: planned.in_context,
                id: turn.map(|turn| turn.id.as_str().as_bytes().to_vec()),
                key: turn
                    .and_then(|turn| turn.idempotency_key.as_ref())
                    .map(|key| key.as_bytes().to_vec()),
                turn: turn.map(|turn| failures.write(turn)).transpose()?,
            })
        })
        .collect::<Result<_, StateError>>()?;
    let replaced: Vec<_> = plan
        .replace
        .iter()
        .map(|message| (message.id.as_str().as_bytes(), *message))
        .collect();
    let named = references::of_messages(&plan.replace, &plan.append);
    let new = NewRows::of(plan);
    let planner: Vec<(&[u8], &str)> = plan
        .planner
        .iter()
        .map(|entry| (entry.key.as_bytes(), entry.value.get()))
        .collect();
    let json = failures.write(&plan.applied.record)?;
    let update = RecordRows::new(key, old, &plan.applied.record, json);
    let log = LogRow::new(key, &plan.log);
    let cut = plan.cut.as_ref().map(|cut| {
        let branch = cut.branch.map(i64::from);
        (integer(cut.from), branch)
    });
    let keep_from = integer(plan.keep_log_from);

    let mut steps = Vec::new();
    for (id, message) in &replaced {
        steps.push(Step::new(
            REPLACE,
            values![INT8 key, BYTEA *id, TEXT message.json],
        ));
        steps.push(Step::new(references::REMOVE, values![INT8 key, BYTEA *id]));
    }
    match &cut {
        None => {}
        Some((from, None)) => {
            // References first: they are found by their messages.
            for sql in [REMOVE_REFERENCES, REMOVE_MESSAGES, REMOVE_SLOTS] {
                steps.push(Step::new(sql, values![INT8 key, INT8 *from]));
            }
        }
        Some((from, Some(branch))) => {
            for sql in [MOVE_MESSAGES, MOVE_SLOTS] {
                steps.push(Step::new(sql, values![INT8 key, INT8 *from, INT8 *branch]));
            }
        }
    }
    steps.extend(slots.iter().map(|slot| slot.step(&key)));
    if !new.ids.is_empty() {
        steps.push(new.step(&key));
    }
    steps.extend(named.steps(&key));
    for (name, value) in &planner {
        steps.push(Step::new(
            PLANNER,
            values![INT8 key, BYTEA *name, TEXT *value],
        ));
    }
    steps.extend(update.steps());
    steps.push(log.step());
    if plan.keep_log_from > old.counters.oldest_write {
        steps.push(Step::new(PRUNE, values![INT8 key, INT8 keep_from]));
    }
    session.commit(steps).await.map(drop)
}

/// A row of `slots`.
struct SlotRow {
    slot: i64,
    branch: i64,
    first: i64,
    in_context: bool,
    id: Option<Vec<u8>>,
    key: Option<Vec<u8>>,
    turn: Option<String>,
}

impl SlotRow {
    fn step<'a>(&'a self, conversation: &'a i64) -> Step<'a> {
        let row = values![
            INT8 *conversation, INT8 self.slot, INT8 self.first, BOOL self.in_context,
            BYTEA self.id, BYTEA self.key, TEXT self.turn, INT8 self.branch
        ];
        Step::new(PUT_SLOT, row)
    }
}

/// New rows of `messages`, column by column.
struct NewRows<'a> {
    positions: Vec<i64>,
    slots: Vec<i64>,
    ids: Vec<&'a [u8]>,
    messages: Vec<&'a str>,
}

impl<'a> NewRows<'a> {
    fn of(plan: &'a Plan<'_>) -> Self {
        let new = &plan.append;
        Self {
            positions: new.iter().map(|new| integer(new.position)).collect(),
            slots: new.iter().map(|new| integer(new.slot)).collect(),
            ids: new
                .iter()
                .map(|new| new.message.id.as_str().as_bytes())
                .collect(),
            messages: new.iter().map(|new| new.message.json.as_str()).collect(),
        }
    }

    fn step<'s>(&'s self, conversation: &'s i64) -> Step<'s> {
        let row = values![
            INT8 *conversation, INT8_ARRAY self.positions, INT8_ARRAY self.slots,
            BYTEA_ARRAY self.ids, TEXT_ARRAY self.messages
        ];
        Step::new(APPEND, row)
    }
}

/// The change of a record.
pub(super) struct RecordRows {
    key: i64,
    version: i64,
    current_turn: Option<Vec<u8>>,
    status: Option<&'static str>,
    any_status: &'static str,
    tags: Option<Vec<Vec<u8>>>,
    created_at: i64,
    id: Vec<u8>,
    json: String,
}

impl RecordRows {
    /// Prepares the rows of a record that takes the place of another one.
    pub(super) fn new(
        key: i64,
        old: &ConversationRecord,
        new: &ConversationRecord,
        json: String,
    ) -> Self {
        let tags = new.tags.iter().map(|tag| tag.as_bytes().to_vec());
        Self {
            key,
            version: integer(new.version),
            current_turn: new
                .current_turn
                .as_ref()
                .map(|turn| turn.as_str().as_bytes().to_vec()),
            status: (old.status != new.status).then(|| new.status.as_str()),
            any_status: new.status.as_str(),
            tags: (old.tags != new.tags).then(|| tags.collect()),
            created_at: new.created_at.timestamp_millis(),
            id: new.id.as_str().as_bytes().to_vec(),
            json,
        }
    }

    /// Returns the statements that update the record.
    pub(super) fn steps(&self) -> Vec<Step<'_>> {
        let key = &self.key;
        let row: Vec<Value<'_>> =
            values![INT8 *key, TEXT self.json, INT8 self.version, BYTEA self.current_turn];
        let mut steps = vec![
            Step::new(UPDATE_RECORD, row),
            Step::new(&UPDATE_CHANGE, values![INT8 *key, TEXT self.any_status]),
        ];
        if let Some(status) = &self.status {
            steps.push(Step::new(UPDATE_STATUS, values![INT8 * key, TEXT * status]));
        }
        if let Some(tags) = &self.tags {
            let row = values![INT8 *key, BYTEA_ARRAY *tags, INT8 self.created_at, BYTEA self.id];
            steps.push(Step::new(REMOVE_TAGS, values![INT8 * key]));
            steps.push(Step::new(ADD_TAGS, row));
        }
        steps
    }
}

/// A new row of `writes`.
pub(super) struct LogRow {
    key: i64,
    version: i64,
    id: Vec<u8>,
    head: i64,
    epoch: Option<i64>,
    at: i64,
}

impl LogRow {
    pub(super) fn new(key: i64, log: &LoggedWrite) -> Self {
        Self {
            key,
            version: integer(log.version),
            id: log.id.as_bytes().to_vec(),
            head: integer(log.head),
            epoch: log.epoch.map(integer),
            at: log.at.timestamp_millis(),
        }
    }

    /// Returns the statement that adds the row.
    pub(super) fn step(&self) -> Step<'_> {
        let row = values![
            INT8 self.key, INT8 self.version, BYTEA self.id, INT8 self.head, INT8 self.epoch,
            INT8 self.at
        ];
        Step::new(ADD_LOG, row)
    }
}
