//! What a bucket holds of one hash, and what becomes of it by each request.

use media_store_object::protocol::{
    Answer, Nonce, Record, RecordState, Request, SidecarState, Versioned,
};

use crate::nonces::NonceSet;

/// The version of a record, as a service makes it that hashes the content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Version(u32);

impl Version {
    pub(crate) fn of(record: &Record) -> Self {
        let state = match record.state {
            RecordState::Live => 0,
            RecordState::Condemned => 1,
            _ => 2,
        };
        Self(state << 16 | small(record.generation) << 8 | small(record.nonce))
    }
}

fn small(token: Nonce) -> u32 {
    u32::try_from(token.value()).unwrap_or(u32::MAX)
}

/// A request of the protocol, or one that only drivers and weakened variants make.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Ask {
    Protocol(Request<Version>),
    /// Whoever deletes looks where the marker is.
    ReadSidecar,
    /// Whoever fences looks which generations there are.
    ListGenerations,
    /// Writes the record whatever it is.
    PutRecord(Record),
    /// Reads the entity tag of the bytes.
    ReadBlob(Nonce),
    /// Removes the bytes if their entity tag is this one.
    DeleteBlobIf(Nonce, u8),
    /// Whoever deletes reads the sidecar, by the second protocol.
    BeginDeletion,
    /// Lists references, by the second protocol.
    List(Listing),
    /// Writes the sidecar whatever there is (weakened).
    PutSidecar(Nonce),
    /// Writes the marker whatever there is (weakened).
    PutMarker(Nonce),
    /// Creates a sealed marker at once (weakened).
    CreateSealed(Nonce),
    /// Seals the marker whatever there is (weakened).
    PutSeal(Nonce),
    /// Removes markers and tombstones under a generation (weakened).
    RemoveAll(Nonce),
    /// Looks at the first object under a generation only (weakened).
    FindFirst(Nonce),
    /// The same under the names of the first protocol, beside those of the second.
    InFirst(Box<Ask>),
}

/// The generation of a buried sidecar whose marker is gone: none has this name.
const NOWHERE: Nonce = Nonce::new(126);

/// What a reader takes for a reference that exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trust {
    Sealed,
    /// A provisional marker too (weakened).
    Provisional,
    /// A sidecar without a marker too (weakened).
    Sidecar,
}

/// What a walk lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Listing {
    /// Sidecars, of a scope that is to be deleted while nobody stores in it.
    Scope,
    /// Sidecars without a sealed marker.
    Sidecars,
    /// Sealed markers.
    Markers,
    /// Provisional markers.
    Provisional,
    /// Tombstones that are older than any copy of a request.
    Tombstones,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Reply {
    Protocol(Answer<Version>),
    Sidecar(Option<Nonce>),
    Generations(Vec<Nonce>),
    /// References, and the generations that they are under.
    References(Vec<(u8, Nonce)>),
    Blob(Option<u8>),
    Failed,
}

impl Ask {
    /// Whether it changes nothing.
    pub(crate) fn is_read(&self) -> bool {
        if let Self::InFirst(ask) = self {
            return ask.is_read();
        }
        matches!(
            self,
            Self::Protocol(Request::ReadRecord | Request::FindMarker(_) | Request::ReadSidecar)
                | Self::ReadSidecar
                | Self::ListGenerations
                | Self::ReadBlob(_)
                | Self::BeginDeletion
                | Self::FindFirst(_)
                | Self::List(_)
        )
    }

    /// Whether it brings a marker or a sidecar into being.
    pub(crate) fn is_create(&self) -> bool {
        matches!(
            self,
            Self::Protocol(
                Request::CreateSidecar(_) | Request::CreateMarker(_) | Request::RestoreSidecar(_)
            ) | Self::PutSidecar(_)
                | Self::PutMarker(_)
                | Self::CreateSealed(_)
                | Self::PutSeal(_)
        )
    }

    pub(crate) fn is_swap(&self) -> bool {
        match self {
            Self::InFirst(ask) => ask.is_swap(),
            _ => matches!(self, Self::Protocol(Request::SwapRecord { .. })),
        }
    }

    /// What the one who asked hears when nobody knows whether it happened.
    pub(crate) fn doubt(&self) -> Reply {
        match self {
            Self::Protocol(Request::SwapRecord { .. }) => Reply::Protocol(Answer::Unclear),
            Self::Protocol(_) => Reply::Protocol(Answer::Failed),
            Self::InFirst(ask) => ask.doubt(),
            _ => Reply::Failed,
        }
    }

