//! Who or what takes how much space.

use std::collections::{HashMap, HashSet};

use clap::ValueEnum;
use media_storage::Entry;
use media_types::Sha256;

/// What media is grouped by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Grouping {
    User,
    Session,
    Conversation,
    Type,
    Day,
}

impl Grouping {
    /// Returns the word for it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Session => "session",
            Self::Conversation => "conversation",
            Self::Type => "type",
            Self::Day => "day",
        }
    }

    /// Returns the group of an entry; empty where it has none.
    pub(crate) fn of(self, entry: &Entry) -> String {
        let metadata = &entry.metadata;
        let id = match self {
            Self::User => metadata.user().map(|id| id.as_str()),
            Self::Session => metadata.session().map(|id| id.as_str()),
            Self::Conversation => metadata.conversation().map(|id| id.as_str()),
            Self::Type => return entry.mime.to_string(),
            Self::Day => return entry.stored_at.format("%Y-%m-%d").to_string(),
        };
        id.unwrap_or_default().to_owned()
    }
}

/// What a group holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Share {
    /// Number of references.
    pub(crate) references: u64,
    /// Bytes as callers see them.
    pub(crate) seen: u64,
    /// Bytes of distinct bodies.
    pub(crate) stored: u64,
    /// Bytes of bodies that no other group refers to: what deleting the group frees.
    pub(crate) alone: u64,
}

/// The name of a group; `None` for what is not asked about, and refers to the same bytes.
type Group = Option<String>;

/// Sums entries up by group. Memory grows with the number of groups and of distinct bodies.
#[derive(Debug)]
pub(crate) struct Shares {
    shared_bytes: bool,
    names: HashMap<Group, u32>,
    groups: Vec<Share>,
    /// For each body: its size, and its only group or `None` where there are several.
    bodies: HashMap<Sha256, (u64, Option<u32>)>,
    /// Groups of bodies that have several.
    pairs: HashSet<(Sha256, u32)>,
}

impl Shares {
    /// Creates an empty sum for a store that keeps equal bytes once, or does not.
    pub(crate) fn new(shared_bytes: bool) -> Self {
        Self {
            shared_bytes,
            names: HashMap::new(),
            groups: Vec::new(),
            bodies: HashMap::new(),
            pairs: HashSet::new(),
        }
    }

    /// Adds an entry to a group.
    pub(crate) fn add(&mut self, group: String, entry: &Entry) {
        self.add_to(Some(group), entry);
    }

    /// Adds an entry without a group.
    pub(crate) fn add_other(&mut self, entry: &Entry) {
        self.add_to(None, entry);
    }

    fn add_to(&mut self, group: Group, entry: &Entry) {
        let next = u32::try_from(self.groups.len()).unwrap_or(u32::MAX);
        let at = *self.names.entry(group).or_insert(next);
        if at == next {
            self.groups.push(Share::default());
        }
        let size = entry.reference.size().unwrap_or_default();
        let first = self.is_first_of_group(entry.reference.sha256(), at, size);
        if let Some(share) = self.groups.get_mut(at as usize) {
            share.references += 1;
            share.seen += size;
            if first {
                share.stored += size;
            }
        }
    }

    fn is_first_of_group(&mut self, sha256: Option<Sha256>, at: u32, size: u64) -> bool {
        let Some(sha256) = sha256.filter(|_| self.shared_bytes) else {
            if let Some(share) = self.groups.get_mut(at as usize) {
                share.alone += size;
            }
            return true;
        };
        match self.bodies.get_mut(&sha256) {
            None => {
                self.bodies.insert(sha256, (size, Some(at)));
                true
            }
            Some((_, Some(only))) if *only == at => false,
            Some((_, only)) => {
                if let Some(first) = only.take() {
                    self.pairs.insert((sha256, first));
                }
                self.pairs.insert((sha256, at))
            }
        }
    }

    /// Returns the groups, the largest first.
    pub(crate) fn finish(mut self) -> Vec<(String, Share)> {
        for (size, only) in self.bodies.values() {
            if let Some(share) = only.and_then(|at| self.groups.get_mut(at as usize)) {
                share.alone += size;
            }
        }
        let mut named: Vec<(String, Share)> = self
            .names
            .into_iter()
            .filter_map(|(name, at)| {
                let share = self.groups.get(at as usize).copied();
                Some((name?, share.unwrap_or_default()))
            })
            .collect();
        named.sort_by(|(a, x), (b, y)| (y.stored, y.seen, a).cmp(&(x.stored, x.seen, b)));
        named
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use media_storage::MediaMetadata;
    use media_types::{Mime, StorageReference};

    fn entry(body: u8, size: u64) -> Entry {
        let reference = StorageReference::builder("file", format!("{body}"))
            .with_size(size)
            .with_sha256(Sha256::from_bytes([body; 32]))
            .build()
            .unwrap();
        Entry::new(
            reference,
            Mime::IMAGE_PNG,
            MediaMetadata::new(),
            chrono::DateTime::UNIX_EPOCH,
        )
    }

    fn share(references: u64, seen: u64, stored: u64, alone: u64) -> Share {
        Share {
            references,
            seen,
            stored,
            alone,
        }
    }

    #[test]
    fn shared_bodies_count_once_in_a_group_and_alone_where_nobody_else_has_them() {
        let feed = |shared| {
            let mut shares = Shares::new(shared);
            for (group, body) in [("a", 1), ("a", 1), ("b", 1), ("b", 1), ("b", 2), ("c", 3)] {
                shares.add(group.to_owned(), &entry(body, 10 * u64::from(body)));
            }
            shares.finish()
        };
        assert_eq!(
            feed(true),
            [
                ("b".to_owned(), share(3, 40, 30, 20)),
                ("c".to_owned(), share(1, 30, 30, 30)),
                ("a".to_owned(), share(2, 20, 10, 0)),
            ]
        );
        let own: u64 = feed(false).iter().map(|(_, share)| share.alone).sum();
        assert_eq!(own, 90);
    }
}
