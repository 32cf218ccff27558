//! The uploads of a spool in memory, and the limits that they count against.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use media_types::UserId;

use super::error::SpoolFailure;
use super::id::UploadId;
use super::options::SpoolOptions;
use super::record::UploadRecord;
use super::slot::{Slot, Turn};

/// An upload, without its bytes.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) record: Arc<UploadRecord>,
    pub(super) slot: Arc<Slot>,
    /// Whether it is unfinished, and no byte of it has arrived.
    pub(super) is_empty: bool,
    /// Whether it is removed as soon as the request that works on it has ended. Nobody finds it.
    pub(super) is_doomed: bool,
}

impl Entry {
    pub(super) fn new(record: UploadRecord, is_empty: bool) -> Self {
        Self {
            record: Arc::new(record),
            slot: Arc::default(),
            is_empty,
            is_doomed: false,
        }
    }

    fn is_finished(&self) -> bool {
        self.record.stored.is_some()
    }

    fn is_of(&self, owner: Option<&UserId>) -> bool {
        self.record.owner.as_ref() == owner
    }
}

/// An upload whose turn the caller has.
pub(super) type Taken = (UploadId, Turn);

/// An upload that a request works on.
pub(super) type Busy = (UploadId, Arc<Slot>);

#[derive(Debug, Default)]
pub(super) struct Index(HashMap<UploadId, Entry>);

impl FromIterator<(UploadId, Entry)> for Index {
    fn from_iter<I: IntoIterator<Item = (UploadId, Entry)>>(entries: I) -> Self {
        Self(entries.into_iter().collect())
    }
}

impl Index {
    pub(super) fn get(&self, id: &UploadId) -> Option<&Entry> {
        self.0.get(id)
    }

    pub(super) fn get_mut(&mut self, id: &UploadId) -> Option<&mut Entry> {
        self.0.get_mut(id)
    }

    pub(super) fn remove(&mut self, id: &UploadId) {
        self.0.remove(id);
    }

    /// Enters an upload without bytes. Returns those that made room for it: they are no longer in the
    /// index, and the caller removes their files. Uploads that a request works on stay.
    pub(super) fn reserve(
        &mut self,
        id: &UploadId,
        record: &UploadRecord,
        options: &SpoolOptions,
    ) -> Result<Vec<Taken>, SpoolFailure> {
        let owner = record.owner.as_ref();
        let unfinished = |entry: &Entry| entry.is_of(owner) && !entry.is_finished();
        let replaced = match self.count(unfinished) < options.uploads_per_user {
            true => None,
            false => {
                let empty = self.oldest(1, |entry| entry.is_of(owner) && entry.is_empty);
                Some(empty.into_iter().next().ok_or(SpoolFailure::TooMany)?)
            }
        };
        let freed = replaced.as_ref().and_then(|(id, _)| self.get(id));
        let freed = freed.map_or(0, |entry| entry.record.reserved());
        let reserved = self.0.values().fold(0_u64, |sum, other| {
            sum.saturating_add(other.record.reserved())
        });
        let reserved = reserved.saturating_sub(freed);
        if reserved.saturating_add(record.length) > options.capacity {
            return Err(SpoolFailure::Full);
        }

        let finished = |entry: &Entry| entry.is_of(owner) && entry.is_finished();
        let above = self
            .count(finished)
            .saturating_sub(options.finished_per_user);
        let mut displaced = self.oldest(above, finished);
        displaced.extend(replaced);
        if self.0.len().saturating_sub(displaced.len()) >= options.uploads {
            // None of this user is taken twice, since its turn has been given.
            let anyones = self.oldest(1, Entry::is_finished);
            displaced.push(anyones.into_iter().next().ok_or(SpoolFailure::Full)?);
        }
        for (id, _) in &displaced {
            self.0.remove(id);
        }
        self.0.insert(id.clone(), Entry::new(record.clone(), true));
        Ok(displaced)
    }

    /// Divides the uploads that match into those that are free, whose turns are taken, and those that
    /// somebody works on, which nobody finds any more.
    pub(super) fn condemn(&mut self, matches: impl Fn(&Entry) -> bool) -> (Vec<Taken>, Vec<Busy>) {
        let (mut free, mut busy) = (Vec::new(), Vec::new());
        for (id, entry) in &mut self.0 {
            if !matches(entry) {
                continue;
            }
            match Arc::clone(&entry.slot).try_take() {
                Some(turn) => free.push((id.clone(), turn)),
                None => {
                    entry.is_doomed = true;
                    busy.push((id.clone(), Arc::clone(&entry.slot)));
                }
            }
        }
        (free, busy)
    }

    /// Returns the users that have uploads, each of them once.
    pub(super) fn users(&self) -> Vec<UserId> {
        let owners = self
            .0
            .values()
            .filter_map(|entry| entry.record.owner.as_ref());
        let users: HashSet<_> = owners.collect();
        users.into_iter().cloned().collect()
    }

    fn count(&self, matches: impl Fn(&Entry) -> bool) -> usize {
        self.0.values().filter(|entry| matches(entry)).count()
    }

    /// Takes the turns of the oldest uploads that match and that no request works on.
    fn oldest(&self, most: usize, matches: impl Fn(&Entry) -> bool) -> Vec<Taken> {
        if most == 0 {
            return Vec::new();
        }
        let mut found: Vec<_> = self.0.iter().filter(|(_, entry)| matches(entry)).collect();
        found.sort_unstable_by_key(|(_, entry)| entry.record.expires_at);
        let turns = found
            .into_iter()
            .filter_map(|(id, entry)| Some((id.clone(), Arc::clone(&entry.slot).try_take()?)));
        turns.take(most).collect()
    }
}
