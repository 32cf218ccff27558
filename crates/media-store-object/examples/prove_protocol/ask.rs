//! What processes request of the bucket, and what they hear.

use media_store_object::protocol::{Answer, Nonce, Record, RecordState, Request, SidecarState};

use crate::nonces::NonceSet;
use crate::updates::{UpdateAsk, UpdateReply};

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
    /// Whoever imports reads the sidecar.
    BeginImport,
    /// Whoever removes tombstones reads the sidecar, with its version.
    ReadVersion,
    /// Closes the tombstone of a retired sidecar if it has this version.
    CloseVersion(u8),
    /// Whoever removes tombstones looks for sealed markers of all revisions.
    ListSealed,
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
    /// What an update requests.
    Update(UpdateAsk),
    /// The same under the names of the first protocol, beside those of the second.
    InFirst(Box<Ask>),
}

/// Marks a tombstone of a marker, in a listing, whose sidecar has none.
pub(crate) const ALONE: u8 = 0x80;

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
    /// What is under the name of a sidecar, and to which revision it belongs.
    Found(SidecarState, u8),
    /// What is under the name of a sidecar, and its version.
    Version(SidecarState, u8),
    Blob(Option<u8>),
    Update(UpdateReply),
    Failed,
}

impl Ask {
    /// Whether it changes nothing.
    pub(crate) fn is_read(&self) -> bool {
        match self {
            Self::InFirst(ask) => return ask.is_read(),
            Self::Update(ask) => return ask.is_read(),
            _ => {}
        }
        matches!(
            self,
            Self::Protocol(
                Request::ReadRecord
                    | Request::FindMarker(_)
                    | Request::ReadSidecar
                    | Request::FindSealed
            ) | Self::ReadSidecar
                | Self::ListGenerations
                | Self::ReadBlob(_)
                | Self::BeginDeletion
                | Self::BeginImport
                | Self::FindFirst(_)
                | Self::ReadVersion
                | Self::ListSealed
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

    /// Whether it takes away what makes a reference exist, whatever that is.
    pub(crate) fn is_burial(&self) -> bool {
        matches!(
            self,
            Self::Protocol(Request::BuryMarker(_) | Request::BurySidecar)
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
            Self::Protocol(_) | Self::CloseVersion(_) | Self::Update(_) => {
                Reply::Protocol(Answer::Failed)
            }
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
                | Request::RetireSidecar(token)
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
            Self::Update(ask) => ask.tokens(),
            _ => NonceSet::NONE,
        }
    }
}
