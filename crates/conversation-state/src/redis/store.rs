//! The store in Redis.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use conversation_types::MessageId;
use futures_util::future::BoxFuture;
use media_types::ConversationId;

use crate::blocking::convert;
use crate::error::{StateError, StateErrorKind};
use crate::failures::OPEN;
use crate::limits::{Durability, StateLimits, StoreInfo};
use crate::list::{ConversationFilter, ConversationPage};
use crate::load::{LoadOptions, LoadedConversation, MessagePosition};
use crate::outcome::{Applied, Created, NewConversation};
use crate::pruning::Pruning;
use crate::record::ConversationRecord;
use crate::redis::look::time;
use crate::redis::open::{self, Opened};
use crate::redis::options::RedisOptions;
use crate::redis::server::{Server, Session};
use crate::redis::{apply, create, delete, list, load, references, upkeep};
use crate::reference::ReferenceKey;
use crate::store::StateStore;
use crate::transition::PreparedWrite;
use crate::unreadable::UnreadableRecords;
use crate::write::StateWrite;

/// Largest message, and largest messages of one write.
const LIMITS: StateLimits = StateLimits::new(32 << 20, 128 << 20);
/// Longest hash of a user.
const MAX_HASH: usize = 64;

/// Keeps conversations in Redis, of version 7.0 or later, for any number of processes on any number of
/// machines. Clones share the connections.
///
/// A conversation is ten keys with one hash tag, which one script writes. What the server promises is
/// found out when it is opened, and is what [`durability`](StateStore::durability) says. A replica that
/// takes over may lack what was written last.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use conversation_state::{Durability, RedisStateStore, StateStore};
///
/// let store = RedisStateStore::open("rediss://:secret@redis.example:6379").await?;
/// // `appendonly yes` and `appendfsync always`.
/// assert_eq!(store.durability(), Durability::Disk);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct RedisStateStore {
    server: Arc<Server>,
    opened: Opened,
    unreadable: UnreadableRecords,
    pruning: Arc<Pruning>,
}

impl RedisStateStore {
    /// Connects to the server that a URL names: `redis://user:password@host:port/number`, or
    /// `rediss://` for TLS, whose certificate is verified.
    ///
    /// # Errors
    /// `InvalidInput` for a URL that cannot be used, for a server that is too old, that keeps nothing
    /// on its disk or that removes conversations when its memory is full, and for a failure of TLS;
    /// `Permission` for a login that is refused; `TooNew`; `Unavailable`.
    pub async fn open(url: &str) -> Result<Self, StateError> {
        Self::open_with(url, RedisOptions::default()).await
    }

    /// Connects to the server that a URL names, with options.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn open_with(url: &str, options: RedisOptions) -> Result<Self, StateError> {
        let server = Server::new(url, options)?;
        let opened = server.run(OPEN, &(), open::open).await?;
        Ok(Self {
            server: Arc::new(server),
            opened,
            unreadable: UnreadableRecords::default(),
            pruning: Arc::default(),
        })
    }
}

impl fmt::Debug for RedisStateStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStateStore")
            .field("server", &self.server.subject())
            .finish_non_exhaustive()
    }
}

fn now<'s>(session: &'s Session<'s>, (): &'s ()) -> BoxFuture<'s, Result<i64, StateError>> {
    Box::pin(async move {
        let (seconds, micros): (u64, u64) = session.one(redis::cmd("TIME")).await?;
        Ok(session.time(seconds, micros))
    })
}

#[async_trait]
impl StateStore for RedisStateStore {
    async fn info(&self) -> Result<StoreInfo, StateError> {
        let created_at = time(self.opened.created_at);
        Ok(StoreInfo::new(self.opened.id, created_at, "redis"))
    }

    fn limits(&self) -> StateLimits {
        LIMITS
    }

    fn durability(&self) -> Durability {
        self.opened.durability
    }

    async fn now(&self) -> Result<DateTime<Utc>, StateError> {
        self.server.run("read clock", &(), now).await.map(time)
    }

