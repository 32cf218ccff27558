//! The store in a PostgreSQL database.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use conversation_types::MessageId;
use deadpool_postgres::Pool;
use futures_util::future::BoxFuture;
use media_types::ConversationId;

use crate::blocking::convert;
use crate::error::{StateError, StateErrorKind};
use crate::failures::OPEN;
use crate::limits::{Durability, StateLimits, StoreInfo};
use crate::list::{ConversationFilter, ConversationPage};
use crate::load::{LoadOptions, LoadedConversation, MessagePosition};
use crate::outcome::{Applied, Created, NewConversation};
use crate::postgres::connect::Database;
use crate::postgres::migrate::{self, Opened, Opening};
use crate::postgres::options::PostgresOptions;
use crate::postgres::rows::{NOW, column, one, time};
use crate::postgres::session::{Mode, Session, Step, values};
use crate::postgres::{apply, create, list, load, references, upkeep};
use crate::pruning::Pruning;
use crate::record::ConversationRecord;
use crate::reference::ReferenceKey;
use crate::store::StateStore;
use crate::transition::PreparedWrite;
use crate::unreadable::UnreadableRecords;
use crate::write::StateWrite;

/// Largest message, and largest messages of one write.
const LIMITS: StateLimits = StateLimits::new(64 << 20, 256 << 20);
/// Longest hash of a user.
const MAX_HASH: usize = 64;

/// Keeps conversations in a schema of a PostgreSQL database, of version 13 or later, for any number of
/// processes on any number of machines. Clones share the connections.
///
/// Every write is one transaction of two round trips: one looks up what it depends on and locks the
/// conversation, one writes and commits. Times are those of the server.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use conversation_state::{Durability, PostgresStateStore, StateStore};
///
/// let url = "postgres://app:secret@db.example/app?sslmode=require";
/// let store = PostgresStateStore::open(url).await?;
/// assert_eq!(store.durability(), Durability::Disk);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct PostgresStateStore {
    database: Arc<Database>,
    opened: Opened,
    unreadable: UnreadableRecords,
    pruning: Arc<Pruning>,
}

impl PostgresStateStore {
    /// Connects to the database that a URL names, and makes the tables if they are missing. Many
    /// processes may do so at once.
    ///
    /// The URL is one of PostgreSQL: `postgres://user:password@host:port/database`. With
    /// `sslmode=require` a connection without TLS is refused; the server's certificate is verified
    /// wherever TLS is used.
    ///
    /// # Errors
    /// `InvalidInput` for a URL or options that cannot be used, for a database that does not exist, and
    /// for TLS that is required and not offered; `Permission` for a login that is refused, and for
    /// tables that cannot be made; `TooNew`; `Corrupted`; `Unavailable`.
    pub async fn open(url: &str) -> Result<Self, StateError> {
        Self::open_with(url, PostgresOptions::default()).await
    }

