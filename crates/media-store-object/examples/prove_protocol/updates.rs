//! Changes of the metadata of the first reference.
//!
//! Each update adds a way of its own, a bit, to what sidecar and marker contain. No two versions of either
//! are alike, so that the bits, which only grow, stand for the entity tag.
//!
//! Updates give the reference to one user or the other, except [`HOLD`]. Sidecar and marker name the entry in the
//! index of users that leads to them.

use media_store_object::protocol::{
    Answer, CopyState, Nonce, Protocol, Request, SidecarState, Step, v2,
};

use crate::ask::{Ask, Reply, Version};
use crate::nonces::NonceSet;
use crate::step::{Next, protocol};
use crate::weak::Weakness;
use crate::world::World;

/// The update that leaves the user as it is.
const HOLD: u8 = 8;

/// A request of an update, with what its driver has read.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum UpdateAsk {
    /// Whoever changes a reference looks where its marker is.
    Begin,
    ReadSidecar,
    ReadMarker(Nonce),
    /// Writes an entry of the index.
    Enter(u8),
    /// Removes an entry of the index.
    Leave(u8),
    /// Whoever sweeps the index lists the entries that the sidecar does not name.
    ListEntries,
    /// Replaces the marker if it contains this; the entry is that of the new one.
    Change(Nonce, u8, u8, u8),
    /// Replaces the sidecar if it is this one; the entry is that of the new one.
    Follow((SidecarState, u8), u8, u8),
    /// Writes the marker whatever there is (weakened).
    PutMarker(Nonce, u8, u8),
    /// Writes the sidecar whatever there is (weakened).
    PutSidecar(Nonce, u8, u8),
}

/// What an update reads.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum UpdateReply {
    Sidecar(SidecarState, u8),
    /// What it contains, and its entry.
    Marker(u8, u8),
    /// Entries, a bit each.
    Entries(u32),
    Gone,
}

impl UpdateAsk {
    pub(crate) fn is_read(&self) -> bool {
        matches!(
            self,
            Self::Begin | Self::ReadSidecar | Self::ReadMarker(_) | Self::ListEntries
        )
    }

    /// The tokens that it names.
    pub(crate) fn tokens(&self) -> NonceSet {
        match self {
            Self::ReadMarker(token)
            | Self::Change(token, ..)
            | Self::PutMarker(token, ..)
            | Self::PutSidecar(token, ..)
            | Self::Follow((SidecarState::Live(token) | SidecarState::Restored(token), _), ..) => {
                NonceSet::one(*token)
            }
            _ => NonceSet::NONE,
        }
    }

    /// The request of a weakened variant.
    pub(crate) fn weakened(self, weakness: Weakness) -> Self {
        match (weakness, self) {
            (Weakness::UpdateOverMarker, Self::Change(token, _, wanted, entry)) => {
                Self::PutMarker(token, wanted, entry)
            }
            (
                Weakness::UpdateOverSidecar,
                Self::Follow((SidecarState::Live(token), _), wanted, entry),
            ) => Self::PutSidecar(token, wanted, entry),
            (_, other) => other,
        }
    }
}

/// An update, and what its driver keeps.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Updating {
    machine: v2::UpdateProtocol,
    bit: u8,
    weakness: Option<Weakness>,
    sidecar: (SidecarState, u8),
    /// What the marker contains, and its entry.
    marker: (u8, u8),
    /// The entry of the version before the change.
    before: u8,
    /// Number of entries that it has written.
    entered: u8,
    /// What is to be asked after an entry was written.
    next: Option<UpdateAsk>,
    /// Whether it has changed the reference, and removes the entry of the version before.
    leaves: bool,
}

impl Updating {
    pub(crate) fn new(generation: Nonce, bit: u8, weakness: Option<Weakness>) -> Self {
        Self {
            machine: v2::UpdateProtocol::with_attempts(generation, 2),
            bit,
            weakness,
            sidecar: (SidecarState::Missing, 0),
            marker: (0, 0),
            before: 0,
            entered: 0,
            next: None,
            leaves: false,
        }
    }

