//! The store in a SQLite file.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use conversation_types::MessageId;
use media_types::ConversationId;
use rusqlite::params;

use crate::error::{StateError, StateErrorKind};
use crate::id::StoreId;
use crate::limits::{Durability, StateLimits, StoreInfo};
use crate::list::{ConversationFilter, ConversationPage};
use crate::load::{LoadOptions, LoadedConversation, MessagePosition};
use crate::outcome::{Applied, Created, NewConversation};
use crate::pruning::Pruning;
use crate::record::ConversationRecord;
use crate::reference::ReferenceKey;
use crate::sqlite::options::SqliteOptions;
use crate::sqlite::pool::{Pool, blocking};
use crate::sqlite::purge::{self, Purge};
use crate::sqlite::rows::{execute, find, key};
use crate::sqlite::view::{View, time};
use crate::sqlite::{apply, create, list, load, references, upkeep};
use crate::store::StateStore;
use crate::transition::{Judgment, PreparedWrite, StateView, judge};
use crate::unreadable::UnreadableRecords;
use crate::write::StateWrite;

/// Largest message, and largest messages of one write.
const LIMITS: StateLimits = StateLimits::new(64 << 20, 256 << 20);
/// Longest hash of a user.
const MAX_HASH: usize = 64;

/// Keeps conversations in one SQLite file: durable when a write returns, safe for several processes
/// on one machine. Clones share the connections.
///
/// The file is made if it is missing, readable for its owner only. It is in WAL mode, so that
/// `<file>-wal` and `<file>-shm` lie beside it while it is open; every write is synced. Reading goes
/// on beside writing. Deleted rows are overwritten. Files of version 0.1 are migrated when they are
/// opened; version 0.1 does not open them afterwards.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use conversation_state::{SqliteStateStore, StateStore};
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("conversations.sqlite");
/// let store = SqliteStateStore::open(path).await?;
/// assert_eq!(store.info().await?.backend, "sqlite");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct SqliteStateStore {
    pool: Arc<Pool>,
    busy: Duration,
    unreadable: UnreadableRecords,
    pruning: Arc<Pruning>,
}

impl SqliteStateStore {
    /// Opens a file, or makes it. Many tasks and processes may do so at once.
    ///
    /// # Errors
    /// `Permission`; `InvalidInput` for a path that cannot be a file; `Corrupted` for a file of
    /// another program or one that is damaged; `TooNew`; `Unavailable` while another process keeps
    /// it locked; `DiskSpace`. All name the file.
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, StateError> {
        Self::open_with(path, SqliteOptions::default()).await
    }

    /// Opens a file, or makes it, with options.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn open_with(
        path: impl AsRef<Path>,
        options: SqliteOptions,
    ) -> Result<Self, StateError> {
        let busy = options.busy_timeout;
        let pool = Pool::open(path.as_ref().to_owned(), options).await?;
        Ok(Self {
            pool: Arc::new(pool),
            busy,
            unreadable: UnreadableRecords::default(),
            pruning: Arc::default(),
        })
    }

    /// Returns the path of the file.
    pub fn path(&self) -> &Path {
        self.pool.path()
    }

    fn clock(&self) -> DateTime<Utc> {
        self.pool.clock().now()
    }
}

