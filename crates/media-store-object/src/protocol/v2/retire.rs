//! Burying what stores left that died before they sealed their marker.

use crate::protocol::machine::{Answer, Protocol, Request, Step};
use crate::protocol::record::Nonce;

/// Buries a sidecar that seems to have no sealed marker, or a provisional marker that seems to have no
/// sidecar: leftovers of a store that died, or of a deletion that was interrupted.
///
/// The store may be suspended rather than dead. Its marker's name is taken by a tombstone first, on
/// condition that the marker is not sealed: the store can then no longer be acknowledged. If it is, the
/// reference is left alone.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RetireProtocol {
    generation: Nonce,
    /// Whether the sidecar is buried after the marker.
    with_sidecar: bool,
    state: State,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum State {
    Start,
    Marker,
    Sidecar,
}

/// How retiring a reference ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RetireOutcome {
    /// Marker and sidecar, or the marker alone, were buried.
    Retired,
    /// The reference has a sealed marker; nothing was changed.
    Held,
    /// A request failed; a later sweep repeats it.
    Failed,
}

impl RetireProtocol {
    /// Creates a protocol for a sidecar that names this generation.
    pub fn new(generation: Nonce) -> Self {
        Self {
            generation,
            with_sidecar: true,
            state: State::Start,
        }
    }

    /// Creates a protocol for a provisional marker under this generation, whose sidecar is not known.
    pub fn marker(generation: Nonce) -> Self {
        Self {
            with_sidecar: false,
            ..Self::new(generation)
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
            (State::Marker, Some(Answer::Done)) if !self.with_sidecar => {
                Step::End(RetireOutcome::Retired)
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
