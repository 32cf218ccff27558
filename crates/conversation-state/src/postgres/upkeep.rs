//! Tombstones, purges, fences of users and named leases.

use std::time::Duration;

use futures_util::future::BoxFuture;

use crate::clock::{ClockOffset, later};
use crate::error::StateError;
use crate::postgres::apply::{LogRow, RecordRows};
use crate::postgres::rows::{ConversationRow, LOCK, NOW, column, one, time};
use crate::postgres::session::{Mode, Session, Step, values};
use crate::record::ConversationRecord;
use crate::transition::tombstoned;

/// Locks an id, whether there is a conversation or not, until the transaction ends.
pub(super) const LOCK_ID: &str = "SELECT pg_advisory_xact_lock($1)";
/// The longest time that is added to the time of the server, in milliseconds: beyond the calendar.
const LONGEST: i64 = i64::MAX / 4;

const PUT_TOMBSTONE: &str = "INSERT INTO tombstones AS t (id, until) VALUES ($1, $2) \
    ON CONFLICT (id) DO UPDATE SET until = greatest(t.until, excluded.until)";
/// Never waits for another one that does the same.
const REMOVE_ENDED: &str = "DELETE FROM tombstones WHERE id IN \
    (SELECT id FROM tombstones WHERE until <= $1 ORDER BY until LIMIT 100 FOR UPDATE SKIP LOCKED)";
const PUT_FENCE: &str = "INSERT INTO fences AS f (hash, until) VALUES ($1, (NOW) + $2) \
    ON CONFLICT (hash) DO UPDATE SET until = greatest(f.until, excluded.until)";
const REMOVE_ENDED_FENCES: &str = "DELETE FROM fences WHERE hash IN \
    (SELECT hash FROM fences WHERE until <= (NOW) + $1 LIMIT 100 FOR UPDATE SKIP LOCKED)";
const FENCE: &str = "SELECT until FROM fences WHERE hash = $1 AND until > (NOW) + $2";
const ACQUIRE: &str = "INSERT INTO leases AS l (name, owner, until) VALUES ($1, $2, (NOW) + $3) \
    ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, until = excluded.until \
    WHERE l.owner = excluded.owner OR l.until <= (NOW) + $4 RETURNING 1";
const RELEASE: &str = "DELETE FROM leases WHERE name = $1 AND owner = $2";
/// Everything of a conversation but its tombstone.
const PURGE: [&str; 8] = [
    "DELETE FROM refs WHERE conversation = (SELECT key FROM conversations WHERE id = $1)",
    "DELETE FROM messages WHERE conversation = (SELECT key FROM conversations WHERE id = $1)",
    "DELETE FROM slots WHERE conversation = (SELECT key FROM conversations WHERE id = $1)",
    "DELETE FROM planner WHERE conversation = (SELECT key FROM conversations WHERE id = $1)",
    "DELETE FROM tags WHERE conversation = (SELECT key FROM conversations WHERE id = $1)",
    "DELETE FROM writes WHERE conversation = (SELECT key FROM conversations WHERE id = $1)",
    "DELETE FROM changes WHERE conversation = (SELECT key FROM conversations WHERE id = $1)",
    "DELETE FROM conversations WHERE id = $1",
];

/// The number of the lock of an id: FNV-1a. Two ids with one number only wait for each other.
pub(super) fn lock_number(schema: &str, id: &str) -> i64 {
    let bytes = schema.bytes().chain([0]).chain(id.bytes());
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    i64::from_ne_bytes(hash.to_ne_bytes())
}

fn with_now(sql: &str) -> String {
    sql.replace("NOW", NOW)
}

fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).map_or(LONGEST, |duration| duration.min(LONGEST))
}

/// A conversation to delete or to purge.
pub(super) struct Doomed {
    pub(super) id: String,
    pub(super) keep: Duration,
    pub(super) schema: String,
    pub(super) clock_offset: ClockOffset,
}

