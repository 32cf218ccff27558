//! What the service reported to the clients. The judge holds the service to it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A turn, as its client saw it.
#[derive(Clone, Debug, Default)]
pub(crate) struct TurnEntry {
    pub(crate) conversation: String,
    pub(crate) words: usize,
    /// SHA-256 of the images that the message names.
    pub(crate) shown: Vec<String>,
    pub(crate) paints: bool,
    pub(crate) turn: Option<String>,
    /// Messages that the service said were in the state.
    pub(crate) saved: BTreeSet<String>,
    /// The text of the whole answer, where it was reported.
    pub(crate) done: Option<String>,
}

/// Everything that was reported.
#[derive(Clone, Debug, Default)]
pub(crate) struct Entries {
    /// Turns by their marks.
    pub(crate) turns: BTreeMap<String, TurnEntry>,
    /// Users of conversations.
    pub(crate) conversations: BTreeMap<String, String>,
    /// SHA-256 of the images that users uploaded.
    pub(crate) uploads: BTreeMap<String, BTreeSet<String>>,
    /// Conversations whose deletion was asked for.
    pub(crate) deleted: BTreeSet<String>,
    /// Conversations whose deletion was answered.
    pub(crate) deletions: BTreeSet<String>,
    /// Users whose erasure was asked for.
    pub(crate) erased: BTreeSet<String>,
    /// Users whose erasure is complete, by its receipt.
    pub(crate) erasures: BTreeSet<String>,
    /// What was done, by kind.
    pub(crate) counts: BTreeMap<&'static str, usize>,
    /// Answers with an error, by status and kind.
    pub(crate) refusals: BTreeMap<String, usize>,
    /// What must never be reported.
    pub(crate) broken: Vec<String>,
}

/// The ledger.
#[derive(Debug, Default)]
pub(crate) struct Ledger(Mutex<Entries>);

impl Ledger {
    pub(crate) fn entries(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn count(&self, what: &'static str) {
        self.add(what, 1);
    }

    pub(crate) fn add(&self, what: &'static str, count: usize) {
        *self.entries().counts.entry(what).or_default() += count;
    }

    pub(crate) fn refused(&self, what: String) {
        *self.entries().refusals.entry(what).or_default() += 1;
    }

    pub(crate) fn broken(&self, what: String) {
        self.entries().broken.push(what);
    }

    /// Changes the entry of a turn.
    pub(crate) fn turn(&self, mark: &str, change: impl FnOnce(&mut TurnEntry)) {
        if let Some(turn) = self.entries().turns.get_mut(mark) {
            change(turn);
        }
    }
}

impl Entries {
    /// Whether nothing of a conversation may be left.
    pub(crate) fn is_gone(&self, conversation: &str) -> bool {
        let user = self.conversations.get(conversation);
        self.deleted.contains(conversation) || user.is_some_and(|user| self.erased.contains(user))
    }
}
