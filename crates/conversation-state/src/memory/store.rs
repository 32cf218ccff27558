//! The store in memory.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use conversation_types::MessageId;
use media_types::ConversationId;

use crate::clock::{Clock, later};
use crate::document::{ConversationDocument, page};
use crate::error::{StateError, StateErrorKind};
use crate::id::StoreId;
use crate::limits::{Durability, StateLimits, StoreInfo, UNNAMED_KEPT_FOR};
use crate::list::{ConversationFilter, ConversationPage};
use crate::load::{LoadOptions, LoadedConversation, MessagePosition};
use crate::memory::shared::Shared;
use crate::outcome::{Applied, Created, NewConversation};
use crate::record::ConversationRecord;
use crate::reference::ReferenceKey;
use crate::store::StateStore;
use crate::transition::PreparedWrite;
use crate::write::StateWrite;

/// Largest message, and largest messages of one write.
const LIMITS: StateLimits = StateLimits::new(64 << 20, 256 << 20);
/// Longest hash of a user.
const MAX_HASH: usize = 64;

/// Keeps conversations in memory; they are gone with the process. Clones share what is kept.
///
/// Messages are kept as the JSON that every other store keeps, so that what is read back is what
/// would be read back anywhere.
#[derive(Clone)]
pub struct InMemoryStateStore {
    shared: Arc<Mutex<Shared>>,
    clock: Clock,
    info: StoreInfo,
}

impl InMemoryStateStore {
    /// Creates an empty store with the system's clock.
    pub fn new() -> Self {
        Self::with_clock(Clock::system())
    }

