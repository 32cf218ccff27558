//! What a bucket holds of one hash, and what becomes of it by each request.

use media_store_object::protocol::{Answer, Nonce, Record, RecordState, Request, Versioned};

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
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Reply {
    Protocol(Answer<Version>),
    Sidecar(Option<Nonce>),
    Generations(Vec<Nonce>),
    Blob(Option<u8>),
    Failed,
}

impl Ask {
    /// Whether it changes nothing.
    pub(crate) fn is_read(&self) -> bool {
        matches!(
            self,
            Self::Protocol(Request::ReadRecord | Request::FindMarker(_))
                | Self::ReadSidecar
                | Self::ListGenerations
                | Self::ReadBlob(_)
        )
    }

    pub(crate) fn is_swap(&self) -> bool {
        matches!(self, Self::Protocol(Request::SwapRecord { .. }))
    }

    /// What the one who asked hears when nobody knows whether it happened.
    pub(crate) fn doubt(&self) -> Reply {
        match self {
            Self::Protocol(Request::SwapRecord { .. }) => Reply::Protocol(Answer::Unclear),
            Self::Protocol(_) => Reply::Protocol(Answer::Failed),
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
                | Request::DeleteMarkers(token),
            )
            | Self::ReadBlob(token)
            | Self::DeleteBlobIf(token, _) => NonceSet::one(*token),
            Self::Protocol(Request::SwapRecord { expected, record }) => {
                let old = expected.map_or(NonceSet::NONE, |Version(bits)| {
                    NonceSet::of_value(bits >> 8 & 0xff).and(NonceSet::of_value(bits & 0xff))
                });
                old.and(NonceSet::of_record(record))
            }
            Self::PutRecord(record) => NonceSet::of_record(record),
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
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Reference {
    pub(crate) sidecar: Option<Nonce>,
    pub(crate) standing: Standing,
}

/// The bucket, as far as one hash goes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct World {
    pub(crate) record: Option<Record>,
    /// In the order of tokens, and none that is without meaning.
    pub(crate) generations: Vec<Generation>,
    pub(crate) references: Vec<Reference>,
    /// Whether each write of bytes gives them another entity tag.
    counts_writes: bool,
    writes: u8,
}

impl World {
    pub(crate) fn new(references: usize, counts_writes: bool) -> Self {
        let reference = Reference {
            sidecar: None,
            standing: Standing::Unknown,
        };
        Self {
            record: None,
            generations: Vec::new(),
            references: vec![reference; references],
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
                    over: false,
                };
                self.generations.insert(at, empty);
                at
            }
        };
        &mut self.generations[at]
    }

    /// The tokens that are in use.
    pub(crate) fn tokens(&self) -> NonceSet {
        let mut all = self
            .record
            .as_ref()
            .map_or(NonceSet::NONE, NonceSet::of_record);
        for generation in &self.generations {
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
        let record = self.record.as_ref().map(|record| record.generation);
        self.generations.retain(|g| {
            g.blob.is_some()
                || g.markers != 0
                || g.over && (named.has(g.token) || record == Some(g.token))
        });
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
            Ask::ReadSidecar => {
                let reference = &mut self.references[reference];
                reference.standing = Standing::Leaving;
                return Reply::Sidecar(reference.sidecar);
            }
            Ask::ListGenerations => {
                let seen = self.generations.iter();
                let seen = seen.filter(|g| g.blob.is_some() || g.markers != 0);
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
                Request::DeleteMarkers(token) => {
                    let generation = self.generation_mut(*token);
                    generation.markers = 0;
                    generation.over = true;
                    Answer::Done
                }
                _ => Answer::Failed,
            },
        };
        Reply::Protocol(answer)
    }
}
