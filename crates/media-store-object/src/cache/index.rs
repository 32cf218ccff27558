//! What is in the cache, who works on what, and who goes first. Memory only.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::flight::{Claim, Flight};
use super::key::{CacheKey, FileName};
use super::ledger::{Ledger, Reservation, charge};
use super::slot::Identity;

/// A file of the cache. Whoever holds one keeps it from being evicted.
#[derive(Debug)]
pub(super) struct Entry {
    name: FileName,
    reservation: Reservation,
    verified: Mutex<Option<Identity>>,
}

impl Entry {
    pub(super) fn new(
        name: FileName,
        reservation: Reservation,
        verified: Option<Identity>,
    ) -> Arc<Self> {
        Arc::new(Self {
            name,
            reservation,
            verified: Mutex::new(verified),
        })
    }

    pub(super) fn name(&self) -> &FileName {
        &self.name
    }

    /// The file as it was when all of it was last hashed by this process.
    pub(super) fn verified(&self) -> Option<Identity> {
        *lock(&self.verified)
    }

    pub(super) fn set_verified(&self, identity: Identity) {
        *lock(&self.verified) = Some(identity);
    }

    /// The file could not be removed and goes on taking its bytes.
    pub(super) fn keep_charge(&self) {
        self.reservation.keep();
    }
}

/// No code panics while it holds one of these locks.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What somebody who wants bytes finds.
#[derive(Debug)]
pub(super) enum Found {
    /// They are there.
    Present(Arc<Entry>),
    /// Somebody else works on them.
    UnderWay(Arc<Flight>),
    /// They are not there, and it is for the finder to get them.
    Ours(Claim),
}

#[derive(Debug)]
pub(super) struct Index {
    ledger: Arc<Ledger>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    entries: HashMap<CacheKey, Held>,
    /// The turns in which entries were last used, the oldest first.
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

    /// The entries that must go for so many bytes, oldest first, without those in use; none if
    /// that is not enough.
    fn victims(&self, bytes: u64) -> Option<Vec<CacheKey>> {
        let mut freed = 0;
        let mut victims = Vec::new();
        for key in self.order.values() {
            if freed >= bytes {
                break;
            }
            // Clones are made under the lock only: one that is ours alone stays so.
            if let Some(held) = self.entries.get(key)
                && Arc::strong_count(&held.entry) == 1
            {
                freed += held.entry.reservation.bytes();
                victims.push(*key);
            }
        }
        (freed >= bytes).then_some(victims)
    }
}

impl Index {
    pub(super) fn new(capacity: u64) -> Arc<Self> {
        Arc::new(Self {
            ledger: Ledger::new(capacity),
            state: Mutex::default(),
        })
    }

    pub(super) fn ledger(&self) -> &Arc<Ledger> {
        &self.ledger
    }

    pub(super) fn len(&self) -> usize {
        lock(&self.state).entries.len()
    }

    /// Whether the bytes are there or on their way.
    pub(super) fn knows(&self, key: CacheKey) -> bool {
        let state = lock(&self.state);
        state.entries.contains_key(&key) || state.flights.contains_key(&key)
    }

    /// The bytes, if they are there.
    pub(super) fn get(&self, key: CacheKey) -> Option<Arc<Entry>> {
        lock(&self.state).use_entry(key)
    }

    /// The bytes, or somebody who gets them, or the right to get them.
    pub(super) fn find(self: &Arc<Self>, key: CacheKey) -> Found {
        let mut state = lock(&self.state);
        if let Some(entry) = state.use_entry(key) {
            return Found::Present(entry);
        }
        match self.claim_in(&mut state, key) {
            Ok(claim) => Found::Ours(claim),
            Err(flight) => Found::UnderWay(flight),
        }
    }

    /// The right to work on bytes, whether they are there or not; else who has it.
    pub(super) fn claim(self: &Arc<Self>, key: CacheKey) -> Result<Claim, Arc<Flight>> {
        self.claim_in(&mut lock(&self.state), key)
    }

    fn claim_in(self: &Arc<Self>, state: &mut State, key: CacheKey) -> Result<Claim, Arc<Flight>> {
        if let Some(flight) = state.flights.get(&key) {
            return Err(Arc::clone(flight));
        }
        let claim = Claim::new(self, key);
        state.flights.insert(key, Arc::clone(claim.flight()));
        Ok(claim)
    }

    pub(super) fn release(&self, key: CacheKey) {
        lock(&self.state).flights.remove(&key);
    }

    /// Takes in a file that was filled under a claim. Gives back what must be removed: the file
    /// that it replaces, or itself where it must not enter any more.
    pub(super) fn insert(
        &self,
        entry: Arc<Entry>,
        claim: &Claim,
    ) -> Result<Option<Arc<Entry>>, Arc<Entry>> {
        let mut state = lock(&self.state);
        if claim.flight().is_doomed() {
            return Err(entry);
        }
        Ok(Self::insert_in(&mut state, entry))
    }

    /// Takes in a file that was found; the newest is found last.
    pub(super) fn insert_found(&self, entry: Arc<Entry>) -> Option<Arc<Entry>> {
        Self::insert_in(&mut lock(&self.state), entry)
    }

    fn insert_in(state: &mut State, entry: Arc<Entry>) -> Option<Arc<Entry>> {
        let key = entry.name.key;
        let replaced = state.remove(key);
        let turn = state.next_turn(key);
        state.entries.insert(key, Held { entry, turn });
        replaced
    }

    /// Takes this very entry out.
    pub(super) fn remove(&self, entry: &Arc<Entry>) {
        let mut state = lock(&self.state);
        let key = entry.name.key;
        let same = |held: &Held| Arc::ptr_eq(&held.entry, entry);
        if state.entries.get(&key).is_some_and(same) {
            state.remove(key);
        }
    }

    /// Takes the bytes out, and lets nothing in that is on its way.
    pub(super) fn forget(&self, key: CacheKey) -> Option<Arc<Entry>> {
        let mut state = lock(&self.state);
        if let Some(flight) = state.flights.get(&key) {
            flight.doom();
        }
        state.remove(key)
    }

    /// Takes everything out, and lets nothing in that is on its way.
    pub(super) fn forget_all(&self) -> Vec<Arc<Entry>> {
        let mut state = lock(&self.state);
        for flight in state.flights.values() {
            flight.doom();
        }
        state.order.clear();
        state.entries.drain().map(|(_, held)| held.entry).collect()
    }

    /// Takes out so many bytes of the longest unused, at least.
    pub(super) fn oldest(&self, bytes: u64) -> Vec<Arc<Entry>> {
        let mut state = lock(&self.state);
        let victims = state.victims(bytes).unwrap_or_default();
        victims
            .into_iter()
            .filter_map(|key| state.remove(key))
            .collect()
    }

    /// Reserves what a file of this size takes. What goes for it leaves the index at once and is
    /// handed to `remove`, which tells whether the file is gone. None if there is no room.
    pub(super) fn reserve(
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
            let gone = remove(&victim.name);
            match Arc::try_unwrap(victim) {
                Ok(entry) if gone => reservation.absorb(entry.reservation),
                Ok(entry) => entry.reservation.keep(),
                // Cannot be: nobody else had it, and it has left the index.
                Err(_) => {}
            }
        }
        reservation.shrink_to(wanted);
        (reservation.bytes() == wanted).then_some(reservation)
    }
}