pub(super) fn tombstone<'s>(
    session: &'s Session,
    input: &'s Doomed,
) -> BoxFuture<'s, Result<Option<ConversationRecord>, StateError>> {
    Box::pin(async move {
        let failures = session.failures();
        let id = input.id.as_bytes();
        let lock = lock_number(&input.schema, &input.id);
        let steps = vec![
            Step::new(LOCK_ID, values![INT8 lock]),
            Step::new(LOCK, values![BYTEA id]),
            Step::new(NOW, values![]),
        ];
        let answers = session.begin(Mode::Write, steps).await?;
        let now: i64 = column(one(&answers, 2, failures)?, 0, failures)?;
        let now = now + input.clock_offset.milliseconds();
        let until = later(time(now), input.keep).timestamp_millis();
        let rows = answers.get(1).map_or(&[][..], Vec::as_slice);
        let row = ConversationRow::of(rows, &input.id, failures)?;
        let mut steps = vec![
            Step::new(REMOVE_ENDED, values![INT8 now]),
            Step::new(PUT_TOMBSTONE, values![BYTEA id, INT8 until]),
        ];
        let Some(row) = row else {
            session.commit(steps).await?;
            return Ok(None);
        };
        let Some((record, log)) = tombstoned(&row.record, time(now)) else {
            session.commit(steps).await?;
            return Ok(Some(row.record));
        };
        let json = failures.write(&record)?;
        let update = RecordRows::new(row.key, &row.record, &record, json);
        let log = LogRow::new(row.key, &log);
        steps.extend(update.steps());
        steps.push(log.step());
        session.commit(steps).await?;
        Ok(Some(record))
    })
}

pub(super) fn purge<'s>(
    session: &'s Session,
    input: &'s Doomed,
) -> BoxFuture<'s, Result<(), StateError>> {
    Box::pin(async move {
        let id = input.id.as_bytes();
        let lock = lock_number(&input.schema, &input.id);
        let mut steps = vec![
            Step::new(LOCK_ID, values![INT8 lock]),
            Step::new(LOCK, values![BYTEA id]),
        ];
        steps.extend(PURGE.map(|sql| Step::new(sql, values![BYTEA id])));
        session.whole(Mode::Write, steps).await.map(drop)
    })
}

/// A user by a hash, and for how long.
pub(super) struct Fencing {
    pub(super) hash: Vec<u8>,
    pub(super) ttl: Duration,
    pub(super) clock_offset: i64,
}

pub(super) fn fence<'s>(
    session: &'s Session,
    input: &'s Fencing,
) -> BoxFuture<'s, Result<(), StateError>> {
    Box::pin(async move {
        let until = milliseconds(input.ttl) + input.clock_offset;
        let (ended, put) = (with_now(REMOVE_ENDED_FENCES), with_now(PUT_FENCE));
        let steps = vec![
            Step::new(&ended, values![INT8 input.clock_offset]),
            Step::new(&put, values![BYTEA input.hash, INT8 until]),
        ];
        session.whole(Mode::Write, steps).await.map(drop)
    })
}

/// When the fence of a user ends.
pub(super) fn fenced_until<'s>(
    session: &'s Session,
    input: &'s Fencing,
) -> BoxFuture<'s, Result<Option<i64>, StateError>> {
    Box::pin(async move {
        let sql = with_now(FENCE);
        let step = Step::new(&sql, values![BYTEA input.hash, INT8 input.clock_offset]);
        let answers = session.whole(Mode::Read, vec![step]).await?;
        let row = answers.first().and_then(|rows| rows.first());
        row.map(|row| column(row, 0, session.failures()))
            .transpose()
    })
}

pub(super) fn lift<'s>(
    session: &'s Session,
    hash: &'s [u8],
) -> BoxFuture<'s, Result<(), StateError>> {
    Box::pin(async move {
        let step = Step::new("DELETE FROM fences WHERE hash = $1", values![BYTEA hash]);
        session.whole(Mode::Write, vec![step]).await.map(drop)
    })
}

/// A lease by its name.
pub(super) struct Leasing {
    pub(super) name: Vec<u8>,
    pub(super) owner: Vec<u8>,
    pub(super) ttl: Duration,
    pub(super) clock_offset: i64,
}

pub(super) fn acquire<'s>(
    session: &'s Session,
    input: &'s Leasing,
) -> BoxFuture<'s, Result<bool, StateError>> {
    Box::pin(async move {
        let until = milliseconds(input.ttl) + input.clock_offset;
        let sql = with_now(ACQUIRE);
        let row = values![
            BYTEA input.name, BYTEA input.owner, INT8 until, INT8 input.clock_offset
        ];
        let answers = session
            .whole(Mode::Write, vec![Step::new(&sql, row)])
            .await?;
        Ok(answers.first().is_some_and(|rows| !rows.is_empty()))
    })
}

pub(super) fn release<'s>(
    session: &'s Session,
    input: &'s Leasing,
) -> BoxFuture<'s, Result<(), StateError>> {
    Box::pin(async move {
        let step = Step::new(RELEASE, values![BYTEA input.name, BYTEA input.owner]);
        session.whole(Mode::Write, vec![step]).await.map(drop)
    })
}
