//! A state store over any place that keeps values under keys.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use conversation_types::MessageId;
use media_types::ConversationId;

use crate::blocking::not_done;
use crate::clock::{Clock, later};
use crate::document::conversation::ConversationDocument;
use crate::document::opened::Opened;
use crate::document::pages::page;
use crate::document::place::DocumentPlace;
use crate::error::{StateError, StateErrorKind};
use crate::limits::{Durability, StateLimits, StoreInfo, UNNAMED_KEPT_FOR};
use crate::list::{ConversationFilter, ConversationPage};
use crate::load::{LoadOptions, LoadedConversation, MessagePosition};
use crate::outcome::{Applied, Created, NewConversation};
use crate::record::ConversationRecord;
use crate::reference::ReferenceKey;
use crate::store::StateStore;
use crate::transition::PreparedWrite;
use crate::write::StateWrite;

/// Largest message, and largest messages of one write.
const LIMITS: StateLimits = StateLimits::new(32 << 20, 128 << 20);
/// Longest hash of a user.
const MAX_HASH: usize = 64;

/// Keeps each conversation as one value in a place that keeps values under keys. Cheap to clone.
///
/// A write reads and writes the whole conversation and an index of all conversations, a list reads all of
/// them, and everything waits for the lock of the place. So it is a store for hundreds of conversations
/// of one program, not for a service.
#[derive(Clone, Debug)]
pub struct DocumentStateStore<P> {
    place: Arc<P>,
    clock: Clock,
}

impl<P: DocumentPlace> DocumentStateStore<P> {
    /// Creates a store with the clock of the system.
    pub fn new(place: P) -> Self {
        Self::with_clock(place, Clock::system())
    }

    /// Creates a store with a clock.
    pub fn with_clock(place: P, clock: Clock) -> Self {
        let place = Arc::new(place);
        Self { place, clock }
    }

    /// Lets `work` use the place. Once it has begun it goes on to its end, also if nobody waits for it.
    async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Opened<'_>) -> Result<T, StateError> + Send + 'static,
    ) -> Result<T, StateError> {
        let (place, clock) = (Arc::clone(&self.place), self.clock.clone());
        let job = tokio::task::spawn_blocking(move || {
            let locked = place.lock()?;
            // By then others may have been waited for.
            let mut opened = Opened::new(locked, clock.now())?;
            work(&mut opened)
        });
        job.await
            .map_err(|error| not_done(error, "use conversation documents"))?
    }
}

fn fence(hash: &[u8]) -> String {
    format!("fence {hash:?}")
}

fn lease(name: &str) -> String {
    format!("lease {name}")
}

fn tombstone(id: &ConversationId) -> String {
    format!("tombstone {id}")
}

#[async_trait]
impl<P: DocumentPlace> StateStore for DocumentStateStore<P> {
    async fn info(&self) -> Result<StoreInfo, StateError> {
        let backend = self.place.backend();
        self.with(move |held| {
            let index = &held.index;
            Ok(StoreInfo::new(index.id, index.created_at, backend))
        })
        .await
    }

    fn limits(&self) -> StateLimits {
        LIMITS
    }

    fn durability(&self) -> Durability {
        self.place.durability()
    }

    async fn now(&self) -> Result<DateTime<Utc>, StateError> {
        Ok(self.clock.now())
    }

    async fn create(&self, new: NewConversation) -> Result<Created, StateError> {
        self.with(move |held| create(held, new)).await
    }

    async fn load(
        &self,
        id: &ConversationId,
        options: LoadOptions,
    ) -> Result<Option<LoadedConversation>, StateError> {
        let id = id.clone();
        self.with(move |held| {
            let document = held.document(&id)?;
            Ok(document.map(|document| document.load(&options, held.now)))
        })
        .await
    }

    async fn find_message(
        &self,
        conversation: &ConversationId,
        message: &MessageId,
    ) -> Result<Option<MessagePosition>, StateError> {
        let (id, message) = (conversation.clone(), message.clone());
        self.with(move |held| {
            let document = held.document(&id)?;
            Ok(document.and_then(|document| document.place(&message)))
        })
        .await
    }

    async fn apply(&self, write: StateWrite) -> Result<Applied, StateError> {
        let write = PreparedWrite::new(write, LIMITS)?;
        self.with(move |held| apply(held, &write)).await
    }

    async fn list(&self, filter: &ConversationFilter) -> Result<ConversationPage, StateError> {
        let filter = filter.clone();
        self.with(move |held| page(&filter, &held.documents()?, held.index.changes))
            .await
    }

    async fn tombstone(
        &self,
        id: &ConversationId,
        keep: Duration,
    ) -> Result<Option<ConversationRecord>, StateError> {
        let id = id.clone();
        self.with(move |held| {
            held.index.extend(tombstone(&id), "", keep, held.now);
            held.index.creations.retain(|_, holder| *holder != id);
            let Some(mut document) = held.document(&id)? else {
                held.save_index()?;
                return Ok(None);
            };
            document.tombstone(held.next_change(), held.now);
            held.save(&document)?;
            Ok(Some(document.record().clone()))
        })
        .await
    }

    async fn purge(&self, id: &ConversationId) -> Result<(), StateError> {
        let id = id.clone();
        self.with(move |held| held.remove(&id)).await
    }