    /// Connects to the database that a URL names, with options.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn open_with(url: &str, options: PostgresOptions) -> Result<Self, StateError> {
        Self::prepare(Database::from_url(url, options)?).await
    }

    /// Uses connections of a pool, in transactions that leave no setting behind. Options that are about
    /// making connections do not count.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn from_pool(pool: Pool, options: PostgresOptions) -> Result<Self, StateError> {
        Self::prepare(Database::from_pool(pool, options)).await
    }

    async fn prepare(database: Database) -> Result<Self, StateError> {
        let schema = &database.options.schema;
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte == b'_' || byte.is_ascii_digit();
        if schema.is_empty()
            || schema.len() > 63
            || !schema.bytes().all(allowed)
            || schema.as_bytes()[0].is_ascii_digit()
            || schema.starts_with("pg_")
        {
            let failures = database.failures(OPEN);
            let failure = failures.kind(StateErrorKind::InvalidInput);
            return Err(failure.with_detail("the name of the schema is not allowed"));
        }
        let opening = Opening {
            schema: schema.clone(),
            create: database.options.create,
            clock_offset: database.options.clock_offset.clone(),
        };
        let open = database.run(OPEN, &opening, migrate::open);
        let opened = open.await?;
        Ok(Self {
            database: Arc::new(database),
            opened,
            unreadable: UnreadableRecords::default(),
            pruning: Arc::default(),
        })
    }

    fn clock_offset(&self) -> i64 {
        self.database.options.clock_offset.milliseconds()
    }

    fn doomed(&self, id: &ConversationId, keep: Duration) -> upkeep::Doomed {
        upkeep::Doomed {
            id: id.to_string(),
            keep,
            schema: self.database.options.schema.clone(),
            clock_offset: self.database.options.clock_offset.clone(),
        }
    }

    fn fencing(&self, hash: &[u8], ttl: Duration) -> upkeep::Fencing {
        upkeep::Fencing {
            hash: hash.to_vec(),
            ttl,
            clock_offset: self.clock_offset(),
        }
    }

    fn leasing(&self, name: &str, owner: &str, ttl: Duration) -> upkeep::Leasing {
        upkeep::Leasing {
            name: name.as_bytes().to_vec(),
            owner: owner.as_bytes().to_vec(),
            ttl,
            clock_offset: self.clock_offset(),
        }
    }
}

impl fmt::Debug for PostgresStateStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStateStore")
            .field("database", &self.database.subject())
            .finish_non_exhaustive()
    }
}

fn now<'s>(session: &'s Session, (): &'s ()) -> BoxFuture<'s, Result<i64, StateError>> {
    Box::pin(async move {
        let step = Step::new(NOW, values![]);
        let answers = session.whole(Mode::Read, vec![step]).await?;
        column(one(&answers, 0, session.failures())?, 0, session.failures())
    })
}

#[async_trait]
impl StateStore for PostgresStateStore {
    async fn info(&self) -> Result<StoreInfo, StateError> {
        let created_at = time(self.opened.created_at);
        Ok(StoreInfo::new(self.opened.id, created_at, "postgres"))
    }

    fn limits(&self) -> StateLimits {
        LIMITS
    }

    fn durability(&self) -> Durability {
        self.opened.durability
    }

    async fn now(&self) -> Result<DateTime<Utc>, StateError> {
        let now = self.database.run("read clock", &(), now).await?;
        Ok(time(now + self.clock_offset()))
    }

    async fn create(&self, new: NewConversation) -> Result<Created, StateError> {
        let input = create::Creating {
            new,
            schema: self.database.options.schema.clone(),
            clock_offset: self.database.options.clock_offset.clone(),
        };
        let create = self
            .database
            .run("create conversation", &input, create::create);
        create.await
    }

    async fn load(
        &self,
        id: &ConversationId,
        options: LoadOptions,
    ) -> Result<Option<LoadedConversation>, StateError> {
        let input = load::Loading {
            id: id.to_string(),
            options,
            clock_offset: self.database.options.clock_offset.clone(),
        };
        let load = self.database.run("load conversation", &input, load::load);
        let Some(raw) = load.await? else {
            return Ok(None);
        };
        let size = raw.size();
        let decode = move || raw.decode();
        let loaded = convert(size, "load conversation", decode).await?;
        Ok(Some(loaded))
    }

    async fn find_message(
        &self,
        conversation: &ConversationId,
        message: &MessageId,
    ) -> Result<Option<MessagePosition>, StateError> {
        let input = load::Finding {
            conversation: conversation.to_string(),
            message: message.to_string(),
        };
        let find = self
            .database
            .run("find message", &input, load::find_message);
        find.await
    }

