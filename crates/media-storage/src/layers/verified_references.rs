//! Which references were found sound, and when.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hashlink::LruCache;
use media_types::StorageReference;

/// Number of ids that were forgotten last and are remembered as such.
const FORGOTTEN: usize = 1000;

/// The references that were read whole and found sound, as many as fit; the least recently used one is
/// forgotten first.
///
/// A read that began before its reference was forgotten may have seen other bytes than those that are there
/// now, and is not remembered.
#[derive(Debug)]
pub(super) struct VerifiedReferences(Mutex<State>);

/// The number of times that something was forgotten before a read began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ticket(u64);

#[derive(Debug)]
struct State {
    sound: LruCache<Box<str>, Instant>,
    /// The ids that were forgotten last, and when.
    forgotten: LruCache<Box<str>, Ticket>,
    /// Earlier reads are not remembered, whatever their id is.
    all_before: Ticket,
    now: Ticket,
}

impl State {
    /// Moves to the next moment.
    fn tick(&mut self) -> Ticket {
        self.now.0 += 1;
        self.now
    }
}

impl VerifiedReferences {
    pub(super) fn new(capacity: usize) -> Self {
        Self(Mutex::new(State {
            sound: LruCache::new(capacity),
            forgotten: LruCache::new_unbounded(),
            all_before: Ticket(0),
            now: Ticket(0),
        }))
    }

    /// Returns the ticket of a read that begins.
    pub(super) fn ticket(&self) -> Ticket {
        self.state().now
    }

    /// Whether a reference was found sound less than an interval ago.
    pub(super) fn is_recent(
        &self,
        reference: &StorageReference,
        now: Instant,
        interval: Duration,
    ) -> bool {
        let sound = &mut self.state().sound;
        let Some(at) = sound.get(reference.id()) else {
            return false;
        };
        let recent = now.saturating_duration_since(*at) < interval;
        if !recent {
            sound.remove(reference.id());
        }
        recent
    }

    /// Remembers that a reference was found sound by a read that began at a time, unless it was forgotten
    /// since.
    pub(super) fn insert(&self, id: &str, ticket: Ticket, began: Instant) {
        let mut state = self.state();
        let forgotten = state.forgotten.peek(id).copied();
        if ticket >= forgotten.unwrap_or(Ticket(0)).max(state.all_before) {
            state.sound.insert(id.into(), began);
        }
    }

    pub(super) fn forget(&self, id: &str) {
        let mut state = self.state();
        state.sound.remove(id);
        let now = state.tick();
        state.forgotten.insert(id.into(), now);
        if state.forgotten.len() > FORGOTTEN
            && let Some((_, at)) = state.forgotten.remove_lru()
        {
            state.all_before = state.all_before.max(at);
        }
    }

    pub(super) fn forget_all(&self) {
        let mut state = self.state();
        state.sound.clear();
        state.forgotten.clear();
        state.all_before = state.tick();
    }

    /// Forgets references now, and again when the guard is dropped: reads in between are not remembered.
    pub(super) fn forget_while<'a>(&'a self, references: &'a [StorageReference]) -> Forgetting<'a> {
        let forgetting = Forgetting {
            verified: self,
            references: Some(references),
        };
        forgetting.forget();
        forgetting
    }

    /// Forgets all references now, and again when the guard is dropped.
    pub(super) fn forget_all_while(&self) -> Forgetting<'_> {
        self.forget_all();
        Forgetting {
            verified: self,
            references: None,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// References that are changed at this moment; all of them if none are named.
#[derive(Debug)]
#[must_use = "they are forgotten again when it is dropped"]
pub(super) struct Forgetting<'a> {
    verified: &'a VerifiedReferences,
    references: Option<&'a [StorageReference]>,
}

impl Forgetting<'_> {
    fn forget(&self) {
        match self.references {
            None => self.verified.forget_all(),
            Some(references) => {
                for reference in references {
                    self.verified.forget(reference.id());
                }
            }
        }
    }
}

impl Drop for Forgetting<'_> {
    fn drop(&mut self) {
        self.forget();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reference(id: &str) -> StorageReference {
        StorageReference::builder("memory", id).build().unwrap()
    }

    fn is_remembered(verified: &VerifiedReferences, id: &str) -> bool {
        let hour = Duration::from_secs(3600);
        verified.is_recent(&reference(id), Instant::now(), hour)
    }

    #[test]
    fn only_a_read_that_began_after_its_id_was_forgotten_is_remembered() {
        let verified = VerifiedReferences::new(10);
        let early = verified.ticket();
        verified.forget("a");
        let late = verified.ticket();
        let now = Instant::now();
        verified.insert("a", early, now);
        assert!(!is_remembered(&verified, "a"));
        // Another one is not concerned.
        verified.insert("b", early, now);
        assert!(is_remembered(&verified, "b"));
        verified.insert("a", late, now);
        assert!(is_remembered(&verified, "a"));
        verified.forget_all();
        for (id, ticket) in [("a", late), ("b", early), ("c", late)] {
            verified.insert(id, ticket, now);
            assert!(!is_remembered(&verified, id), "{id}");
        }
        verified.insert("c", verified.ticket(), now);
        assert!(is_remembered(&verified, "c"));
    }

    #[test]
    fn an_id_that_was_forgotten_long_ago_is_not_remembered_by_an_earlier_read() {
        let verified = VerifiedReferences::new(10);
        let early = verified.ticket();
        verified.forget("a");
        let between = verified.ticket();
        for n in 0..FORGOTTEN {
            verified.forget(&format!("other-{n}"));
        }
        assert!(verified.state().forgotten.len() <= FORGOTTEN);
        let now = Instant::now();
        verified.insert("a", early, now);
        assert!(!is_remembered(&verified, "a"));
        verified.insert("a", between, now);
        assert!(is_remembered(&verified, "a"));
    }

    #[test]
    fn what_is_changed_is_forgotten_before_and_after() {
        let verified = VerifiedReferences::new(10);
        let changed = [reference("a")];
        let now = Instant::now();
        verified.insert("a", verified.ticket(), now);
        let forgetting = verified.forget_while(&changed);
        assert!(!is_remembered(&verified, "a"));
        let between = verified.ticket();
        verified.insert("a", between, now);
        drop(forgetting);
        assert!(!is_remembered(&verified, "a"));
        verified.insert("a", between, now);
        assert!(!is_remembered(&verified, "a"));
    }
}