impl fmt::Debug for SqliteStateStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStateStore")
            .field("path", &self.path())
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl StateStore for SqliteStateStore {
    async fn info(&self) -> Result<StoreInfo, StateError> {
        let read = self.pool.read(
            "read state store",
            |connection, failures| {
                let sql = "SELECT id, created_at FROM store WHERE one = 1";
                let row: (Vec<u8>, i64) = failures
                    .map(connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?))))?;
                match row.0.try_into() {
                    Ok(id) => Ok((StoreId::from_bytes(id), row.1)),
                    Err(_) => Err(failures.damaged("the id of the store")),
                }
            },
            |read| read,
        );
        let (id, created_at) = read.await?;
        Ok(StoreInfo::new(id, time(created_at), "sqlite"))
    }

    fn limits(&self) -> StateLimits {
        LIMITS
    }

    fn durability(&self) -> Durability {
        Durability::Disk
    }

    async fn now(&self) -> Result<DateTime<Utc>, StateError> {
        Ok(self.clock())
    }

    async fn create(&self, new: NewConversation) -> Result<Created, StateError> {
        let clock = self.pool.clock().clone();
        let write = self
            .pool
            .write("create conversation", move |transaction, failures| {
                create::create(transaction, failures, &new, clock.now())
            });
        write.await
    }

    async fn load(
        &self,
        id: &ConversationId,
        options: LoadOptions,
    ) -> Result<Option<LoadedConversation>, StateError> {
        let (id, clock) = (id.clone(), self.pool.clock().clone());
        let read = self.pool.read(
            "load conversation",
            move |transaction, failures| {
                load::load(transaction, failures, id.as_str(), &options, clock.now())
            },
            |raw| raw.map(load::RawConversation::decode),
        );
        read.await
    }

    async fn find_message(
        &self,
        conversation: &ConversationId,
        message: &MessageId,
    ) -> Result<Option<MessagePosition>, StateError> {
        let (id, message) = (conversation.clone(), message.clone());
        let read = self.pool.read(
            "find message",
            move |transaction, failures| match key(transaction, failures, id.as_str())? {
                Some(key) => View::new(transaction, failures, key).message(&message),
                None => Ok(None),
            },
            |found| found,
        );
        read.await
    }

    async fn apply(&self, write: StateWrite) -> Result<Applied, StateError> {
        let clock = self.pool.clock().clone();
        // Encoding a large message takes as long as writing it.
        let prepared = blocking(move || PreparedWrite::new(write, LIMITS));
        let prepared = prepared.await?;
        let apply = self.pool.write(
            "apply write to conversation",
            move |transaction, failures| {
                let id = prepared.write().conversation.as_str();
                let Some(row) = find(transaction, failures, id)? else {
                    let error =
                        StateError::new(StateErrorKind::NotFound, "apply write to conversation");
                    return Err(error.with_subject(id));
                };
                let view = View::new(transaction, failures, row.key);
                match judge(&view, &row.record, &prepared, clock.now())? {
                    Judgment::Replayed(applied) => Ok(*applied),
                    Judgment::Apply(plan) => {
                        apply::carry_out(transaction, failures, row.key, &row.record, &plan)?;
                        Ok(plan.applied)
                    }
                }
            },
        );
        apply.await
    }

    async fn list(&self, filter: &ConversationFilter) -> Result<ConversationPage, StateError> {
        let filter = filter.clone();
        let read = self.pool.read(
            "list conversations",
            move |transaction, failures| list::list(transaction, failures, &filter),
            |page| page,
        );
        let page = read.await?;
        self.unreadable.report(&page);
        Ok(page)
    }

    async fn tombstone(
        &self,
        id: &ConversationId,
        keep: Duration,
    ) -> Result<Option<ConversationRecord>, StateError> {
        let (id, now) = (id.clone(), self.clock());
        let write = self
            .pool
            .with_writer("delete conversation", move |connection, failures| {
                purge::with_room(connection, failures, |transaction| {
                    upkeep::tombstone(transaction, failures, id.as_str(), keep, now)
                })
            });
        write.await
    }

    async fn purge(&self, id: &ConversationId) -> Result<(), StateError> {
        let (now, busy) = (self.clock(), self.busy);
        let mut purge = Purge::default();
        // Each step has the connection for itself: other writes of this process come in between.
        while !purge.is_done() {
            let id = id.clone();
            let step = self
                .pool
                .with_writer("purge conversation", move |connection, failures| {
                    purge.step(connection, failures, id.as_str(), now)?;
                    if purge.is_done() {
                        purge::empty_log(connection, busy);
                    }
                    Ok(purge)
                });
            purge = step.await?;
        }
        Ok(())
    }

    async fn fence_user(&self, hash: &[u8], ttl: Duration) -> Result<(), StateError> {
        if hash.len() > MAX_HASH {
            let error = StateError::new(StateErrorKind::InvalidInput, "fence user");
            return Err(error.with_detail("the hash is longer than 64 bytes"));
        }
        let (hash, now) = (hash.to_vec(), self.clock());
        let write = self.pool.write("fence user", move |transaction, failures| {
            upkeep::fence_user(transaction, failures, &hash, ttl, now)
        });
        write.await
    }

    async fn user_fence(&self, hash: &[u8]) -> Result<Option<DateTime<Utc>>, StateError> {
        let (hash, now) = (hash.to_vec(), self.clock());
        let read = self.pool.read(
            "read fence of user",
            move |transaction, failures| upkeep::user_fence(transaction, failures, &hash, now),
            |until| until.map(time),
        );
        read.await
    }

    async fn lift_fence(&self, hash: &[u8]) -> Result<(), StateError> {
        let hash = hash.to_vec();
        let write = self
            .pool
            .write("lift fence of user", move |transaction, failures| {
                let sql = "DELETE FROM fences WHERE hash = ?1";
                execute(transaction, failures, sql, [hash]).map(drop)
            });
        write.await
    }

    async fn acquire_lease(
        &self,
        name: &str,
        owner: &str,
        ttl: Duration,
    ) -> Result<bool, StateError> {
        let (name, owner, clock) = (name.to_owned(), owner.to_owned(), self.pool.clock().clone());
        let write = self
            .pool
            .write("acquire lease", move |transaction, failures| {
                upkeep::acquire(transaction, failures, &name, &owner, ttl, clock.now())
            });
        write.await
    }

    async fn release_lease(&self, name: &str, owner: &str) -> Result<(), StateError> {
        let (name, owner) = (name.to_owned(), owner.to_owned());
        let write = self
            .pool
            .write("release lease", move |transaction, failures| {
                let sql = "DELETE FROM leases WHERE name = ?1 AND owner = ?2";
                execute(transaction, failures, sql, params![name, owner]).map(drop)
            });
        write.await
    }

    async fn references(&self, keys: &[ReferenceKey]) -> Result<Vec<bool>, StateError> {
        let keys = keys.to_vec();
        let read = self.pool.read(
            "look up references",
            move |transaction, failures| {
                let named = |key| references::is_named(transaction, failures, key);
                keys.iter().map(named).collect()
            },
            |named| named,
        );
        read.await
    }

    async fn referenced_by(
        &self,
        conversation: &ConversationId,
        after: Option<&ReferenceKey>,
        limit: usize,
    ) -> Result<Vec<ReferenceKey>, StateError> {
        let (id, after) = (conversation.clone(), after.cloned());
        let read = self.pool.read(
            "list references",
            move |transaction, failures| match key(transaction, failures, id.as_str())? {
                Some(key) => {
                    let after = after.as_ref();
                    references::of_conversation(transaction, failures, key, after, limit)
                }
                None => Ok(Vec::new()),
            },
            |keys| keys,
        );
        read.await
    }

    async fn observe_unnamed(
        &self,
        keys: &[ReferenceKey],
    ) -> Result<Vec<DateTime<Utc>>, StateError> {
        const OBSERVE: &str = "observe unnamed references";
        let (keys, clock) = (keys.to_vec(), self.pool.clock().clone());
        let now = clock.now();
        let mut has_old = self.pruning.is_due(now.timestamp_millis());
        // Others write in between.
        while has_old {
            let forget = self.pool.write(OBSERVE, move |transaction, failures| {
                references::forget_old(transaction, failures, now)
            });
            has_old = forget.await?;
        }
        let write = self.pool.write(OBSERVE, move |transaction, failures| {
            let now = clock.now().timestamp_millis();
            let observe = |key| references::observe(transaction, failures, key, now).map(time);
            keys.iter().map(observe).collect()
        });
        write.await
    }

    async fn forget_unnamed(&self, keys: &[ReferenceKey]) -> Result<(), StateError> {
        let keys = keys.to_vec();
        let write = self
            .pool
            .write("forget unnamed references", move |transaction, failures| {
                let mut keys = keys.iter();
                keys.try_for_each(|key| references::forget(transaction, failures, key))
            });
        write.await
    }
}
