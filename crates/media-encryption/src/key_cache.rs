//! Unwrapped keys, for a limited time.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::data_key::{DataKey, KeyId};
use crate::owner::KeyOwner;
use crate::provider::{KeyError, KeyProvider};
use crate::scope_key::ScopeKey;

/// Longest time that a process keeps an unwrapped key.
pub(crate) const MAX_LIFETIME: Duration = Duration::from_secs(60);

/// Number of keys that are kept. Beyond it, all are dropped.
const MAX_KEYS: usize = 4096;

/// Number of locks that keep tasks from asking for the same key at once.
const STRIPES: usize = 16;

/// Which key is wanted.
#[derive(Clone, Copy, Hash)]
pub(crate) enum Wanted<'a> {
    /// The one for new media of an owner.
    Current(&'a KeyOwner),
    /// The one with an id.
    Id(KeyId),
}

/// The keys of a provider, unwrapped at most once in a lifetime.
#[derive(Debug)]
pub(crate) struct KeyCache {
    provider: Arc<dyn KeyProvider>,
    lifetime: Duration,
    kept: Arc<Mutex<Kept>>,
    stripes: [tokio::sync::Mutex<()>; STRIPES],
    hasher: RandomState,
}

#[derive(Debug, Default)]
struct Kept {
    keys: HashMap<KeyId, Arc<ScopeKey>>,
    current: HashMap<KeyOwner, KeyId>,
    cleaner: Option<JoinHandle<()>>,
    /// Grows when keys are forgotten: an answer to a question from before is not kept.
    forgotten: u64,
}

impl Kept {
    fn find(&self, wanted: Wanted<'_>, since: Option<Instant>) -> Option<Arc<ScopeKey>> {
        let id = match wanted {
            Wanted::Current(owner) => *self.current.get(owner)?,
            Wanted::Id(id) => id,
        };
        let key = self.keys.get(&id)?;
        // Of two questions at one instant the order is not known.
        let is_known = since.is_none_or(|since| since < key.asked());
        (is_known && Instant::now() < key.expires()).then(|| Arc::clone(key))
    }

    fn drop_expired(&mut self) {
        let now = Instant::now();
        self.keys.retain(|_, key| now < key.expires());
        let keys = &self.keys;
        self.current.retain(|_, id| keys.contains_key(id));
    }
}

impl KeyCache {
    pub(crate) fn new(provider: Arc<dyn KeyProvider>, lifetime: Duration) -> Self {
        Self {
            provider,
            lifetime: lifetime.min(MAX_LIFETIME),
            kept: Arc::default(),
            stripes: Default::default(),
            hasher: RandomState::new(),
        }
    }

    /// Returns a key, as the provider has said since a time, if one is given.
    pub(crate) async fn get(
        &self,
        wanted: Wanted<'_>,
        since: Option<Instant>,
    ) -> Result<Arc<ScopeKey>, KeyError> {
        if let Some(key) = self.kept().find(wanted, since) {
            return Ok(key);
        }
        let _turn = self.stripe(wanted).lock().await;
        loop {
            let forgotten = {
                let kept = self.kept();
                if let Some(key) = kept.find(wanted, since) {
                    return Ok(key);
                }
                kept.forgotten
            };
            // The time counts from before the question: the provider may forget the key once it answered.
            let asked = Instant::now();
            let key = match wanted {
                Wanted::Current(owner) => self.provider.current_key(owner).await?,
                Wanted::Id(id) => self.provider.key(id).await?,
            };
            if let Some(key) = self.keep(key, asked, wanted, forgotten) {
                return Ok(key);
            }
        }
    }

    /// Destroys the key of an owner, here at once, elsewhere when its lifetime there is over.
    pub(crate) async fn forget(&self, owner: &KeyOwner) -> Result<bool, KeyError> {
        let forgotten = self.provider.forget(owner).await;
        let mut kept = self.kept();
        // Which of the keys belonged to the owner is not known for those that were asked by id.
        kept.keys.clear();
        kept.current.clear();
        kept.forgotten += 1;
        forgotten
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stripe(&self, wanted: Wanted<'_>) -> &tokio::sync::Mutex<()> {
        let hash = self.hasher.hash_one(wanted);
        &self.stripes[(hash % STRIPES as u64) as usize]
    }

    /// Keeps a key, unless keys were forgotten since it was asked for: it may be one of them.
    fn keep(
        &self,
        key: DataKey,
        asked: Instant,
        wanted: Wanted<'_>,
        forgotten: u64,
    ) -> Option<Arc<ScopeKey>> {
        let id = key.id();
        let key = Arc::new(ScopeKey::new(key, asked, self.lifetime));
        let mut kept = self.kept();
        if kept.forgotten != forgotten {
            return None;
        }
        if kept.keys.len() >= MAX_KEYS {
            kept.keys.clear();
            kept.current.clear();
        }
        kept.keys.insert(id, Arc::clone(&key));
        if let Wanted::Current(owner) = wanted {
            kept.current.insert(owner.clone(), id);
        }
        if kept.cleaner.as_ref().is_none_or(JoinHandle::is_finished) {
            let cleaning = clean(Arc::downgrade(&self.kept), key.expires());
            kept.cleaner = Some(tokio::spawn(cleaning));
        }
        Some(key)
    }
}

/// Drops keys when they expire, also when nobody asks for any, until there are none.
async fn clean(kept: Weak<Mutex<Kept>>, mut next: Instant) {
    loop {
        tokio::time::sleep_until(next).await;
        let Some(kept) = kept.upgrade() else {
            return;
        };
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.drop_expired();
        let earliest = kept.keys.values().map(|key| key.expires()).min();
        match earliest {
            Some(earliest) => next = earliest,
            None => {
                kept.cleaner = None;
                return;
            }
        }
    }
}
