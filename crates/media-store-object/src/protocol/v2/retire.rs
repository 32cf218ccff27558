//! Burying sidecars without a marker.

use crate::protocol::machine::{Answer, Protocol, Request, Step};
use crate::protocol::record::Nonce;

/// Buries a sidecar that seems to have no marker: the leftover of a store that died, or of a deletion
/// that was interrupted.
///
/// The store may be suspended rather than dead. Its marker's name is taken by a tombstone first, on
/// condition that there is no marker: the store can then no longer be acknowledged. If there is one,
/// the sidecar is left alone.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RetireProtocol {
    generation: Nonce,
    state: State,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum State {
    Start,
    Marker,
    Sidecar,
}

/// How retiring a sidecar ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RetireOutcome {
    /// The sidecar was buried.
    Retired,
    /// The reference has a marker; nothing was changed.
    Held,
    /// A request failed; a later sweep repeats it.
    Failed,
}

impl RetireProtocol {
    /// Creates a protocol for a sidecar that names this generation.
    pub fn new(generation: Nonce) -> Self {
        Self {
            generation,
            state: State::Start,
        }
    }
}

impl<V> Protocol<V> for RetireProtocol {
    type Outcome = RetireOutcome;

    fn step(
        &mut self,
        answer: Option<Answer<V>>,
        _: &mut dyn FnMut() -> Nonce,
    ) -> Step<V, RetireOutcome> {
        match (&self.state, answer) {
            (State::Start, None) => {
                self.state = State::Marker;
                Step::Ask(Request::RetireMarker(self.generation))
            }
            (State::Marker, Some(Answer::Done)) => {
                self.state = State::Sidecar;
                Step::Ask(Request::BurySidecar)
            }
            (State::Marker, Some(Answer::Taken)) => Step::End(RetireOutcome::Held),
            (State::Sidecar, Some(Answer::Done)) => Step::End(RetireOutcome::Retired),
            _ => Step::End(RetireOutcome::Failed),
        }
    }
}