    /// The tokens that it names.
    pub(crate) fn tokens(&self) -> NonceSet {
        match self {
            Self::Protocol(
                Request::WriteSidecar(token)
                | Request::WriteMarker(token)
                | Request::WriteBlob(token)
                | Request::DeleteMarker(token)
                | Request::FindMarker(token)
                | Request::DeleteBlob(token)
                | Request::DeleteMarkers(token)
                | Request::CreateSidecar(token)
                | Request::RestoreSidecar(token)
                | Request::CreateMarker(token)
                | Request::SealMarker(token)
                | Request::BuryMarker(token)
                | Request::RetireMarker(token)
                | Request::RemoveMarker(token),
            )
            | Self::PutSidecar(token)
            | Self::PutMarker(token)
            | Self::CreateSealed(token)
            | Self::PutSeal(token)
            | Self::RemoveAll(token)
            | Self::FindFirst(token)
            | Self::ReadBlob(token)
            | Self::DeleteBlobIf(token, _) => NonceSet::one(*token),
            Self::Protocol(Request::SwapRecord { expected, record }) => {
                let old = expected.map_or(NonceSet::NONE, |Version(bits)| {
                    NonceSet::of_value(bits >> 8 & 0xff).and(NonceSet::of_value(bits & 0xff))
                });
                old.and(NonceSet::of_record(record))
            }
            Self::PutRecord(record) => NonceSet::of_record(record),
            Self::InFirst(ask) => ask.tokens(),
            _ => NonceSet::NONE,
        }
    }
}

/// What a generation holds.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Generation {
    pub(crate) token: Nonce,
    /// The bytes, as their entity tag where that counts.
    pub(crate) blob: Option<u8>,
    /// The references that have a marker here, a bit each.
    pub(crate) markers: u16,
    /// The references whose marker here is sealed, a bit each.
    pub(crate) sealed: u16,
    /// The references whose marker was buried here, a bit each.
    pub(crate) tombstones: u16,
    /// It was dead, or its removal began: it must never be live again.
    pub(crate) over: bool,
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
    pub(crate) sidecar: Option<Nonce>,
    /// Whether a sweep wrote the sidecar.
    pub(crate) restored: bool,
    /// Whether the sidecar was buried.
    pub(crate) buried: bool,
    /// Whether a store began to write it.
    pub(crate) used: bool,
    /// Whether a deletion of its scope came to it.
    pub(crate) unwanted: bool,
    /// Whether its store was still at it when its tombstones were old enough to be removed: it was
    /// suspended for longer than any copy of a request may take, against the assumption about time.
    pub(crate) outlived: bool,
    /// Whether its scope was deleted while nobody stored in it.
    pub(crate) erased: bool,
    pub(crate) standing: Standing,
}

