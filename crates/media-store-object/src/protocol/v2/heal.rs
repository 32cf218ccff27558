//! Restoring lost sidecars.

use crate::protocol::machine::{Answer, Protocol, Request, SidecarState, Step};
use crate::protocol::record::Nonce;

/// Restores the sidecar of a sealed marker, if it is missing, and buries the marker, if the sidecar is
/// buried.
///
/// A marker is sealed after its sidecar was created, so that a missing sidecar was removed by others. A
/// retired one is then that of another revision, whose import was cut after the sidecar was lost.
///
/// A restored sidecar is created like any other, so that it never replaces the tombstone of a deletion, and is marked
/// as restored: a store that finds it in place of its own is not acknowledged.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HealProtocol {
    generation: Nonce,
    state: State,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum State {
    Start,
    Reading,
    Restoring,
    Burying,
}

/// How healing ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HealOutcome {
    /// The sidecar exists, or belongs to another revision of the reference.
    Sound,
    /// The sidecar was restored.
    Restored,
    /// The marker was buried, as its sidecar was.
    Buried,
    /// A request failed; a later sweep repeats it.
    Failed,
}

impl HealProtocol {
    /// Creates a protocol for a marker under this generation.
    pub fn new(generation: Nonce) -> Self {
        Self {
            generation,
            state: State::Start,
        }
    }

    fn ask<V>(&mut self, state: State, request: Request<V>) -> Step<V, HealOutcome> {
        self.state = state;
        Step::Ask(request)
    }
}

impl<V> Protocol<V> for HealProtocol {
    type Outcome = HealOutcome;

    fn step(
        &mut self,
        answer: Option<Answer<V>>,
        _: &mut dyn FnMut() -> Nonce,
    ) -> Step<V, HealOutcome> {
        use SidecarState as S;
        match (&self.state, answer) {
            (State::Start, None) => self.ask(State::Reading, Request::ReadSidecar),
            (State::Reading, Some(Answer::Sidecar(S::Live(_) | S::Restored(_) | S::Revised))) => {
                Step::End(HealOutcome::Sound)
            }
            (State::Reading, Some(Answer::Sidecar(S::Missing | S::Retired))) => {
                self.ask(State::Restoring, Request::RestoreSidecar(self.generation))
            }
            (State::Reading, Some(Answer::Sidecar(S::Tombstone))) => {
                self.ask(State::Burying, Request::BuryMarker(self.generation))
            }
            (State::Restoring, Some(Answer::Done)) => Step::End(HealOutcome::Restored),
            (State::Burying, Some(Answer::Done)) => Step::End(HealOutcome::Buried),
            _ => Step::End(HealOutcome::Failed),
        }
    }
}