    async fn create(&self, new: NewConversation) -> Result<Created, StateError> {
        let create = self.server.run("create conversation", &new, create::create);
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
        };
        let loaded = self
            .server
            .run("load conversation", &input, load::load)
            .await?;
        let Some(raw) = loaded else {
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
        self.server
            .run("find message", &input, load::find_message)
            .await
    }

    async fn apply(&self, write: StateWrite) -> Result<Applied, StateError> {
        const APPLY: &str = "apply write to conversation";
        // Encoding may take a while and holds nothing.
        let size = PreparedWrite::estimate(&write);
        let prepare = move || PreparedWrite::new(write, LIMITS);
        let prepared = convert(size, APPLY, prepare).await??;
        self.server.run(APPLY, &prepared, apply::apply).await
    }

    async fn list(&self, filter: &ConversationFilter) -> Result<ConversationPage, StateError> {
        let list = self.server.run("list conversations", filter, list::list);
        let page = list.await?;
        self.unreadable.report(&page);
        Ok(page)
    }

    async fn tombstone(
        &self,
        id: &ConversationId,
        keep: Duration,
    ) -> Result<Option<ConversationRecord>, StateError> {
        let id = id.to_string();
        let input = delete::Doomed { id, keep };
        let tombstone = self
            .server
            .run("delete conversation", &input, delete::tombstone);
        tombstone.await
    }

    async fn purge(&self, id: &ConversationId) -> Result<(), StateError> {
        let (id, keep) = (id.to_string(), Duration::ZERO);
        let input = delete::Doomed { id, keep };
        self.server
            .run("purge conversation", &input, delete::purge)
            .await
    }

    async fn fence_user(&self, hash: &[u8], ttl: Duration) -> Result<(), StateError> {
        if hash.len() > MAX_HASH {
            let error = StateError::new(StateErrorKind::InvalidInput, "fence user");
            return Err(error.with_detail("the hash is longer than 64 bytes"));
        }
        let hash = hash.to_vec();
        let input = upkeep::Fencing { hash, ttl };
        self.server.run("fence user", &input, upkeep::fence).await
    }

    async fn user_fence(&self, hash: &[u8]) -> Result<Option<DateTime<Utc>>, StateError> {
        let read = self
            .server
            .run("read fence of user", hash, upkeep::fenced_until)
            .await?;
        Ok(read.map(time))
    }

    async fn lift_fence(&self, hash: &[u8]) -> Result<(), StateError> {
        self.server
            .run("lift fence of user", hash, upkeep::lift)
            .await
    }

    async fn acquire_lease(
        &self,
        name: &str,
        owner: &str,
        ttl: Duration,
    ) -> Result<bool, StateError> {
        let (name, owner) = (name.to_owned(), owner.to_owned());
        let input = upkeep::Leasing { name, owner, ttl };
        self.server
            .run("acquire lease", &input, upkeep::acquire)
            .await
    }

    async fn release_lease(&self, name: &str, owner: &str) -> Result<(), StateError> {
        let (name, owner, ttl) = (name.to_owned(), owner.to_owned(), Duration::ZERO);
        let input = upkeep::Leasing { name, owner, ttl };
        self.server
            .run("release lease", &input, upkeep::release)
            .await
    }

    async fn references(&self, keys: &[ReferenceKey]) -> Result<Vec<bool>, StateError> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let read = self
            .server
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
            .server
            .run("list references", &input, references::of_conversation);
        read.await
    }

    async fn observe_unnamed(
        &self,
        keys: &[ReferenceKey],
    ) -> Result<Vec<DateTime<Utc>>, StateError> {
        // Any clock that goes on will do.
        let offset = self.server.options.clock_offset.milliseconds();
        let local = Utc::now().timestamp_millis().saturating_add(offset);
        let input = references::Observing {
            keys: keys.to_vec(),
            forgets_old: self.pruning.is_due(local),
        };
        let observe = self
            .server
            .run("observe unnamed references", &input, references::observe);
        Ok(observe.await?.into_iter().map(time).collect())
    }

    async fn forget_unnamed(&self, keys: &[ReferenceKey]) -> Result<(), StateError> {
        let forget = self
            .server
            .run("forget unnamed references", keys, references::forget);
        forget.await
    }
}
