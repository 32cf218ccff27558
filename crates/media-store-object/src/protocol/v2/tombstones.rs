//! Removing tombstones that are old enough.

use super::retire::{RetireOutcome, RetireProtocol};
use crate::protocol::machine::{Answer, Protocol, Request, SidecarState, Step};
use crate::protocol::record::Nonce;

/// Removes the tombstones of a reference, which must be older than any copy of a request can be. A
/// deletion that was interrupted is finished instead, and so is the retiring of a reference.
///
/// An import may replace the tombstone of a retired sidecar at any moment. Such a tombstone is closed
/// before it is removed. A closed one hides the media, as that of a deletion does: it is not closed if a
/// revision of the reference was completed, whose sidecar was lost. Whoever completes one after that was
/// looked for has replaced the tombstone that was read, so that it is not closed either.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TombstoneProtocol {
    generation: Nonce,
    /// Whether the tombstone of the sidecar is old enough too.
    with_sidecar: bool,
    state: State,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum State {
    Start,
    Reading,
    Finishing(RetireProtocol),
    /// Finding out whether another revision is complete.
    Looking,
    Closing,
    Marker {
        /// How the protocol ends if the sidecar is not removed after the marker.
        end: Option<TombstoneOutcome>,
    },
    Sidecar,
}

/// How removing tombstones ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TombstoneOutcome {
    /// Nothing is left of the reference.
    Removed,
    /// The sidecar was buried or retired, now or not long ago, or is missing of media that is complete, so
    /// that it is to be restored; a later sweep removes the tombstones.
    Finished,
    /// The reference has a later sidecar: only the tombstone of this marker was removed.
    Superseded,
    /// A request failed; a later sweep repeats it.
    Failed,
}

impl TombstoneProtocol {
    /// Creates a removal of the tombstones of a reference: that of its marker, which was under this
    /// generation, and that of its sidecar.
    pub fn new(generation: Nonce) -> Self {
        Self {
            generation,
            with_sidecar: true,
            state: State::Start,
        }
    }

    /// Creates a removal of the tombstone of a marker under this generation, whose sidecar has no old
    /// tombstone.
    pub fn marker(generation: Nonce) -> Self {
        Self {
            with_sidecar: false,
            ..Self::new(generation)
        }
    }

    fn ask<V>(&mut self, state: State, request: Request<V>) -> Step<V, TombstoneOutcome> {
        self.state = state;
        Step::Ask(request)
    }

    fn remove_marker<V>(&mut self, end: Option<TombstoneOutcome>) -> Step<V, TombstoneOutcome> {
        self.ask(
            State::Marker { end },
            Request::RemoveMarker(self.generation),
        )
    }

    /// Continues by the sidecar that was read.
    fn read<V>(
        &mut self,
        sidecar: SidecarState,
        fresh: &mut dyn FnMut() -> Nonce,
    ) -> Step<V, TombstoneOutcome> {
        use SidecarState as S;
        match sidecar {
            // The marker's tombstone must outlive the sidecar, which leads to it.
            S::Live(there) | S::Restored(there) if there == self.generation => {
                self.finish(RetireProtocol::new(there), None, fresh)
            }
            S::Live(_) | S::Restored(_) | S::Revised => {
                self.remove_marker(Some(TombstoneOutcome::Superseded))
            }
            // An import may create the sidecar now.
            S::Missing => self.remove_marker(Some(TombstoneOutcome::Removed)),
            S::Retired | S::Tombstone if !self.with_sidecar => {
                Step::End(TombstoneOutcome::Finished)
            }
            S::Retired => self.ask(State::Looking, Request::FindSealed),
            S::Tombstone => self.remove_marker(None),
        }
    }

    /// Continues what a deletion, or another sweep, did not finish.
    fn finish<V>(
        &mut self,
        mut retire: RetireProtocol,
        answer: Option<Answer<V>>,
        fresh: &mut dyn FnMut() -> Nonce,
    ) -> Step<V, TombstoneOutcome> {
        match retire.step(answer, fresh) {
            Step::Ask(request) => self.ask(State::Finishing(retire), request),
            Step::AskAll(requests) => {
                self.state = State::Finishing(retire);
                Step::AskAll(requests)
            }
            Step::End(RetireOutcome::Failed) => Step::End(TombstoneOutcome::Failed),
            Step::End(_) => Step::End(TombstoneOutcome::Finished),
        }
    }
}

impl<V> Protocol<V> for TombstoneProtocol {
    type Outcome = TombstoneOutcome;

    fn step(
        &mut self,
        answer: Option<Answer<V>>,
        fresh: &mut dyn FnMut() -> Nonce,
    ) -> Step<V, TombstoneOutcome> {
        let state = std::mem::replace(&mut self.state, State::Start);
        match (state, answer) {
            (State::Start, None) => self.ask(State::Reading, Request::ReadSidecar),
            (State::Reading, Some(Answer::Sidecar(sidecar))) => self.read(sidecar, fresh),
            (State::Finishing(retire), answer) => self.finish(retire, answer, fresh),
            (State::Looking, Some(Answer::Found(true))) => Step::End(TombstoneOutcome::Finished),
            (State::Looking, Some(Answer::Found(false))) => {
                self.ask(State::Closing, Request::CloseSeen)
            }
            (State::Closing, Some(Answer::Done)) => self.remove_marker(None),
            // An import was faster.
            (State::Closing, Some(Answer::Taken)) => {
                self.remove_marker(Some(TombstoneOutcome::Superseded))
            }
            (State::Marker { end: Some(end) }, Some(Answer::Done)) => Step::End(end),
            (State::Marker { end: None }, Some(Answer::Done)) => {
                self.ask(State::Sidecar, Request::RemoveSidecar)
            }
            (State::Sidecar, Some(Answer::Done)) => Step::End(TombstoneOutcome::Removed),
            _ => Step::End(TombstoneOutcome::Failed),
        }
    }
}
