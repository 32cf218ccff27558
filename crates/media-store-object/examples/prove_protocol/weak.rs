//! The protocol with one piece taken out: each must be caught, or the checker is blind.
//!
//! The machines are the real ones. What is between them and the bucket changes their requests, or
//! answers in the bucket's place.

use media_store_object::protocol::{Answer, Nonce, Record, RecordState, Request, SidecarState};

use crate::ask::{Ask, Reply, Version};
use crate::updates::UpdateAsk;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Weakness {
    /// A collector makes a live generation dead at once.
    OneStepDead,
    /// The write that buries does not look at what it replaces.
    UnconditionalBurial,
    /// A burial in doubt is believed.
    BelievedBurial,
    /// A collector does not look for markers again after it condemned.
    NoSecondLook,
    /// A writer removes its bytes when its publication is in doubt.
    WriterRemovesBytes,
    /// A writer joins without a second read of the record.
    NoSecondRead,
    /// A writer that joins puts its marker after it read the record again.
    MarkerAfterCheck,
    /// A writer takes a condemned generation for a live one.
    NoRevival,
    /// A writer publishes before it puts the bytes.
    BytesAfterPublication,
    /// A writer publishes again over whatever record came meanwhile.
    PublishedOverNewer,
    /// A writer begins anew while its publication may still happen.
    BegunAnewInDoubt,
    /// A writer puts new bytes under the generation that died.
    GenerationReused,
    /// Orphans are removed without a fence.
    NoFence,
    /// Records are not unlike each other, so that versions come back.
    StaleNonce,
    /// Who deletes the last reference removes the bytes.
    DeleteRemovesBytes,
    /// Who deletes removes the sidecar first.
    SidecarFirst,
    /// A writer that lost a race keeps its bytes.
    LoserKeepsBytes,
    /// Second protocol: markers are written over what is there.
    OverwritingMarker,
    /// Sidecars are written over what is there.
    OverwritingSidecar,
    /// A deletion removes the marker and leaves no tombstone.
    NoMarkerTombstone,
    /// A deletion removes the sidecar and leaves no tombstone.
    NoSidecarTombstone,
    /// Tombstones are removed while copies of requests may arrive.
    EarlyRemoval,
    /// A reader does not look for the marker.
    TrustedSidecar,
    /// A store omits the second read of its sidecar.
    NoReread,
    /// A sidecar without a marker is buried before the marker's name is taken.
    RetiredUnseen,
    /// A collector looks at the first object of a generation only, which may be a tombstone.
    FirstObjectOnly,
    /// A deletion buries the sidecar first.
    SidecarBuriedFirst,
    /// A store takes a restored sidecar for its own.
    RestoredIsOwn,
    /// A reader takes a provisional marker for a sealed one.
    TrustedProvisional,
    /// A store creates its marker sealed, beside its sidecar.
    SealedBesideSidecar,
    /// A store seals its marker whatever became of it.
    UnconditionalSeal,
    /// A store is acknowledged though its marker may not be sealed.
    SealInDoubt,
    /// A store continues though the creation of its marker is in doubt.
    MarkerInDoubt,
    /// The tombstones of markers are removed with their dead generation.
    TombstonesDieWithGeneration,
    /// A provisional marker, or none, is buried though it may have been sealed.
    RetiredUnconditionally,
    /// A store removes its bytes though their publication was sent.
    PublishedBytesRemoved,
    /// Both protocols share records, markers and bytes.
    OneSpace,
    /// A process of the first protocol takes sidecars of the second for its own.
    VersionIgnored,
    /// A sweep of the second protocol takes sidecars of the first for its own.
    FirstTakenForSecond,
    /// An import that fails buries what it wrote, as a store does.
    ImportBuries,
    /// An import replaces the tombstone of a deletion.
    DeletedTakenForRetired,
    /// A sweep retires a sidecar though an import may have replaced it.
    SidecarRetiredUnconditionally,
    /// The tombstone of a retired sidecar is removed though an import may have replaced it.
    RetiredNotClosed,
    /// The tombstone of a retired sidecar is closed though another revision is complete.
    SealedNotLookedFor,
    /// The tombstone that is closed may be another than the one that was read.
    ClosedWithoutVersion,
    /// An import reads its sidecar again before it seals its marker.
    ReadBeforeSeal,
    /// An update writes the marker whatever there is.
    UpdateOverMarker,
    /// An update writes the sidecar whatever there is.
    UpdateOverSidecar,
    /// An update is acknowledged though its sidecar was refused.
    UpdateBelieved,
    /// An update leaves the marker as it is.
    UpdateWithoutMarker,
    /// The entry of a user has the same name each time.
    EntryNamedByUser,
    /// An update keeps the entry of a marker that is ahead of its sidecar, which a sweep may have removed.
    EntryKeptBehind,
    /// An update does not write the entry before there is a sidecar that names it.
    EntryNotWritten,
}

