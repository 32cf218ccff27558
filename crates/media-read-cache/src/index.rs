//! The index of the cache: which files are present, which are in progress, which go first.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::entry::Entry;
use crate::flight::Flight;
use crate::key::{CacheKey, FileName};
use crate::ledger::{Ledger, Reservation, charge};

/// No code panics while it holds this lock.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Result of looking for bytes.
#[derive(Debug)]
pub(crate) enum Found {
    /// The bytes are present.
    Present(Arc<Entry>),
    /// Another task is fetching or checking the bytes.
    InProgress(Arc<Flight>),
    /// The bytes are absent; the finder may fetch them.
    Vacant(Claim),
}

/// The exclusive right to fetch or check some bytes, until it is dropped.
#[derive(Debug)]
pub(crate) struct Claim {
    index: Arc<Index>,
    key: CacheKey,
    flight: Arc<Flight>,
    // Dropped after the claim has left the index, so that waiting readers find it gone.
    _end: watch::Sender<()>,
}

impl Claim {
    pub(crate) fn key(&self) -> CacheKey {
        self.key
    }

    pub(crate) fn flight(&self) -> &Arc<Flight> {
        &self.flight
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        lock(&self.index.state).flights.remove(&self.key);
    }
}

#[derive(Debug)]
pub(crate) struct Index {
    ledger: Arc<Ledger>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    entries: HashMap<CacheKey, Held>,
    /// Keys by the turn of their last use, the oldest first.
    order: BTreeMap<u64, CacheKey>,
    flights: HashMap<CacheKey, Arc<Flight>>,
    turn: u64,
}

#[derive(Debug)]
struct Held {
    entry: Arc<Entry>,
    turn: u64,
}

impl State {
    fn next_turn(&mut self, key: CacheKey) -> u64 {
        self.turn += 1;
        self.order.insert(self.turn, key);
        self.turn
    }

    fn use_entry(&mut self, key: CacheKey) -> Option<Arc<Entry>> {
        let old = self.entries.get(&key)?.turn;
        self.order.remove(&old);
        let turn = self.next_turn(key);
        let held = self.entries.get_mut(&key)?;
        held.turn = turn;
        Some(Arc::clone(&held.entry))
    }

    fn remove(&mut self, key: CacheKey) -> Option<Arc<Entry>> {
        let held = self.entries.remove(&key)?;
        self.order.remove(&held.turn);
        Some(held.entry)
    }

    /// Returns the least recently used entries that free `bytes` together, without those in use;
    /// `None` if that is not enough.
    fn victims(&self, bytes: u64) -> Option<Vec<CacheKey>> {
        let mut freed = 0;
        let mut victims = Vec::new();
        for key in self.order.values() {
            if freed >= bytes {
                break;
            }
            // Clones are made under the lock only, so that an unused entry stays unused.
            if let Some(held) = self.entries.get(key)
                && Arc::strong_count(&held.entry) == 1
            {
                freed += held.entry.charged_bytes();
                victims.push(*key);
            }
        }
        (freed >= bytes).then_some(victims)
    }
}

impl Index {
    pub(crate) fn new(capacity: u64) -> Arc<Self> {
        Arc::new(Self {
            ledger: Ledger::new(capacity),
            state: Mutex::default(),
        })
    }

    pub(crate) fn ledger(&self) -> &Arc<Ledger> {
        &self.ledger
    }

    pub(crate) fn len(&self) -> usize {
        lock(&self.state).entries.len()
    }

    /// Whether the bytes are present or in progress.
    pub(crate) fn knows(&self, key: CacheKey) -> bool {
        let state = lock(&self.state);
        state.entries.contains_key(&key) || state.flights.contains_key(&key)
    }

    /// Returns the entry of these bytes, if they are present.
    pub(crate) fn get(&self, key: CacheKey) -> Option<Arc<Entry>> {
        lock(&self.state).use_entry(key)
    }

    /// Returns the entry of these bytes, or the flight that fetches them, or a claim to fetch them.
    pub(crate) fn find(self: &Arc<Self>, key: CacheKey) -> Found {
        let mut state = lock(&self.state);
        if let Some(entry) = state.use_entry(key) {
            return Found::Present(entry);
        }
        match self.claim_in(&mut state, key) {
            Ok(claim) => Found::Vacant(claim),
            Err(flight) => Found::InProgress(flight),
        }
    }

