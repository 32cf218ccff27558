//! What a bucket holds of one hash.

use media_store_object::protocol::{Nonce, Record, RecordState, SidecarState};

use crate::generation::Generation;
use crate::nonces::NonceSet;

/// What a reader takes for a reference that exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trust {
    Sealed,
    /// A provisional marker too (weakened).
    Provisional,
    /// A sidecar without a marker too (weakened).
    Sidecar,
}

/// How a reference comes into being.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Stored,
    /// By the first protocol, beside the second.
    First,
    /// By an import: a revision of that reference.
    Imported {
        home: u8,
    },
}

/// How a reference is doing, as its owner knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Standing {
    /// Never acknowledged.
    Unknown,
    /// Acknowledged, with the marker under this generation; nobody deletes it yet.
    Held(Nonce),
    /// Its deletion began.
    Leaving,
    /// Its deletion was acknowledged.
    Deleted,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Reference {
    /// Whether it is of the first protocol, beside the second.
    pub(crate) first: bool,
    /// Whether imports store it.
    pub(crate) imported: bool,
    /// The reference that this is a revision of; itself, unless several imports store it. What follows is
    /// known of that one only.
    pub(crate) home: u8,
    pub(crate) sidecar: Option<Nonce>,
    /// What updates have changed in the sidecar.
    pub(crate) changes: u8,
    /// The entry in the index of users that the sidecar names.
    pub(crate) entry: u8,
    /// The updates that were acknowledged.
    pub(crate) updated: u8,
    /// The revision that the sidecar belongs to.
    pub(crate) revision: u8,
    /// The revision that was acknowledged last.
    pub(crate) acknowledged: u8,
    /// Whether a sweep wrote the sidecar.
    pub(crate) restored: bool,
    /// Whether the sidecar was buried.
    pub(crate) buried: bool,
    /// Whether the sidecar was retired.
    pub(crate) retired: bool,
    /// How often that happened: each tombstone of a retired sidecar is another version.
    pub(crate) retirements: u8,
    /// Whether the sidecar was retired before a sweep buried it.
    pub(crate) closed: bool,
    /// Whether the tombstone of a buried sidecar was removed since.
    pub(crate) expired: bool,
    /// Whether an import began to store it, though its deletion was acknowledged and its tombstone was not
    /// removed.
    pub(crate) revived: bool,
    /// Whether a store began to write it.
    pub(crate) used: bool,
    /// Whether a deletion of its scope came to it.
    pub(crate) unwanted: bool,
    /// Whether its store was still at it when its tombstones were old enough to be removed: it was
    /// suspended for longer than any copy of a request may take, against the assumption about time.
    pub(crate) outlived: bool,
    /// Whether no import began since the deletion of its scope did.
    pub(crate) erasable: bool,
    /// Whether its scope was deleted while nobody stored in it.
    pub(crate) erased: bool,
    pub(crate) standing: Standing,
}

impl Reference {
    fn new(at: u8, kind: &Kind) -> Self {
        Self {
            first: *kind == Kind::First,
            imported: matches!(kind, Kind::Imported { .. }),
            home: match kind {
                Kind::Imported { home } => *home,
                _ => at,
            },
            sidecar: None,
            changes: 0,
            entry: 0,
            updated: 0,
            revision: at,
            acknowledged: at,
            restored: false,
            buried: false,
            retired: false,
            retirements: 0,
            closed: false,
            expired: false,
            revived: false,
            used: false,
            unwanted: false,
            outlived: false,
            erasable: false,
            erased: false,
            standing: Standing::Unknown,
        }
    }

    /// Writes the sidecar.
    pub(crate) fn put(&mut self, token: Nonce, revision: u8, restored: bool) {
        self.clear();
        self.sidecar = Some(token);
        (self.revision, self.restored) = (revision, restored);
    }

    /// Removes sidecar and tombstone.
    pub(crate) fn clear(&mut self) {
        self.sidecar = None;
        (self.restored, self.buried, self.retired) = (false, false, false);
        self.closed = false;
        (self.changes, self.entry) = (0, 0);
    }

