//! Deleting a reference.

use crate::protocol::machine::{Answer, Protocol, Request, Step};
use crate::protocol::record::Nonce;

/// Deletes a reference: replaces its marker by a tombstone first, because the marker decides whether
/// the reference exists, and its sidecar last, because it says where the marker is. A deletion that
/// was interrupted is finished by deleting again.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DeleteProtocol {
    generation: Nonce,
    state: State,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum State {
    Start,
    Marker,
    Sidecar,
}

/// How a deletion ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DeleteOutcome {
    /// The reference was deleted, and stays deleted.
    Deleted,
    /// A request failed; deleting again finishes the deletion.
    Failed,
}

impl DeleteProtocol {
    /// Creates a deletion of a reference whose marker is under this generation.
    pub fn new(generation: Nonce) -> Self {
        Self {
            generation,
            state: State::Start,
        }
    }
}

impl<V> Protocol<V> for DeleteProtocol {
    type Outcome = DeleteOutcome;

    fn step(
        &mut self,
        answer: Option<Answer<V>>,
        _: &mut dyn FnMut() -> Nonce,
    ) -> Step<V, DeleteOutcome> {
        match (&self.state, answer) {
            (State::Start, None) => {
                self.state = State::Marker;
                Step::Ask(Request::BuryMarker(self.generation))
            }
            (State::Marker, Some(Answer::Done)) => {
                self.state = State::Sidecar;
                Step::Ask(Request::BurySidecar)
            }
            (State::Sidecar, Some(Answer::Done)) => Step::End(DeleteOutcome::Deleted),
            _ => Step::End(DeleteOutcome::Failed),
        }
    }
}
