//! Removing generations that were never published.

use super::machine::{Answer, Protocol, Request, Step};
use super::record::{Nonce, Record, RecordState};

/// Removes generations that were found under a hash and that its record does not name: the leftovers
/// of writers that stopped before they published.
///
/// Such a writer may be suspended rather than dead. The fence is any change of the record after the
/// generations were found: a writer publishes by a write that expects a version which it read before
/// it wrote anything, so that it can no longer succeed. Only then are the bytes removed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FenceProtocol {
    orphans: Vec<Nonce>,
    cleared: usize,
    state: State,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum State {
    Start,
    Reading,
    Fencing(Record),
    /// Finding out whether the fence was written.
    Resolving(Record),
    Clearing(Clear),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Clear {
    Blob,
    Markers,
}

/// How a fence ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FenceOutcome {
    /// The orphans were removed, except those that the record names.
    Cleared {
        /// Number of generations that were removed.
        generations: usize,
    },
    /// The record was changed concurrently; nothing was removed.
    Contended,
    /// A request failed; a later fence can remove the rest.
    Failed,
}

impl FenceProtocol {
    /// Creates a fence for these generations, which must have been listed before the first step.
    pub fn new(orphans: Vec<Nonce>) -> Self {
        Self {
            orphans,
            cleared: 0,
            state: State::Start,
        }
    }

    fn next<V>(&mut self) -> Step<V, FenceOutcome> {
        match self.orphans.get(self.cleared) {
            Some(orphan) => {
                self.state = State::Clearing(Clear::Blob);
                Step::Ask(Request::DeleteBlob(*orphan))
            }
            None => Step::End(FenceOutcome::Cleared {
                generations: self.cleared,
            }),
        }
    }
}

impl<V: Clone> Protocol<V> for FenceProtocol {
    type Outcome = FenceOutcome;

    fn step(
        &mut self,
        answer: Option<Answer<V>>,
        fresh: &mut dyn FnMut() -> Nonce,
    ) -> Step<V, FenceOutcome> {
        use Answer as A;
        let state = std::mem::replace(&mut self.state, State::Start);
        match (state, answer) {
            (State::Start, None) => {
                self.state = State::Reading;
                Step::Ask(Request::ReadRecord)
            }
            (State::Reading, Some(A::Record(read))) => {
                if let Some(read) = &read {
                    self.orphans.retain(|gen_| *gen_ != read.record.generation);
                }
                if self.orphans.is_empty() {
                    return Step::End(FenceOutcome::Cleared { generations: 0 });
                }
                let (record, expected) = match read {
                    Some(read) => (
                        read.record.with_state(read.record.state, fresh()),
                        Some(read.version),
                    ),
                    // No generation has this name, and none ever will.
                    None => {
                        let record = Record {
                            state: RecordState::Dead,
                            generation: fresh(),
                            size: 0,
                            nonce: fresh(),
                        };
                        (record, None)
                    }
                };
                self.state = State::Fencing(record.clone());
                Step::Ask(Request::SwapRecord { expected, record })
            }
            (State::Fencing(_), Some(A::Swapped(_))) => self.next(),
            (State::Fencing(wanted), Some(A::Unclear)) => {
                self.state = State::Resolving(wanted);
                Step::Ask(Request::ReadRecord)
            }
            (State::Resolving(wanted), Some(A::Record(Some(read)))) if read.record == wanted => {
                self.next()
            }
            (State::Resolving(_), Some(A::Record(_))) => Step::End(FenceOutcome::Contended),
            (State::Clearing(Clear::Blob), Some(A::Done)) => match self.orphans.get(self.cleared) {
                Some(orphan) => {
                    self.state = State::Clearing(Clear::Markers);
                    Step::Ask(Request::DeleteMarkers(*orphan))
                }
                None => Step::End(FenceOutcome::Failed),
            },
            (State::Clearing(Clear::Markers), Some(A::Done)) => {
                self.cleared += 1;
                self.next()
            }
            _ => Step::End(FenceOutcome::Failed),
        }
    }
}