    /// Replaces the tombstone of a retired sidecar by one that nothing may replace.
    pub(crate) fn close(&mut self) {
        self.clear();
        (self.buried, self.closed) = (true, true);
    }

    /// An import begins: what was deleted before, and has no tombstone any more, may be stored again.
    pub(crate) fn begin_import(&mut self) {
        if self.buried {
            return;
        }
        self.erasable = false;
        if self.erased {
            (self.erased, self.unwanted) = (false, false);
            if self.sidecar.is_none() {
                self.standing = Standing::Unknown;
            }
        }
        if self.standing == Standing::Deleted && self.sidecar.is_none() {
            self.revived |= !self.expired;
            (self.standing, self.expired) = (Standing::Unknown, false);
        }
    }

    /// The sidecar as the second protocol reads it.
    pub(crate) fn state(&self) -> SidecarState {
        match self.sidecar {
            _ if self.buried => SidecarState::Tombstone,
            _ if self.retired => SidecarState::Retired,
            None => SidecarState::Missing,
            Some(generation) if self.restored => SidecarState::Restored(generation),
            Some(generation) => SidecarState::Live(generation),
        }
    }
}

/// Record and generations under the names of the first protocol, beside those of the second.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct FirstSpace {
    pub(crate) record: Option<Record>,
    pub(crate) generations: Vec<Generation>,
}

/// The bucket, as far as one hash goes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct World {
    pub(crate) record: Option<Record>,
    /// In the order of tokens, and none that is without meaning.
    pub(crate) generations: Vec<Generation>,
    /// Where processes of both protocols are at work; references are in one listing.
    pub(crate) first: FirstSpace,
    pub(crate) references: Vec<Reference>,
    /// The entries of the first reference in the index of users, a bit each. The first is that of its store.
    pub(crate) entries: u32,
    /// Whether everything is under the same names.
    pub(crate) one_space: bool,
    /// Whether a sweep of the second protocol takes sidecars of the first for its own (weakened).
    pub(crate) mistakes_first: bool,
    /// Whether each write of bytes gives them another entity tag.
    pub(crate) counts_writes: bool,
    pub(crate) writes: u8,
}

impl World {
    /// A bucket for references of these kinds.
    pub(crate) fn new(kinds: &[Kind], counts_writes: bool) -> Self {
        let references = (0..).zip(kinds).map(|(at, kind)| Reference::new(at, kind));
        Self {
            record: None,
            generations: Vec::new(),
            first: FirstSpace::default(),
            references: references.collect(),
            entries: 1,
            one_space: true,
            mistakes_first: false,
            counts_writes,
            writes: 0,
        }
    }

    pub(crate) fn generation(&self, token: Nonce) -> Option<&Generation> {
        self.generations.iter().find(|g| g.token == token)
    }

    pub(crate) fn generation_mut(&mut self, token: Nonce) -> &mut Generation {
        let at = match self.generations.binary_search_by_key(&token, |g| g.token) {
            Ok(at) => at,
            Err(at) => {
                self.generations.insert(at, Generation::new(token));
                at
            }
        };
        &mut self.generations[at]
    }

    /// Looks at the names of the other protocol.
    pub(crate) fn swap_spaces(&mut self) {
        std::mem::swap(&mut self.record, &mut self.first.record);
        std::mem::swap(&mut self.generations, &mut self.first.generations);
    }

    /// The record and the generation that a reference is under.
    pub(crate) fn space_of(
        &self,
        at: usize,
        token: Nonce,
    ) -> (Option<&Record>, Option<&Generation>) {
        let (record, generations) = match self.references[at].first && !self.one_space {
            true => (&self.first.record, &self.first.generations),
            false => (&self.record, &self.generations),
        };
        (
            record.as_ref(),
            generations.iter().find(|g| g.token == token),
        )
    }

    /// Whether there are bytes that the record does not name.
    pub(crate) fn has_unnamed_bytes(&self) -> bool {
        let unnamed = |record: &Option<Record>, generations: &[Generation]| {
            let named = record.as_ref().map(|record| record.generation);
            let mut generations = generations.iter();
            generations.any(|g| g.blob.is_some() && named != Some(g.token))
        };
        unnamed(&self.record, &self.generations)
            || unnamed(&self.first.record, &self.first.generations)
    }