    pub(crate) fn step(&mut self, reply: Option<Reply>, fresh: &mut dyn FnMut() -> Nonce) -> Next {
        if self.leaves {
            return Next::Updated(self.bit);
        }
        if let Some(next) = self.next.take() {
            return match reply {
                Some(Reply::Protocol(Answer::Done)) => Next::Ask(Ask::Update(next)),
                _ => Next::Over,
            };
        }
        let answer: Option<Answer<Version>> = reply.map(|reply| match reply {
            Reply::Update(UpdateReply::Gone) => Answer::Copy(CopyState::Gone),
            Reply::Update(UpdateReply::Sidecar(state, bits)) => {
                self.sidecar = (state, bits);
                Answer::Copy(CopyState::Same)
            }
            Reply::Update(UpdateReply::Marker(bits, entry)) => {
                self.marker = (bits, entry);
                Answer::Copy(match self.is_behind() {
                    false => CopyState::Same,
                    true => CopyState::Differs,
                })
            }
            other => protocol(other),
        });
        let ask = match self.machine.step(answer, fresh) {
            Step::Ask(Request::ReadSidecarCopy(_)) => UpdateAsk::ReadSidecar,
            Step::Ask(Request::ReadMarkerCopy(token)) => UpdateAsk::ReadMarker(token),
            Step::Ask(Request::ChangeMarker(token)) => self.change(token),
            Step::Ask(Request::FollowMarker(_)) => {
                let (bits, entry) = self.marker;
                UpdateAsk::Follow(self.sidecar, bits, entry)
            }
            Step::End(v2::UpdateOutcome::Updated) if self.entered > 0 => {
                self.leaves = true;
                UpdateAsk::Leave(self.before)
            }
            Step::End(v2::UpdateOutcome::Updated) => return Next::Updated(self.bit),
            _ => return Next::Over,
        };
        Next::Ask(Ask::Update(ask))
    }

    /// Whether the sidecar lacks a change that the marker contains.
    fn is_behind(&self) -> bool {
        self.marker.0 != self.sidecar.1
    }

    /// The change of the marker, or the entry that is written before it.
    fn change(&mut self, token: Nonce) -> UpdateAsk {
        let (expected, before) = self.marker;
        let renews = self.is_behind() && self.weakness != Some(Weakness::EntryKeptBehind);
        let mut entry = before;
        if renews || self.bit != HOLD {
            entry = self.fresh_entry();
            self.before = before;
        }
        // If the write is refused, the marker is read again.
        self.marker = (expected | self.bit, entry);
        let change = UpdateAsk::Change(token, expected, expected | self.bit, entry);
        if entry == before {
            return change;
        }
        self.entered += 1;
        if self.weakness == Some(Weakness::EntryNotWritten) {
            return change;
        }
        self.next = Some(change);
        UpdateAsk::Enter(entry)
    }

    /// A name that no entry had before; weakened, that of the user.
    fn fresh_entry(&self) -> u8 {
        let place = u8::try_from(self.bit.trailing_zeros()).unwrap_or_default();
        match self.weakness {
            Some(Weakness::EntryNamedByUser) => (place + 1) % 2,
            _ => 1 + 4 * place + self.entered,
        }
    }
}

/// A sweep of the index of users: removes the entries that the sidecar does not name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct IndexSweep(u32);

impl IndexSweep {
    pub(crate) fn step(&mut self, reply: Option<Reply>) -> Next {
        match reply {
            None => return Next::Ask(Ask::Update(UpdateAsk::ListEntries)),
            Some(Reply::Update(UpdateReply::Entries(idle))) => self.0 = idle,
            Some(_) => {}
        }
        if self.0 == 0 {
            return Next::Over;
        }
        let entry = u8::try_from(self.0.trailing_zeros()).unwrap_or_default();
        self.0 &= self.0 - 1;
        Next::Ask(Ask::Update(UpdateAsk::Leave(entry)))
    }
}

