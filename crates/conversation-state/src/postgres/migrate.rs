//! Making the tables, and bringing older ones to the present form.

use futures_util::future::BoxFuture;

use crate::clock::ClockOffset;
use crate::error::{StateError, StateErrorKind};
use crate::id::StoreId;
use crate::limits::Durability;
use crate::postgres::rows::{NOW, column, one};
use crate::postgres::schema::{CREATE, VERSION};
use crate::postgres::session::{Mode, Session, Step, values};

/// The lock under which tables are made, by its number: the bytes `cvst` twice.
const LOCK: i64 = 0x6376_7374_6376_7374;

/// What opening finds out about a database.
#[derive(Clone, Copy, Debug)]
pub(super) struct Opened {
    pub(super) id: StoreId,
    pub(super) created_at: i64,
    pub(super) durability: Durability,
}

/// What opening needs to know.
#[derive(Clone, Debug)]
pub(super) struct Opening {
    pub(super) schema: String,
    pub(super) create: bool,
    pub(super) clock_offset: ClockOffset,
}

/// Not by `to_regclass`, which answers from a cache of the session.
const IS_THERE: &str = "SELECT EXISTS (SELECT 1 FROM pg_class c \
    JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = 'store')";
const STORE: &str = "SELECT version, id, created_at FROM store WHERE one = 1";
const SETTINGS: &str = "SELECT current_setting('fsync') = 'on', \
     current_setting('synchronous_commit') <> 'off', \
     3 * (SELECT setting::bigint FROM pg_settings WHERE name = 'wal_writer_delay')";
/// Transactions of a server to which the tables were moved may have lower numbers than those that
/// the tables know.
const IS_BEHIND: &str = "SELECT coalesce((SELECT max(changed) FROM changes), 0) >= base \
     + pg_snapshot_xmax(pg_current_snapshot())::text::bigint FROM store WHERE one = 1";
const CATCH_UP: &str = "UPDATE store SET base = (SELECT max(changed) FROM changes) WHERE one = 1";

/// Makes, checks and migrates the tables. Many may do so at once.
pub(super) fn open<'s>(
    session: &'s Session,
    opening: &'s Opening,
) -> BoxFuture<'s, Result<Opened, StateError>> {
    Box::pin(async move {
        let failures = session.failures();
        let schema = opening.schema.as_str();
        let is_there = || Step::new(IS_THERE, values![TEXT schema]);
        let begun = session.begin(Mode::Write, vec![is_there()]).await?;
        if !column::<bool>(one(&begun, 0, failures)?, 0, failures)? {
            if !opening.create {
                let failure = failures.kind(StateErrorKind::InvalidInput);
                return Err(failure.with_detail("it holds no conversations"));
            }
            // The lock ends with the transaction.
            let lock = Step::new("SELECT pg_advisory_xact_lock($1)", values![INT8 LOCK]);
            let locked = session.run(vec![lock, is_there()]).await?;
            if !column::<bool>(one(&locked, 1, failures)?, 0, failures)? {
                create(session, opening).await?;
            }
        }
        let read = vec![
            Step::new(STORE, values![]),
            Step::new(SETTINGS, values![]),
            Step::new(IS_BEHIND, values![]),
        ];
        // The version first: tables of a later one may lack what the others ask for.
        let mut read = read.into_iter();
        let version = session.run(read.by_ref().take(1).collect()).await?;
        let row = one(&version, 0, failures)?;
        let version: i32 = column(row, 0, failures)?;
        if version > VERSION {
            let detail = format!("schema version {version}, this build supports up to {VERSION}");
            return Err(failures.kind(StateErrorKind::TooNew).with_detail(detail));
        }
        let id: Vec<u8> = column(row, 1, failures)?;
        let id: [u8; 16] = id
            .try_into()
            .map_err(|_| failures.damaged("the id of the store"))?;
        let created_at = column(row, 2, failures)?;
        let rest = session.run(read.collect()).await?;
        let settings = one(&rest, 0, failures)?;
        let durability = durability(
            column(settings, 0, failures)?,
            column(settings, 1, failures)?,
            column(settings, 2, failures)?,
        );
        let behind: Option<bool> = column(one(&rest, 1, failures)?, 0, failures)?;
        let catch_up = match behind {
            Some(true) => vec![Step::new(CATCH_UP, values![])],
            _ => Vec::new(),
        };
        session.commit(catch_up).await?;
        Ok(Opened {
            id: StoreId::from_bytes(id),
            created_at,
            durability,
        })
    })
}

async fn create(session: &Session, opening: &Opening) -> Result<(), StateError> {
    session
        .script(&format!(
            "CREATE SCHEMA IF NOT EXISTS \"{}\"",
            opening.schema
        ))
        .await?;
    session.script(CREATE).await?;
    let now = session.run(vec![Step::new(NOW, values![])]).await?;
    let now: i64 = column(one(&now, 0, session.failures())?, 0, session.failures())?;
    let now = now + opening.clock_offset.milliseconds();
    let id = StoreId::mint();
    let id = id.as_bytes().as_slice();
    let sql = "INSERT INTO store (one, version, id, created_at, base) VALUES (1, $1, $2, $3, 0)";
    let add = Step::new(sql, values![INT4 VERSION, BYTEA id, INT8 now]);
    session.run(vec![add]).await.map(drop)
}

/// What a commit has survived, by the settings of the server.
fn durability(fsync: bool, synchronous: bool, delay: i64) -> Durability {
    use std::time::Duration;
    match (fsync, synchronous) {
        (true, true) => Durability::Disk,
        (true, false) => Durability::Delayed(Duration::from_millis(delay.unsigned_abs())),
        // Nothing is ever synced by the server.
        (false, _) => Durability::Delayed(Duration::MAX),
    }
}
