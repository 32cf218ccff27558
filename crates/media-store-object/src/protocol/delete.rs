//! Deleting a reference.

use super::{Answer, Protocol, Request, Step, Token};

/// Removes a reference: its marker first, because that is the truth, its sidecar last, because it
/// tells where the marker is. Whoever is interrupted between the two finishes by deleting again.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DeleteProtocol {
    generation: Token,
    at: At,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum At {
    Start,
    Marker,
    Sidecar,
}

/// How a deletion ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DeleteOutcome {
    /// The reference is gone.
    Deleted,
    /// A request failed; deleting again finishes it.
    Failed,
}

impl DeleteProtocol {
    /// Deletes a reference whose marker is under this generation.
    pub fn new(generation: Token) -> Self {
        Self {
            generation,
            at: At::Start,
        }
    }
}

impl<V> Protocol<V> for DeleteProtocol {
    type Outcome = DeleteOutcome;

    fn step(
        &mut self,
        answer: Option<Answer<V>>,
        _: &mut dyn FnMut() -> Token,
    ) -> Step<V, DeleteOutcome> {
        match (&self.at, answer) {
            (At::Start, None) => {
                self.at = At::Marker;
                Step::Ask(Request::DeleteMarker(self.generation))
            }
            (At::Marker, Some(Answer::Done)) => {
                self.at = At::Sidecar;
                Step::Ask(Request::DeleteSidecar)
            }
            (At::Sidecar, Some(Answer::Done)) => Step::End(DeleteOutcome::Deleted),
            _ => Step::End(DeleteOutcome::Failed),
        }
    }
}