    /// Creates an empty store with a clock.
    pub fn with_clock(clock: Clock) -> Self {
        Self {
            info: StoreInfo::new(StoreId::mint(), clock.now(), "memory"),
            shared: Arc::default(),
            clock,
        }
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        // No code panics while it holds the lock, and the maps are whole between any two calls.
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for InMemoryStateStore {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for InMemoryStateStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InMemoryStateStore")
            .field("conversations", &self.shared().conversations.len())
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl StateStore for InMemoryStateStore {
    async fn info(&self) -> Result<StoreInfo, StateError> {
        Ok(self.info.clone())
    }

    fn limits(&self) -> StateLimits {
        LIMITS
    }

    fn durability(&self) -> Durability {
        Durability::Process
    }

    async fn now(&self) -> Result<DateTime<Utc>, StateError> {
        Ok(self.clock.now())
    }

    async fn create(&self, new: NewConversation) -> Result<Created, StateError> {
        let mut guard = self.shared();
        let shared = &mut *guard;
        let now = self.clock.now();
        let document = ConversationDocument::create(&new, shared.changes + 1, now)?;
        let record = document.record().clone();
        if let Some(held) = shared.conversations.get(&record.id)
            && held.is_created_by(new.write)?
        {
            return Ok(Created::New(held.record().clone()));
        }
        let key = new.key.map(|key| (record.user.clone(), key));
        let holder = key.as_ref().and_then(|key| shared.creation_keys.get(key));
        if let Some(held) = holder.and_then(|id| shared.conversations.get(id)) {
            return Ok(Created::Existing(held.record().clone()));
        }
        if shared.conversations.contains_key(&record.id) || shared.is_refused(&record.id, now) {
            let error = StateError::new(StateErrorKind::Conflict, "create conversation");
            return Err(error
                .with_subject(record.id.as_str())
                .with_detail("the id is in use, or was deleted lately"));
        }
        shared.changes += 1;
        if let Some(key) = key {
            shared.creation_keys.insert(key, record.id.clone());
        }
        shared.conversations.insert(record.id.clone(), document);
        Ok(Created::New(record))
    }

    async fn load(
        &self,
        id: &ConversationId,
        options: LoadOptions,
    ) -> Result<Option<LoadedConversation>, StateError> {
        let shared = self.shared();
        let now = self.clock.now();
        let held = shared.conversations.get(id);
        Ok(held.map(|conversation| conversation.load(&options, now)))
    }

    async fn find_message(
        &self,
        conversation: &ConversationId,
        message: &MessageId,
    ) -> Result<Option<MessagePosition>, StateError> {
        let shared = self.shared();
        let held = shared.conversations.get(conversation);
        Ok(held.and_then(|conversation| conversation.place(message)))
    }

    async fn apply(&self, write: StateWrite) -> Result<Applied, StateError> {
        let prepared = PreparedWrite::new(write, LIMITS)?;
        let id = &prepared.write().conversation;
        let mut guard = self.shared();
        let shared = &mut *guard;
        let Some(conversation) = shared.conversations.get_mut(id) else {
            let error = StateError::new(StateErrorKind::NotFound, "apply write to conversation");
            return Err(error.with_subject(id.as_str()));
        };
        let (now, changed) = (self.clock.now(), shared.changes + 1);
        let (applied, changes) = conversation.apply_with_references(&prepared, changed, now)?;
        if !applied.replayed {
            shared.changes = changed;
        }
        shared.change_references(id, changes);
        Ok(applied)
    }

    async fn list(&self, filter: &ConversationFilter) -> Result<ConversationPage, StateError> {
        let shared = self.shared();
        page(filter, shared.conversations.values(), shared.changes)
    }

    async fn tombstone(
        &self,
        id: &ConversationId,
        keep: Duration,
    ) -> Result<Option<ConversationRecord>, StateError> {
        let mut guard = self.shared();
        let shared = &mut *guard;
        let now = self.clock.now();
        shared.tombstones.retain(|_, until| now < *until);
        let end = shared.tombstones.entry(id.clone()).or_insert(now);
        *end = later(now, keep).max(*end);
        shared.creation_keys.retain(|_, held| held != id);
        let Some(conversation) = shared.conversations.get_mut(id) else {
            return Ok(None);
        };
        if conversation.tombstone(shared.changes + 1, now) {
            shared.changes += 1;
        }
        Ok(Some(conversation.record().clone()))
    }

    async fn purge(&self, id: &ConversationId) -> Result<(), StateError> {
        let mut guard = self.shared();
        let shared = &mut *guard;
        let Some(conversation) = shared.conversations.remove(id) else {
            return Ok(());
        };
        shared.creation_keys.retain(|_, held| held != id);
        for (message, keys) in conversation.references_by_message() {
            for key in keys {
                shared.remove_reference(id, message, key.clone());
            }
        }
        Ok(())
    }

    async fn fence_user(&self, hash: &[u8], ttl: Duration) -> Result<(), StateError> {
        if hash.len() > MAX_HASH {
            let error = StateError::new(StateErrorKind::InvalidInput, "fence user");
            return Err(error.with_detail("the hash is longer than 64 bytes"));
        }
        let mut shared = self.shared();
        let now = self.clock.now();
        shared.fences.retain(|_, until| now < *until);
        let end = shared.fences.entry(hash.to_vec()).or_insert(now);
        *end = later(now, ttl).max(*end);
        Ok(())
    }

    async fn user_fence(&self, hash: &[u8]) -> Result<Option<DateTime<Utc>>, StateError> {
        let now = self.clock.now();
        let until = self.shared().fences.get(hash).copied();
        Ok(until.filter(|until| now < *until))
    }

    async fn lift_fence(&self, hash: &[u8]) -> Result<(), StateError> {
        self.shared().fences.remove(hash);
        Ok(())
    }

    async fn acquire_lease(
        &self,
        name: &str,
        owner: &str,
        ttl: Duration,
    ) -> Result<bool, StateError> {
        let mut shared = self.shared();
        let now = self.clock.now();
        if let Some((holder, until)) = shared.leases.get(name)
            && holder != owner
            && now < *until
        {
            return Ok(false);
        }
        let lease = (owner.to_owned(), later(now, ttl));
        shared.leases.insert(name.to_owned(), lease);
        Ok(true)
    }

    async fn release_lease(&self, name: &str, owner: &str) -> Result<(), StateError> {
        let mut shared = self.shared();
        if shared
            .leases
            .get(name)
            .is_some_and(|(holder, _)| holder == owner)
        {
            shared.leases.remove(name);
        }
        Ok(())
    }

    async fn references(&self, keys: &[ReferenceKey]) -> Result<Vec<bool>, StateError> {
        let shared = self.shared();
        let named = keys.iter().map(|key| shared.referenced.contains_key(key));
        Ok(named.collect())
    }

    async fn referenced_by(
        &self,
        conversation: &ConversationId,
        after: Option<&ReferenceKey>,
        limit: usize,
    ) -> Result<Vec<ReferenceKey>, StateError> {
        let shared = self.shared();
        let first = ReferenceKey::new("", None, "");
        let from = (conversation.clone(), after.unwrap_or(&first).clone());
        let keys = shared.by_conversation.range(from..);
        Ok(keys
            .take_while(|(id, _)| id == conversation)
            .map(|(_, key)| key)
            .filter(|key| after != Some(key))
            .take(limit)
            .cloned()
            .collect())
    }

    async fn observe_unnamed(
        &self,
        keys: &[ReferenceKey],
    ) -> Result<Vec<DateTime<Utc>>, StateError> {
        let mut shared = self.shared();
        let now = self.clock.now();
        if shared.pruning.is_due(now.timestamp_millis()) {
            let is_kept = |seen: DateTime<Utc>| now <= later(seen, UNNAMED_KEPT_FOR);
            shared.unnamed.retain(|_, seen| is_kept(*seen));
        }
        let first_seen = |key: &ReferenceKey| *shared.unnamed.entry(key.clone()).or_insert(now);
        Ok(keys.iter().map(first_seen).collect())
    }

    async fn forget_unnamed(&self, keys: &[ReferenceKey]) -> Result<(), StateError> {
        let mut shared = self.shared();
        for key in keys {
            shared.unnamed.remove(key);
        }
        Ok(())
    }
}
