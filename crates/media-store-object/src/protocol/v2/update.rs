//! Changing the metadata of a reference.

use crate::protocol::machine::{Answer, CopyState, Protocol, Request, Step};
use crate::protocol::record::Nonce;

/// Number of times that an update begins again after concurrent changes.
const ATTEMPTS: u32 = 16;

/// Changes the metadata of a reference: replaces its marker first, then its sidecar, each on condition that
/// it is the one that was read. A tombstone is never replaced, so that nothing that was deleted comes back.
///
/// The marker decides the order of updates. An update changes what the marker contains, so that it keeps
/// what updates before it have changed, also those whose sidecar is still to be written. It is acknowledged
/// when the sidecar contains what the marker contains.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct UpdateProtocol {
    generation: Nonce,
    attempts_left: u32,
    /// Whether the marker contains the change.
    changed: bool,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum State {
    Start,
    Sidecar,
    Marker,
    Changing,
    Following,
}

/// How an update ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum UpdateOutcome {
    /// The metadata was changed.
    Updated,
    /// The reference does not exist; nothing was changed.
    Gone,
    /// A request failed, or others changed the reference in every attempt. The change may have been made.
    Failed,
}

impl UpdateProtocol {
    /// Creates an update of a reference whose marker is under this generation.
    pub fn new(generation: Nonce) -> Self {
        Self::with_attempts(generation, ATTEMPTS)
    }

    /// Creates an update that begins again at most `attempts` times after concurrent changes.
    pub fn with_attempts(generation: Nonce, attempts: u32) -> Self {
        Self {
            generation,
            attempts_left: attempts,
            changed: false,
            state: State::Start,
        }
    }

    fn ask<V>(&mut self, state: State, request: Request<V>) -> Step<V, UpdateOutcome> {
        self.state = state;
        Step::Ask(request)
    }

    /// Reads sidecar and marker again, which others have changed.
    fn again<V>(&mut self) -> Step<V, UpdateOutcome> {
        match self.attempts_left.checked_sub(1) {
            Some(left) => {
                self.attempts_left = left;
                self.ask(State::Sidecar, Request::ReadSidecarCopy(self.generation))
            }
            None => Step::End(UpdateOutcome::Failed),
        }
    }

    /// Ends because there is no reference: it was deleted, in the end after the change.
    fn gone<V>(&self) -> Step<V, UpdateOutcome> {
        Step::End(match self.changed {
            true => UpdateOutcome::Updated,
            false => UpdateOutcome::Gone,
        })
    }
}

impl<V> Protocol<V> for UpdateProtocol {
    type Outcome = UpdateOutcome;

    fn step(
        &mut self,
        answer: Option<Answer<V>>,
        _: &mut dyn FnMut() -> Nonce,
    ) -> Step<V, UpdateOutcome> {
        let generation = self.generation;
        match (self.state, answer) {
            (State::Start, None) => {
                self.ask(State::Sidecar, Request::ReadSidecarCopy(self.generation))
            }
            (State::Sidecar | State::Marker, Some(Answer::Copy(CopyState::Gone))) => self.gone(),
            (State::Sidecar, Some(Answer::Copy(_))) => {
                self.ask(State::Marker, Request::ReadMarkerCopy(generation))
            }
            (State::Marker, Some(Answer::Copy(_))) if !self.changed => {
                self.ask(State::Changing, Request::ChangeMarker(generation))
            }
            // Whoever changed the marker since kept this change.
            (State::Marker, Some(Answer::Copy(CopyState::Same))) => {
                Step::End(UpdateOutcome::Updated)
            }
            (State::Marker, Some(Answer::Copy(_))) => {
                self.ask(State::Following, Request::FollowMarker(generation))
            }
            (State::Changing, Some(Answer::Done)) => {
                self.changed = true;
                self.ask(State::Following, Request::FollowMarker(generation))
            }
            (State::Following, Some(Answer::Done)) => Step::End(UpdateOutcome::Updated),
            (State::Changing | State::Following, Some(Answer::Taken)) => self.again(),
            _ => Step::End(UpdateOutcome::Failed),
        }
    }
}