    /// Returns a claim on these bytes, whether they are present or not, or the flight that holds it.
    pub(crate) fn claim(self: &Arc<Self>, key: CacheKey) -> Result<Claim, Arc<Flight>> {
        self.claim_in(&mut lock(&self.state), key)
    }

    fn claim_in(self: &Arc<Self>, state: &mut State, key: CacheKey) -> Result<Claim, Arc<Flight>> {
        if let Some(flight) = state.flights.get(&key) {
            return Err(Arc::clone(flight));
        }
        let (flight, end) = Flight::new();
        state.flights.insert(key, Arc::clone(&flight));
        Ok(Claim {
            index: Arc::clone(self),
            key,
            flight,
            _end: end,
        })
    }

    /// Inserts a file that was filled under a claim. Returns the entry whose file must be removed:
    /// the one that it replaces, or as an error the file itself if it must not enter any more.
    pub(crate) fn insert(
        &self,
        entry: Arc<Entry>,
        claim: &Claim,
    ) -> Result<Option<Arc<Entry>>, Arc<Entry>> {
        let mut state = lock(&self.state);
        if claim.flight().is_invalidated() {
            return Err(entry);
        }
        Ok(Self::insert_in(&mut state, entry))
    }

    /// Inserts a file that was found on disk. Files are inserted in the order of their last use.
    pub(crate) fn insert_found(&self, entry: Arc<Entry>) -> Option<Arc<Entry>> {
        Self::insert_in(&mut lock(&self.state), entry)
    }

    fn insert_in(state: &mut State, entry: Arc<Entry>) -> Option<Arc<Entry>> {
        let key = entry.name().key;
        let replaced = state.remove(key);
        let turn = state.next_turn(key);
        state.entries.insert(key, Held { entry, turn });
        replaced
    }

    /// Removes this entry, unless another one has replaced it.
    pub(crate) fn remove(&self, entry: &Arc<Entry>) {
        let mut state = lock(&self.state);
        let key = entry.name().key;
        let same = |held: &Held| Arc::ptr_eq(&held.entry, entry);
        if state.entries.get(&key).is_some_and(same) {
            state.remove(key);
        }
    }

    /// Removes these bytes, and keeps a fetch in progress from adding them again.
    pub(crate) fn forget(&self, key: CacheKey) -> Option<Arc<Entry>> {
        let mut state = lock(&self.state);
        if let Some(flight) = state.flights.get(&key) {
            flight.invalidate();
        }
        state.remove(key)
    }

    /// Removes all bytes, and keeps fetches in progress from adding theirs.
    pub(crate) fn forget_all(&self) -> Vec<Arc<Entry>> {
        let mut state = lock(&self.state);
        for flight in state.flights.values() {
            flight.invalidate();
        }
        state.order.clear();
        state.entries.drain().map(|(_, held)| held.entry).collect()
    }

    /// Removes the least recently used entries, `bytes` or more in total.
    pub(crate) fn oldest(&self, bytes: u64) -> Vec<Arc<Entry>> {
        let mut state = lock(&self.state);
        let victims = state.victims(bytes).unwrap_or_default();
        victims
            .into_iter()
            .filter_map(|key| state.remove(key))
            .collect()
    }

    /// Reserves room for a file of this size, or returns `None` if there is not enough. Entries that
    /// are evicted leave the index at once and are passed to `remove`, which returns whether the
    /// file was removed.
    pub(crate) fn reserve(
        &self,
        size: u64,
        mut remove: impl FnMut(&FileName) -> bool,
    ) -> Option<Reservation> {
        let wanted = charge(size);
        let mut reservation;
        let mut victims = Vec::new();
        {
            let mut state = lock(&self.state);
            reservation = self.ledger.take(wanted);
            let missing = wanted - reservation.bytes();
            for key in state.victims(missing)? {
                victims.extend(state.remove(key));
            }
        }
        for victim in victims {
            let removed = remove(victim.name());
            match Arc::try_unwrap(victim) {
                Ok(entry) if removed => reservation.absorb(entry.into_reservation()),
                Ok(entry) => entry.keep_charge(),
                // Unreachable: an unused entry that has left the index has no other owner.
                Err(_) => {}
            }
        }
        reservation.shrink_to(wanted);
        (reservation.bytes() == wanted).then_some(reservation)
    }
}