    async fn fence_user(&self, hash: &[u8], ttl: Duration) -> Result<(), StateError> {
        if hash.len() > MAX_HASH {
            let error = StateError::new(StateErrorKind::InvalidInput, "fence user");
            return Err(error.with_detail("the hash is longer than 64 bytes"));
        }
        let name = fence(hash);
        self.with(move |held| {
            held.index.extend(name, "", ttl, held.now);
            held.save_index()
        })
        .await
    }

    async fn user_fence(&self, hash: &[u8]) -> Result<Option<DateTime<Utc>>, StateError> {
        let name = fence(hash);
        self.with(move |held| Ok(held.index.term(&name, held.now).map(|(_, until)| *until)))
            .await
    }

    async fn lift_fence(&self, hash: &[u8]) -> Result<(), StateError> {
        let name = fence(hash);
        self.with(move |held| {
            held.index.terms.remove(&name);
            held.save_index()
        })
        .await
    }

    async fn acquire_lease(
        &self,
        name: &str,
        owner: &str,
        ttl: Duration,
    ) -> Result<bool, StateError> {
        let (name, owner) = (lease(name), owner.to_owned());
        self.with(move |held| {
            let term = held.index.term(&name, held.now);
            if term.is_some_and(|(holder, _)| *holder != owner) {
                return Ok(false);
            }
            held.index.extend(name, &owner, ttl, held.now);
            held.save_index().map(|()| true)
        })
        .await
    }

    async fn release_lease(&self, name: &str, owner: &str) -> Result<(), StateError> {
        let (name, owner) = (lease(name), owner.to_owned());
        self.with(move |held| {
            let terms = &mut held.index.terms;
            terms.retain(|term, (holder, _)| *term != name || *holder != owner);
            held.save_index()
        })
        .await
    }

    async fn references(&self, keys: &[ReferenceKey]) -> Result<Vec<bool>, StateError> {
        let keys = keys.to_vec();
        self.with(move |held| {
            let documents = held.documents()?;
            let named: BTreeSet<_> = documents
                .iter()
                .flat_map(ConversationDocument::references)
                .collect();
            Ok(keys.iter().map(|key| named.contains(key)).collect())
        })
        .await
    }

    async fn referenced_by(
        &self,
        conversation: &ConversationId,
        after: Option<&ReferenceKey>,
        limit: usize,
    ) -> Result<Vec<ReferenceKey>, StateError> {
        let (id, after) = (conversation.clone(), after.cloned());
        self.with(move |held| {
            let document = held.document(&id)?;
            let named = document.as_ref().map(ConversationDocument::references);
            let later = named.into_iter().flatten();
            let later = later.filter(|key| after.as_ref().is_none_or(|after| *key > after));
            Ok(later.take(limit).cloned().collect())
        })
        .await
    }

    async fn observe_unnamed(
        &self,
        keys: &[ReferenceKey],
    ) -> Result<Vec<DateTime<Utc>>, StateError> {
        let keys = keys.to_vec();
        self.with(move |held| {
            let (now, unnamed) = (held.now, &mut held.index.unnamed);
            unnamed.retain(|(_, seen)| now <= later(*seen, UNNAMED_KEPT_FOR));
            let mut since = Vec::with_capacity(keys.len());
            for key in keys {
                let seen = unnamed.iter().find(|(seen, _)| *seen == key);
                let at = seen.map_or(now, |(_, at)| *at);
                if seen.is_none() {
                    unnamed.push((key, now));
                }
                since.push(at);
            }
            held.save_index().map(|()| since)
        })
        .await
    }

    async fn forget_unnamed(&self, keys: &[ReferenceKey]) -> Result<(), StateError> {
        let keys = keys.to_vec();
        self.with(move |held| {
            held.index.unnamed.retain(|(key, _)| !keys.contains(key));
            held.save_index()
        })
        .await
    }
}

fn create(held: &mut Opened<'_>, new: NewConversation) -> Result<Created, StateError> {
    let document = ConversationDocument::create(&new, held.index.changes + 1, held.now)?;
    let record = document.record().clone();
    let there = held.document(&record.id)?;
    if let Some(there) = &there
        && there.is_created_by(new.write)?
    {
        return Ok(Created::New(there.record().clone()));
    }
    // With quotes, so that no two are written alike.
    let key = new.key.map(|key| format!("{:?}", (&record.user, key)));
    let holder = key.as_ref().and_then(|key| held.index.creations.get(key));
    if let Some(holder) = holder.cloned()
        && let Some(other) = held.document(&holder)?
    {
        return Ok(Created::Existing(other.record().clone()));
    }
    let refused = held.index.term(&tombstone(&record.id), held.now).is_some();
    if there.is_some() || refused {
        let error = StateError::new(StateErrorKind::Conflict, "create conversation");
        return Err(error
            .with_subject(record.id.as_str())
            .with_detail("the id is in use, or was deleted lately"));
    }
    held.next_change();
    let creation = key.map(|key| (key, record.id.clone()));
    held.index.creations.extend(creation);
    held.save(&document)?;
    Ok(Created::New(record))
}

fn apply(held: &mut Opened<'_>, write: &PreparedWrite) -> Result<Applied, StateError> {
    let id = &write.write().conversation;
    let Some(mut document) = held.document(id)? else {
        let error = StateError::new(StateErrorKind::NotFound, "apply write to conversation");
        return Err(error.with_subject(id.as_str()));
    };
    let applied = document.apply(write, held.index.changes + 1, held.now)?;
    if !applied.replayed {
        held.next_change();
        let named = document.references();
        held.index.unnamed.retain(|(key, _)| !named.contains(key));
        held.save(&document)?;
    }
    Ok(applied)
}