    /// The tokens that are in use.
    pub(crate) fn tokens(&self) -> NonceSet {
        let records = self.record.iter().chain(&self.first.record);
        let mut all = records.fold(NonceSet::NONE, |all, one| all.and(NonceSet::of_record(one)));
        for generation in self.generations.iter().chain(&self.first.generations) {
            all = all.and(NonceSet::one(generation.token));
        }
        for reference in &self.references {
            if let Some(token) = reference.sidecar {
                all = all.and(NonceSet::one(token));
            }
            if let Standing::Held(token) = reference.standing {
                all = all.and(NonceSet::one(token));
            }
        }
        all
    }

    /// Forgets generations that are empty and that nobody can name any more.
    pub(crate) fn forget(&mut self, named: NonceSet) {
        let clear = |record: &Option<Record>, generations: &mut Vec<Generation>| {
            let record = record.as_ref().map(|record| record.generation);
            generations.retain(|g| {
                g.blob.is_some()
                    || g.markers != 0
                    || g.tombstones != 0
                    || g.over && (named.has(g.token) || record == Some(g.token))
            });
        };
        clear(&self.record, &mut self.generations);
        clear(&self.first.record, &mut self.first.generations);
    }

    /// Whether a reader gets bytes by this reference.
    pub(crate) fn is_readable(&self, at: usize, trust: Trust) -> bool {
        self.read(at, trust).is_some()
    }

    /// The generation whose bytes a reader gets by this reference. It reads the sidecar, and where that
    /// leads to no marker the record; what counts is the marker. A tombstone that nothing may replace ends
    /// it.
    pub(crate) fn read(&self, at: usize, trust: Trust) -> Option<Nonce> {
        let reference = &self.references[at];
        let marked = |g: &Generation, bits: u16| match trust {
            Trust::Sealed | Trust::Sidecar => g.sealed & bits != 0,
            Trust::Provisional => g.markers & bits != 0,
        };
        let bit = 1u16 << reference.revision;
        let has = |token: Nonce| {
            let generation = self.generation(token);
            generation
                .is_some_and(|g| g.blob.is_some() && (marked(g, bit) || trust == Trust::Sidecar))
        };
        match reference.state() {
            SidecarState::Live(token) | SidecarState::Restored(token) if has(token) => {
                return Some(token);
            }
            SidecarState::Tombstone => return None,
            _ => {}
        }
        let record = self.record.as_ref()?;
        let generation = self.generation(record.generation)?;
        let bits = self.revisions(at);
        let found = record.state != RecordState::Dead
            && generation.blob.is_some()
            && marked(generation, bits);
        found.then_some(record.generation)
    }

    /// The sealed markers of the reference that this is a revision of: revisions and generations.
    pub(crate) fn sealed_of(&self, at: usize) -> Vec<(u8, Nonce)> {
        let bits = self.revisions(usize::from(self.references[at].home));
        let mut found = Vec::new();
        for generation in &self.generations {
            let sealed = (0..16).filter(|bit| generation.sealed & bits & 1 << bit != 0);
            found.extend(sealed.map(|revision| (revision, generation.token)));
        }
        found
    }

    /// The revisions of a reference, a bit each.
    fn revisions(&self, at: usize) -> u16 {
        let revisions = self.references.iter().enumerate();
        let revisions = revisions.filter(|(_, reference)| usize::from(reference.home) == at);
        revisions.fold(0, |bits, (revision, _)| bits | 1 << revision)
    }

    /// Whether a listing shows the reference: its sidecar names the generation in use, and where a
    /// sweep restored it, there is the marker.
    pub(crate) fn is_listed(&self, at: usize) -> bool {
        let reference = &self.references[at];
        let sealed = |token| {
            let generation = self.generation(token);
            generation.is_some_and(|g| g.sealed & 1 << reference.revision != 0)
        };
        match (reference.state(), self.record.as_ref()) {
            (SidecarState::Live(token), _) if reference.imported => sealed(token),
            (SidecarState::Live(token), Some(record)) => record.generation == token,
            (SidecarState::Restored(token), _) => sealed(token),
            _ => false,
        }
    }
}
