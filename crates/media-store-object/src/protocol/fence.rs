//! Removing generations that never came into use.

use super::{Answer, Protocol, Record, RecordState, Request, Step, Token};

/// Removes generations that were seen under a hash and that its record does not name: what writers
/// left that stopped before they published.
///
/// Such a writer may be asleep, not dead. The fence is any change of the record after the
/// generations were seen: a writer publishes by a write that expects a version which it read before
/// it put anything there, so that from then on it must fail. Only then are the bytes removed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FenceProtocol {
    orphans: Vec<Token>,
    cleared: usize,
    at: At,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum At {
    Start,
    Reading,
    Fencing(Record),
    /// Was the fence ours?
    Settling(Record),
    Clearing(Clear),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Clear {
    Blob,
    Markers,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FenceOutcome {
    /// The orphans are gone. Those among them that the record names were left alone.
    Cleared {
        /// How many generations were removed.
        generations: usize,
    },
    /// Somebody else changed the record meanwhile; nothing was removed.
    Contended,
    /// A request failed; what was not removed can be removed another time.
    Failed,
}

impl FenceProtocol {
    /// Removes these generations, which were listed before this is first stepped.
    pub fn new(orphans: Vec<Token>) -> Self {
        Self {
            orphans,
            cleared: 0,
            at: At::Start,
        }
    }

    fn next<V>(&mut self) -> Step<V, FenceOutcome> {
        match self.orphans.get(self.cleared) {
            Some(orphan) => {
                self.at = At::Clearing(Clear::Blob);
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
        fresh: &mut dyn FnMut() -> Token,
    ) -> Step<V, FenceOutcome> {
        use Answer as A;
        let at = std::mem::replace(&mut self.at, At::Start);
        match (at, answer) {
            (At::Start, None) => {
                self.at = At::Reading;
                Step::Ask(Request::ReadRecord)
            }
            (At::Reading, Some(A::Record(read))) => {
                if let Some(read) = &read {
                    self.orphans.retain(|gen_| *gen_ != read.record.generation);
                }
                if self.orphans.is_empty() {
                    return Step::End(FenceOutcome::Cleared { generations: 0 });
                }
                let (record, expected) = match read {
                    Some(read) => (
                        read.record.turned(read.record.state, fresh()),
                        Some(read.version),
                    ),
                    // No generation has this name, and none will.
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
                self.at = At::Fencing(record.clone());
                Step::Ask(Request::SwapRecord { expected, record })
            }
            (At::Fencing(_), Some(A::Swapped(_))) => self.next(),
            (At::Fencing(wanted), Some(A::Unclear)) => {
                self.at = At::Settling(wanted);
                Step::Ask(Request::ReadRecord)
            }
            (At::Settling(wanted), Some(A::Record(Some(read)))) if read.record == wanted => {
                self.next()
            }
            (At::Settling(_), Some(A::Record(_))) => Step::End(FenceOutcome::Contended),
            (At::Clearing(Clear::Blob), Some(A::Done)) => match self.orphans.get(self.cleared) {
                Some(orphan) => {
                    self.at = At::Clearing(Clear::Markers);
                    Step::Ask(Request::DeleteMarkers(*orphan))
                }
                None => Step::End(FenceOutcome::Failed),
            },
            (At::Clearing(Clear::Markers), Some(A::Done)) => {
                self.cleared += 1;
                self.next()
            }
            _ => Step::End(FenceOutcome::Failed),
        }
    }
}
