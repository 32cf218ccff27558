//! Retiring what stores left that died before they sealed their marker.

use crate::protocol::machine::{Answer, Protocol, Request, Step};
use crate::protocol::record::Nonce;

/// Retires a sidecar that seems to have no sealed marker, or a provisional marker that seems to have no
/// sidecar: leftovers of a store that died, or of a deletion that was interrupted.
///
/// The store may be suspended rather than dead. Its marker's name is taken by a tombstone first, on
/// condition that the marker is not sealed: the store can then no longer be acknowledged. If it is, the
/// reference is left alone.
///
/// Everything is conditional: the sidecar may have been replaced by that of an import in the meantime.
/// What is left of a deletion that was interrupted is closed, so that no import takes its place.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RetireProtocol {
    generation: Nonce,
    /// Whether the sidecar is retired after the marker.
    with_sidecar: bool,
    state: State,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum State {
    Start,
    Marker,
    Sidecar { deleted: bool },
    Closing,
}

/// How retiring a reference ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RetireOutcome {
    /// Marker and sidecar, or the marker alone, were retired. An import may store the reference again.
    Retired,
    /// A deletion had buried the marker, and was finished.
    Deleted,
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
            (State::Marker, Some(Answer::Done | Answer::Buried)) if !self.with_sidecar => {
                Step::End(RetireOutcome::Retired)
            }
            (State::Marker, Some(answer @ (Answer::Done | Answer::Buried))) => {
                let deleted = matches!(answer, Answer::Buried);
                self.state = State::Sidecar { deleted };
                Step::Ask(Request::RetireSidecar(self.generation))
            }
            (State::Marker, Some(Answer::Taken)) => Step::End(RetireOutcome::Held),
            (State::Sidecar { deleted: true }, Some(Answer::Done)) => {
                self.state = State::Closing;
                Step::Ask(Request::CloseSidecar)
            }
            // Taken: a deletion has buried the sidecar, or an import has replaced it.
            (
                State::Sidecar { deleted: true } | State::Closing,
                Some(Answer::Done | Answer::Taken),
            ) => Step::End(RetireOutcome::Deleted),
            (State::Sidecar { deleted: false }, Some(Answer::Done | Answer::Taken)) => {
                Step::End(RetireOutcome::Retired)
            }
            _ => Step::End(RetireOutcome::Failed),
        }
    }
}