impl Reference {
    /// The sidecar as the second protocol reads it.
    pub(crate) fn state(&self) -> SidecarState {
        match self.sidecar {
            _ if self.buried => SidecarState::Tombstone,
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
    /// Whether everything is under the same names.
    pub(crate) one_space: bool,
    /// Whether a sweep of the second protocol takes sidecars of the first for its own (weakened).
    pub(crate) mistakes_first: bool,
    /// Whether each write of bytes gives them another entity tag.
    counts_writes: bool,
    writes: u8,
}

impl World {
    /// A bucket for so many references; those of the first protocol beside the second are told.
    pub(crate) fn new(first: Vec<bool>, counts_writes: bool) -> Self {
        let reference = |first| Reference {
            first,
            sidecar: None,
            restored: false,
            buried: false,
            used: false,
            unwanted: false,
            outlived: false,
            erased: false,
            standing: Standing::Unknown,
        };
        Self {
            record: None,
            generations: Vec::new(),
            first: FirstSpace::default(),
            references: first.into_iter().map(reference).collect(),
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
                let empty = Generation {
                    token,
                    blob: None,
                    markers: 0,
                    sealed: 0,
                    tombstones: 0,
                    over: false,
                };
                self.generations.insert(at, empty);
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

    /// Whether a reader gets bytes by this reference. It reads the sidecar, and where that is
    /// missing the record; what counts is the marker.
    pub(crate) fn is_readable(&self, at: usize, trust: Trust) -> bool {
        let reference = &self.references[at];
        let bit = 1u16 << at;
        let marked = |g: &Generation| match trust {
            Trust::Sealed | Trust::Sidecar => g.sealed & bit != 0,
            Trust::Provisional => g.markers & bit != 0,
        };
        let has = |token: Nonce| {
            let generation = self.generation(token);
            generation.is_some_and(|g| g.blob.is_some() && (marked(g) || trust == Trust::Sidecar))
        };
        match reference.state() {
            SidecarState::Live(token) | SidecarState::Restored(token) => has(token),
            SidecarState::Missing => self.record.as_ref().is_some_and(|record| {
                let generation = self.generation(record.generation);
                record.state != RecordState::Dead
                    && generation.is_some_and(|g| g.blob.is_some() && marked(g))
            }),
            _ => false,
        }
    }

    /// Whether a listing shows the reference: its sidecar names the generation in use, and where a
    /// sweep restored it, there is the marker.
    pub(crate) fn is_listed(&self, at: usize) -> bool {
        let record = self.record.as_ref();
        match (self.references[at].state(), record) {
            (SidecarState::Live(token), Some(record)) => record.generation == token,
            (SidecarState::Restored(token), _) => {
                let generation = self.generation(token);
                generation.is_some_and(|g| g.sealed & 1 << at != 0)
            }
            _ => false,
        }
    }

    fn list(&self, listing: Listing) -> Vec<(u8, Nonce)> {
        let mut found = Vec::new();
        for (at, reference) in self.references.iter().enumerate() {
            let (bit, name) = (1u16 << at, u8::try_from(at).unwrap_or(u8::MAX));
            let mut below = |mask: fn(&Generation) -> u16| {
                let all = self.generations.iter().filter(|g| mask(g) & bit != 0);
                found.extend(all.map(|g| (name, g.token)));
            };
            match listing {
                Listing::Scope => found.extend(reference.sidecar.map(|token| (name, token))),
                // Those of the first protocol say so.
                Listing::Sidecars if reference.first && !self.mistakes_first => {}
                Listing::Sidecars => {
                    let marked =
                        |token| self.generation(token).is_some_and(|g| g.sealed & bit != 0);
                    let alone = reference.sidecar.filter(|token| !marked(*token));
                    found.extend(alone.map(|token| (name, token)));
                }
                Listing::Markers => below(|g| g.sealed),
                Listing::Provisional => below(|g| g.markers & !g.sealed),
                Listing::Tombstones => {
                    below(|g| g.tombstones);
                    let named = found.iter().any(|(other, _)| *other == name);
                    found.extend((reference.buried && !named).then_some((name, NOWHERE)));
                }
            }
        }
        found
    }

    fn write_record(&mut self, record: &Record) -> Answer<Version> {
        if record.state == RecordState::Dead {
            self.generation_mut(record.generation).over = true;
        }
        self.record = Some(record.clone());
        Answer::Swapped(Version::of(record))
    }

    /// The request happens.
    pub(crate) fn apply(&mut self, ask: &Ask, reference: usize) -> Reply {
        let bit = 1u16 << reference;
        let answer = match ask {
            Ask::InFirst(ask) => {
                self.swap_spaces();
                let reply = self.apply(ask, reference);
                self.swap_spaces();
                return reply;
            }
            Ask::ReadSidecar => {
                let reference = &mut self.references[reference];
                reference.standing = Standing::Leaving;
                return Reply::Sidecar(reference.sidecar);
            }
            Ask::BeginDeletion => {
                let reference = &mut self.references[reference];
                let state = reference.state();
                reference.standing = Standing::Leaving;
                Answer::Sidecar(state)
            }
            Ask::List(listing) => return Reply::References(self.list(*listing)),
            Ask::PutSidecar(token) => {
                let reference = &mut self.references[reference];
                (reference.sidecar, reference.buried) = (Some(*token), false);
                Answer::Done
            }
            Ask::PutMarker(token) => {
                let generation = self.generation_mut(*token);
                generation.markers |= bit;
                generation.sealed &= !bit;
                generation.tombstones &= !bit;
                Answer::Done
            }
            Ask::CreateSealed(token) => {
                let generation = self.generation_mut(*token);
                if (generation.markers | generation.tombstones) & bit != 0 {
                    Answer::Taken
                } else {
                    generation.markers |= bit;
                    generation.sealed |= bit;
                    Answer::Done
                }
            }
            Ask::PutSeal(token) => {
                let generation = self.generation_mut(*token);
                generation.markers |= bit;
                generation.sealed |= bit;
                generation.tombstones &= !bit;
                Answer::Done
            }
            Ask::RemoveAll(token) => {
                let generation = self.generation_mut(*token);
                (generation.markers, generation.sealed) = (0, 0);
                generation.tombstones = 0;
                generation.over = true;
                Answer::Done
            }
            Ask::FindFirst(token) => {
                let generation = self.generation(*token);
                Answer::Found(generation.is_some_and(|g| g.tombstones == 0 && g.markers != 0))
            }
            Ask::ListGenerations => {
                let seen = self.generations.iter();
                let seen = seen.filter(|g| g.blob.is_some() || g.markers | g.tombstones != 0);
                return Reply::Generations(seen.map(|g| g.token).collect());
            }
            Ask::ReadBlob(token) => {
                return Reply::Blob(self.generation(*token).and_then(|g| g.blob));
            }
            Ask::DeleteBlobIf(token, tag) => {
                let generation = self.generation_mut(*token);
                if generation.blob == Some(*tag) {
                    generation.blob = None;
                }
                Answer::Done
            }
            Ask::PutRecord(record) => self.write_record(record),
            Ask::Protocol(request) => match request {
                Request::ReadRecord => Answer::Record(self.record.clone().map(|record| {
                    let version = Version::of(&record);
                    Versioned { record, version }
                })),
                Request::SwapRecord { expected, record } => {
                    if *expected == self.record.as_ref().map(Version::of) {
                        self.write_record(record)
                    } else {
                        Answer::Unclear
                    }
                }
                Request::WriteSidecar(token) => {
                    self.references[reference].sidecar = Some(*token);
                    Answer::Done
                }
                Request::DeleteSidecar => {
                    self.references[reference].sidecar = None;
                    Answer::Done
                }
                Request::WriteMarker(token) => {
                    self.generation_mut(*token).markers |= bit;
                    Answer::Done
                }
                Request::DeleteMarker(token) => {
                    self.generation_mut(*token).markers &= !bit;
                    Answer::Done
                }
                Request::WriteBlob(token) => {
                    self.writes += u8::from(self.counts_writes);
                    self.generation_mut(*token).blob = Some(self.writes);
                    Answer::Done
                }
                Request::FindMarker(token) => {
                    Answer::Found(self.generation(*token).is_some_and(|g| g.markers != 0))
                }
                Request::DeleteBlob(token) => {
                    let generation = self.generation_mut(*token);
                    generation.blob = None;
                    generation.over = true;
                    Answer::Done
                }
                Request::ReadSidecar => Answer::Sidecar(self.references[reference].state()),
                Request::CreateSidecar(token) => {
                    let reference = &mut self.references[reference];
                    match reference.state() {
                        SidecarState::Missing => {
                            reference.sidecar = Some(*token);
                            Answer::Done
                        }
                        SidecarState::Live(there) if there == *token => Answer::Done,
                        _ => Answer::Taken,
                    }
                }
                Request::RestoreSidecar(token) => {
                    let reference = &mut self.references[reference];
                    if reference.state() == SidecarState::Missing {
                        (reference.sidecar, reference.restored) = (Some(*token), true);
                        Answer::Done
                    } else {
                        Answer::Taken
                    }
                }
                Request::BurySidecar => {
                    let reference = &mut self.references[reference];
                    (reference.sidecar, reference.restored) = (None, false);
                    reference.buried = true;
                    Answer::Done
                }
                Request::RemoveSidecar => {
                    let reference = &mut self.references[reference];
                    (reference.sidecar, reference.restored) = (None, false);
                    reference.buried = false;
                    Answer::Done
                }
                Request::CreateMarker(token) => {
                    let generation = self.generation_mut(*token);
                    if generation.tombstones & bit == 0 {
                        generation.markers |= bit;
                        Answer::Done
                    } else {
                        Answer::Taken
                    }
                }
                Request::SealMarker(token) => {
                    let generation = self.generation_mut(*token);
                    if generation.markers & bit != 0 {
                        generation.sealed |= bit;
                        Answer::Done
                    } else {
                        Answer::Taken
                    }
                }
                Request::BuryMarker(token) => {
                    let generation = self.generation_mut(*token);
                    generation.markers &= !bit;
                    generation.sealed &= !bit;
                    generation.tombstones |= bit;
                    Answer::Done
                }
                Request::RetireMarker(token) => {
                    let generation = self.generation_mut(*token);
                    if generation.sealed & bit == 0 {
                        generation.markers &= !bit;
                        generation.tombstones |= bit;
                        Answer::Done
                    } else {
                        Answer::Taken
                    }
                }
                Request::RemoveMarker(token) => {
                    let generation = self.generation_mut(*token);
                    generation.markers &= !bit;
                    generation.sealed &= !bit;
                    generation.tombstones &= !bit;
                    Answer::Done
                }
                // Tombstones stay until they are old.
                Request::DeleteMarkers(token) => {
                    let generation = self.generation_mut(*token);
                    generation.markers = 0;
                    generation.sealed = 0;
                    generation.over = true;
                    Answer::Done
                }
                _ => Answer::Failed,
            },
        };
        Reply::Protocol(answer)
    }
}
