//! Removing tombstones that are old enough.

use crate::protocol::machine::{Answer, Protocol, Request, SidecarState, Step};
use crate::protocol::record::Nonce;

/// Removes the tombstones of a reference, which must be older than any copy of a request can be. A
/// deletion that was interrupted is finished instead.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TombstoneProtocol {
    generation: Nonce,
    state: State,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum State {
    Start,
    Reading,
    Finishing,
    Marker,
    Sidecar,
}

/// How removing tombstones ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TombstoneOutcome {
    /// Nothing is left of the reference.
    Removed,
    /// An interrupted deletion was finished; its tombstones are removed by a later sweep.
    Finished,
    /// A request failed; a later sweep repeats it.
    Failed,
}

impl TombstoneProtocol {
    /// Creates a removal of the tombstones of a reference whose marker was under this generation.
    pub fn new(generation: Nonce) -> Self {
        Self {
            generation,
            state: State::Start,
        }
    }

    fn ask<V>(&mut self, state: State, request: Request<V>) -> Step<V, TombstoneOutcome> {
        self.state = state;
        Step::Ask(request)
    }
}

impl<V> Protocol<V> for TombstoneProtocol {
    type Outcome = TombstoneOutcome;

    fn step(
        &mut self,
        answer: Option<Answer<V>>,
        _: &mut dyn FnMut() -> Nonce,
    ) -> Step<V, TombstoneOutcome> {
        use SidecarState as S;
        match (&self.state, answer) {
            (State::Start, None) => self.ask(State::Reading, Request::ReadSidecar),
            // The marker's tombstone must outlive the sidecar, which leads to it.
            (State::Reading, Some(Answer::Sidecar(S::Live(_) | S::Restored(_)))) => {
                self.ask(State::Finishing, Request::BurySidecar)
            }
            (State::Reading, Some(Answer::Sidecar(S::Missing | S::Tombstone))) => {
                self.ask(State::Marker, Request::RemoveMarker(self.generation))
            }
            (State::Finishing, Some(Answer::Done)) => Step::End(TombstoneOutcome::Finished),
            (State::Marker, Some(Answer::Done)) => self.ask(State::Sidecar, Request::RemoveSidecar),
            (State::Sidecar, Some(Answer::Done)) => Step::End(TombstoneOutcome::Removed),
            _ => Step::End(TombstoneOutcome::Failed),
        }
    }
}