impl World {
    /// A request of an update happens.
    pub(crate) fn apply_update(&mut self, ask: &UpdateAsk, reference: usize) -> Reply {
        let bit = 1u16 << reference;
        let state = self.sidecar_of(reference);
        let answer = match *ask {
            UpdateAsk::Begin => {
                let sidecar = self.sidecar_mut(reference);
                return Reply::Found(sidecar.state(), sidecar.revision);
            }
            UpdateAsk::ReadSidecar => {
                return Reply::Update(match state {
                    SidecarState::Live(_) | SidecarState::Restored(_) => {
                        UpdateReply::Sidecar(state, self.sidecar_mut(reference).changes)
                    }
                    _ => UpdateReply::Gone,
                });
            }
            UpdateAsk::ReadMarker(token) => {
                let marker = self.generation(token).filter(|g| g.sealed & bit != 0);
                return Reply::Update(match marker {
                    Some(marker) => UpdateReply::Marker(marker.changes, marker.entry),
                    None => UpdateReply::Gone,
                });
            }
            UpdateAsk::Enter(entry) => {
                self.entries |= 1 << entry;
                Answer::Done
            }
            UpdateAsk::Leave(entry) => {
                self.entries &= !(1 << entry);
                Answer::Done
            }
            UpdateAsk::ListEntries => {
                let named = 1u32 << self.sidecar_mut(reference).entry;
                return Reply::Update(UpdateReply::Entries(self.entries & !named));
            }
            UpdateAsk::Change(token, expected, wanted, entry) => {
                let marker = self.generation_mut(token);
                if marker.sealed & bit == 0 || marker.changes != expected {
                    return Reply::Protocol(Answer::Taken);
                }
                (marker.changes, marker.entry) = (wanted, entry);
                Answer::Done
            }
            UpdateAsk::Follow((expected, bits), wanted, entry) => {
                let sidecar = self.sidecar_mut(reference);
                if state != expected || sidecar.changes != bits {
                    return Reply::Protocol(Answer::Taken);
                }
                (sidecar.changes, sidecar.entry) = (wanted, entry);
                Answer::Done
            }
            UpdateAsk::PutMarker(token, wanted, entry) => {
                let marker = self.generation_mut(token);
                marker.take_away(bit);
                marker.markers |= bit;
                marker.sealed |= bit;
                (marker.changes, marker.entry) = (wanted, entry);
                Answer::Done
            }
            UpdateAsk::PutSidecar(token, wanted, entry) => {
                let revision = u8::try_from(reference).unwrap_or(u8::MAX);
                let sidecar = self.sidecar_mut(reference);
                sidecar.put(token, revision, false);
                (sidecar.changes, sidecar.entry) = (wanted, entry);
                Answer::Done
            }
        };
        Reply::Protocol(answer)
    }

    /// Whether a reader misses what an acknowledged update has changed.
    pub(crate) fn lacks_update(&self, at: usize) -> bool {
        let reference = &self.references[at];
        let read = match reference.state() {
            SidecarState::Live(_) | SidecarState::Restored(_) => Some(reference.changes),
            _ => {
                let record = self.record.as_ref();
                let marked = record.and_then(|record| self.generation(record.generation));
                marked.map(|marked| marked.changes)
            }
        };
        read.is_some_and(|read| reference.updated & !read != 0)
    }
    /// Whether the index of users lacks the entry that the sidecar names.
    pub(crate) fn lacks_entry(&self, at: usize) -> bool {
        let reference = &self.references[at];
        let live = matches!(
            reference.state(),
            SidecarState::Live(_) | SidecarState::Restored(_)
        );
        at == 0 && live && self.entries & 1 << reference.entry == 0
    }
}