/// Which machine it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Store,
    Delete,
    Collect,
    Fence,
    Other,
}

/// What a weakness remembers of the current operation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Memory {
    /// The generation that the next fresh token is to be.
    pub(crate) reuse: Option<Nonce>,
    pub(crate) read: Option<Answer<Version>>,
    pub(crate) generation: Option<Nonce>,
    pub(crate) record: Option<Record>,
    pub(crate) held: Option<Reply>,
    pub(crate) stage: u8,
}

pub(crate) enum Asked {
    Send(Ask),
    Pretend(Answer<Version>),
}

pub(crate) enum Heard {
    Reply(Reply),
    /// Another request before the machine hears anything.
    Also(Ask),
}

/// The one nonce of all records.
pub(crate) const STALE: u128 = 127;

impl Weakness {
    /// Changes a request, or answers it.
    pub(crate) fn ask(self, memory: &mut Memory, kind: Kind, ask: Ask) -> Asked {
        use Request as R;
        let request = match ask {
            Ask::Protocol(request) => request,
            Ask::CloseVersion(_) if self == Self::RetiredNotClosed => {
                return Asked::Pretend(Answer::Done);
            }
            Ask::CloseVersion(_) if self == Self::ClosedWithoutVersion => {
                return Asked::Send(Ask::Protocol(R::CloseSidecar));
            }
            Ask::Update(UpdateAsk::Change(..)) if self == Self::UpdateWithoutMarker => {
                return Asked::Pretend(Answer::Done);
            }
            Ask::Update(ask) => return Asked::Send(Ask::Update(ask.weakened(self))),
            other => return Asked::Send(other),
        };
        let send = |request| Asked::Send(Ask::Protocol(request));
        match (self, kind, request) {
            (Self::OneStepDead, Kind::Collect, R::SwapRecord { expected, record }) => {
                if record.state == RecordState::Condemned {
                    memory.stage = 1;
                    let state = RecordState::Dead;
                    let record = Record { state, ..record };
                    send(R::SwapRecord { expected, record })
                } else if record.state == RecordState::Dead && memory.stage == 1 {
                    Asked::Pretend(Answer::Swapped(Version::of(&record)))
                } else {
                    send(R::SwapRecord { expected, record })
                }
            }
            (Self::OneStepDead, Kind::Collect, R::FindMarker(_)) if memory.stage == 1 => {
                Asked::Pretend(Answer::Found(false))
            }
            (Self::UnconditionalBurial, Kind::Collect, R::SwapRecord { record, .. })
                if record.state == RecordState::Dead =>
            {
                Asked::Send(Ask::PutRecord(record))
            }
            (Self::NoSecondLook, Kind::Collect, R::SwapRecord { expected, record }) => {
                memory.stage = 1;
                send(R::SwapRecord { expected, record })
            }
            (Self::NoSecondLook, Kind::Collect, R::FindMarker(_)) if memory.stage == 1 => {
                Asked::Pretend(Answer::Found(false))
            }
            (Self::WriterRemovesBytes, Kind::Store, R::WriteBlob(token)) => {
                memory.generation = Some(token);
                send(R::WriteBlob(token))
            }
            (Self::NoSecondRead, Kind::Store, R::ReadRecord) => match memory.read.take() {
                Some(read) => Asked::Pretend(read),
                None => send(R::ReadRecord),
            },
            (Self::MarkerAfterCheck, Kind::Store, R::WriteMarker(token)) => {
                memory.generation = Some(token);
                Asked::Pretend(Answer::Done)
            }
            (Self::BytesAfterPublication, Kind::Store, R::WriteBlob(token)) => {
                memory.generation = Some(token);
                Asked::Pretend(Answer::Done)
            }
            (Self::OverwritingMarker, _, R::CreateMarker(token)) => {
                Asked::Send(Ask::PutMarker(token))
            }
            (Self::OverwritingSidecar, _, R::CreateSidecar(token)) => {
                Asked::Send(Ask::PutSidecar(token))
            }
            (Self::SealedBesideSidecar, Kind::Store, R::CreateMarker(token)) => {
                Asked::Send(Ask::CreateSealed(token))
            }
            (Self::UnconditionalSeal, Kind::Store, R::SealMarker(token)) => {
                Asked::Send(Ask::PutSeal(token))
            }
            (Self::TombstonesDieWithGeneration, _, R::DeleteMarkers(token)) => {
                Asked::Send(Ask::RemoveAll(token))
            }
            (Self::RetiredUnconditionally, _, R::RetireMarker(token)) => send(R::BuryMarker(token)),
            (Self::NoMarkerTombstone, _, R::BuryMarker(token)) => send(R::RemoveMarker(token)),
            (Self::NoSidecarTombstone, _, R::BurySidecar) => send(R::RemoveSidecar),
            (Self::NoReread, Kind::Store, R::CreateSidecar(token)) => {
                memory.generation = Some(token);
                send(R::CreateSidecar(token))
            }
            (Self::NoReread, Kind::Store, R::ReadSidecar) => match memory.generation {
                Some(token) => Asked::Pretend(Answer::Sidecar(SidecarState::Live(token))),
                None => send(R::ReadSidecar),
            },
            (Self::RetiredUnseen, _, R::RetireMarker(_)) => Asked::Pretend(Answer::Done),
            (Self::FirstObjectOnly, _, R::FindMarker(token)) => Asked::Send(Ask::FindFirst(token)),
            (Self::SidecarBuriedFirst, Kind::Delete, R::BuryMarker(token)) => {
                memory.generation = Some(token);
                send(R::BurySidecar)
            }
            (Self::SidecarBuriedFirst, Kind::Delete, R::BurySidecar) => match memory.generation {
                Some(token) => send(R::BuryMarker(token)),
                None => send(R::BurySidecar),
            },
            (Self::LoserKeepsBytes, Kind::Store, R::DeleteBlob(_)) => Asked::Pretend(Answer::Done),
            (Self::NoFence, Kind::Fence, R::SwapRecord { record, .. }) => {
                Asked::Pretend(Answer::Swapped(Version::of(&record)))
            }
            (Self::StaleNonce, _, R::SwapRecord { expected, record }) => {
                let nonce = Nonce::new(STALE);
                let record = Record { nonce, ..record };
                send(R::SwapRecord { expected, record })
            }
            (Self::SidecarFirst, Kind::Delete, R::DeleteMarker(token)) => {
                memory.generation = Some(token);
                send(R::DeleteSidecar)
            }
            (Self::SidecarFirst, Kind::Delete, R::DeleteSidecar) => match memory.generation {
                Some(token) => send(R::DeleteMarker(token)),
                None => send(R::DeleteSidecar),
            },
            (Self::DeletedTakenForRetired, Kind::Store, R::CreateSidecar(token)) => {
                Asked::Send(Ask::PutSidecar(token))
            }
            (Self::SidecarRetiredUnconditionally, Kind::Other, R::RetireSidecar(_)) => {
                send(R::BurySidecar)
            }
            (Self::SealedNotLookedFor, _, R::FindSealed) => Asked::Pretend(Answer::Found(false)),
            (Self::ReadBeforeSeal, Kind::Store, R::SealMarker(token)) => {
                memory.generation = Some(token);
                send(R::ReadSidecar)
            }
            (Self::ReadBeforeSeal, Kind::Store, R::ReadSidecar) => match memory.read.take() {
                Some(read) => Asked::Pretend(read),
                None => send(R::ReadSidecar),
            },
            (Self::RetiredNotClosed, _, R::CloseSidecar) => Asked::Pretend(Answer::Done),
            (_, _, request) => send(request),
        }
    }
}