    async fn apply(&self, write: StateWrite) -> Result<Applied, StateError> {
        const APPLY: &str = "apply write to conversation";
        // Encoding may take a while and holds nothing.
        let size = PreparedWrite::estimate(&write);
        let prepare = move || PreparedWrite::new(write, LIMITS);
        let input = apply::Applying {
            prepared: convert(size, APPLY, prepare).await??,
            clock_offset: self.database.options.clock_offset.clone(),
        };
        let apply = self.database.run(APPLY, &input, apply::apply);
        apply.await
    }

    async fn list(&self, filter: &ConversationFilter) -> Result<ConversationPage, StateError> {
        let list = self.database.run("list conversations", filter, list::list);
        let page = list.await?;
        self.unreadable.report(&page);
        Ok(page)
    }

    async fn tombstone(
        &self,
        id: &ConversationId,
        keep: Duration,
    ) -> Result<Option<ConversationRecord>, StateError> {
        let input = self.doomed(id, keep);
        let tombstone = self
            .database
            .run("delete conversation", &input, upkeep::tombstone);
        tombstone.await
    }

    async fn purge(&self, id: &ConversationId) -> Result<(), StateError> {
        let input = self.doomed(id, Duration::ZERO);
        self.database
            .run("purge conversation", &input, upkeep::purge)
            .await
    }

    async fn fence_user(&self, hash: &[u8], ttl: Duration) -> Result<(), StateError> {
        if hash.len() > MAX_HASH {
            let error = StateError::new(StateErrorKind::InvalidInput, "fence user");
            return Err(error.with_detail("the hash is longer than 64 bytes"));
        }
        let input = self.fencing(hash, ttl);
        self.database.run("fence user", &input, upkeep::fence).await
    }

    async fn user_fence(&self, hash: &[u8]) -> Result<Option<DateTime<Utc>>, StateError> {
        let input = self.fencing(hash, Duration::ZERO);
        let read = self
            .database
            .run("read fence of user", &input, upkeep::fenced_until);
        Ok(read.await?.map(time))
    }

    async fn lift_fence(&self, hash: &[u8]) -> Result<(), StateError> {
        let lift = self.database.run("lift fence of user", hash, upkeep::lift);
        lift.await
    }

    async fn acquire_lease(
        &self,
        name: &str,
        owner: &str,
        ttl: Duration,
    ) -> Result<bool, StateError> {
        let input = self.leasing(name, owner, ttl);
        self.database
            .run("acquire lease", &input, upkeep::acquire)
            .await
    }

    async fn release_lease(&self, name: &str, owner: &str) -> Result<(), StateError> {
        let input = self.leasing(name, owner, Duration::ZERO);
        self.database
            .run("release lease", &input, upkeep::release)
            .await
    }

    async fn references(&self, keys: &[ReferenceKey]) -> Result<Vec<bool>, StateError> {
        let read = self
            .database
            .run("look up references", keys, references::are_named);
        read.await
    }

    async fn referenced_by(
        &self,
        conversation: &ConversationId,
        after: Option<&ReferenceKey>,
        limit: usize,
    ) -> Result<Vec<ReferenceKey>, StateError> {
        let input = references::Paging {
            conversation: conversation.to_string(),
            after: after.cloned(),
            limit,
        };
        let read = self
            .database
            .run("list references", &input, references::of_conversation);
        read.await
    }

    async fn observe_unnamed(
        &self,
        keys: &[ReferenceKey],
    ) -> Result<Vec<DateTime<Utc>>, StateError> {
        // Any clock that goes on will do.
        let local = Utc::now().timestamp_millis();
        let input = references::Observing {
            keys: keys.to_vec(),
            clock_offset: self.clock_offset(),
            forgets_old: self
                .pruning
                .is_due(local.saturating_add(self.clock_offset())),
        };
        let observe = self
            .database
            .run("observe unnamed references", &input, references::observe);
        Ok(observe.await?.into_iter().map(time).collect())
    }

    async fn forget_unnamed(&self, keys: &[ReferenceKey]) -> Result<(), StateError> {
        let forget = self
            .database
            .run("forget unnamed references", keys, references::forget);
        forget.await
    }
}
