//! Changes of the metadata of the first reference.
//!
//! Each update adds a way of its own, a bit, to what sidecar and marker contain. No two versions of either
//! are alike, so that the bits, which only grow, stand for the entity tag.

use media_store_object::protocol::{
    Answer, CopyState, Nonce, Protocol, Request, SidecarState, Step, v2,
};

use crate::ask::{Ask, Reply, Version};
use crate::nonces::NonceSet;
use crate::step::{Next, protocol};
use crate::weak::Weakness;
use crate::world::World;

/// A request of an update, with what its driver has read.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum UpdateAsk {
    /// Whoever changes a reference looks where its marker is.
    Begin,
    ReadSidecar,
    ReadMarker(Nonce),
    /// Replaces the marker if it contains this.
    Change(Nonce, u8, u8),
    /// Replaces the sidecar if it is this one.
    Follow((SidecarState, u8), u8),
    /// Writes the marker whatever there is (weakened).
    PutMarker(Nonce, u8),
    /// Writes the sidecar whatever there is (weakened).
    PutSidecar(Nonce, u8),
}

/// What an update reads.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum UpdateReply {
    Sidecar(SidecarState, u8),
    Marker(u8),
    Gone,
}

impl UpdateAsk {
    pub(crate) fn is_read(&self) -> bool {
        matches!(self, Self::Begin | Self::ReadSidecar | Self::ReadMarker(_))
    }

    /// The tokens that it names.
    pub(crate) fn tokens(&self) -> NonceSet {
        match self {
            Self::ReadMarker(token)
            | Self::Change(token, ..)
            | Self::PutMarker(token, _)
            | Self::PutSidecar(token, _)
            | Self::Follow((SidecarState::Live(token) | SidecarState::Restored(token), _), _) => {
                NonceSet::one(*token)
            }
            _ => NonceSet::NONE,
        }
    }

    /// The request of a weakened variant.
    pub(crate) fn weakened(self, weakness: Weakness) -> Self {
        match (weakness, self) {
            (Weakness::UpdateOverMarker, Self::Change(token, _, wanted)) => {
                Self::PutMarker(token, wanted)
            }
            (Weakness::UpdateOverSidecar, Self::Follow((SidecarState::Live(token), _), wanted)) => {
                Self::PutSidecar(token, wanted)
            }
            (_, other) => other,
        }
    }
}

/// An update, and what its driver keeps.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Updating {
    machine: v2::UpdateProtocol,
    bit: u8,
    sidecar: (SidecarState, u8),
    marker: u8,
}

impl Updating {
    pub(crate) fn new(generation: Nonce, bit: u8) -> Self {
        Self {
            machine: v2::UpdateProtocol::with_attempts(generation, 2),
            bit,
            sidecar: (SidecarState::Missing, 0),
            marker: 0,
        }
    }

    pub(crate) fn step(&mut self, reply: Option<Reply>, fresh: &mut dyn FnMut() -> Nonce) -> Next {
        let answer: Option<Answer<Version>> = reply.map(|reply| match reply {
            Reply::Update(UpdateReply::Gone) => Answer::Copy(CopyState::Gone),
            Reply::Update(UpdateReply::Sidecar(state, bits)) => {
                self.sidecar = (state, bits);
                Answer::Copy(CopyState::Same)
            }
            Reply::Update(UpdateReply::Marker(bits)) => {
                self.marker = bits;
                Answer::Copy(match bits == self.sidecar.1 {
                    true => CopyState::Same,
                    false => CopyState::Differs,
                })
            }
            other => protocol(other),
        });
        let ask = match self.machine.step(answer, fresh) {
            Step::Ask(Request::ReadSidecarCopy(_)) => UpdateAsk::ReadSidecar,
            Step::Ask(Request::ReadMarkerCopy(token)) => UpdateAsk::ReadMarker(token),
            Step::Ask(Request::ChangeMarker(token)) => {
                let expected = self.marker;
                // If the write is refused, the marker is read again.
                self.marker |= self.bit;
                UpdateAsk::Change(token, expected, self.marker)
            }
            Step::Ask(Request::FollowMarker(_)) => UpdateAsk::Follow(self.sidecar, self.marker),
            Step::End(v2::UpdateOutcome::Updated) => return Next::Updated(self.bit),
            _ => return Next::Over,
        };
        Next::Ask(Ask::Update(ask))
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
                    Some(marker) => UpdateReply::Marker(marker.changes),
                    None => UpdateReply::Gone,
                });
            }
            UpdateAsk::Change(token, expected, wanted) => {
                let marker = self.generation_mut(token);
                if marker.sealed & bit == 0 || marker.changes != expected {
                    return Reply::Protocol(Answer::Taken);
                }
                marker.changes = wanted;
                Answer::Done
            }
            UpdateAsk::Follow((expected, bits), wanted) => {
                let sidecar = self.sidecar_mut(reference);
                if state != expected || sidecar.changes != bits {
                    return Reply::Protocol(Answer::Taken);
                }
                sidecar.changes = wanted;
                Answer::Done
            }
            UpdateAsk::PutMarker(token, wanted) => {
                let marker = self.generation_mut(token);
                marker.take_away(bit);
                marker.markers |= bit;
                marker.sealed |= bit;
                marker.changes = wanted;
                Answer::Done
            }
            UpdateAsk::PutSidecar(token, wanted) => {
                let revision = u8::try_from(reference).unwrap_or(u8::MAX);
                let sidecar = self.sidecar_mut(reference);
                sidecar.put(token, revision, false);
                sidecar.changes = wanted;
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
}
