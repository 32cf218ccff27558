//! Removing bytes that no reference holds.

use super::{Answer, Protocol, Record, RecordState, Request, Step, Token, Versioned};

/// Looks at one hash and removes its bytes if no reference holds them. Any number may run at any
/// time, anywhere; each may stop anywhere.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CollectProtocol<V> {
    at: At<V>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum At<V> {
    Start,
    Reading,
    /// Is there a marker at all? If not, the live generation is condemned.
    Glancing(Versioned<V>),
    Condemning(Record),
    /// The look that counts: the generation is condemned, nothing can join it unseen.
    Looking(Versioned<V>),
    Reprieving,
    Burying(Record),
    /// Was the last swap ours?
    Settling(Record),
    Clearing(Token, Clear),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Clear {
    Blob,
    Markers,
}

/// How a collection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CollectOutcome {
    /// References hold the bytes.
    Held,
    /// The bytes are gone; nothing holds them.
    Collected,
    /// There is no record of this hash.
    Absent,
    /// Somebody else changed the record meanwhile; whoever that was goes on.
    Contended,
    /// A request failed. Another collection goes on from there.
    Failed,
}

impl<V> CollectProtocol<V> {
    /// Collects.
    pub fn new() -> Self {
        Self { at: At::Start }
    }
}

impl<V> Default for CollectProtocol<V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<V: Clone> CollectProtocol<V> {
    fn ask(&mut self, at: At<V>, request: Request<V>) -> Step<V, CollectOutcome> {
        self.at = at;
        Step::Ask(request)
    }

    fn look(&mut self, read: Versioned<V>) -> Step<V, CollectOutcome> {
        let request = Request::FindMarker(read.record.generation);
        self.ask(At::Looking(read), request)
    }

    fn clear(&mut self, generation: Token) -> Step<V, CollectOutcome> {
        self.ask(
            At::Clearing(generation, Clear::Blob),
            Request::DeleteBlob(generation),
        )
    }

    fn swap(
        &mut self,
        from: Versioned<V>,
        state: RecordState,
        at: impl FnOnce(Record) -> At<V>,
        fresh: &mut dyn FnMut() -> Token,
    ) -> Step<V, CollectOutcome> {
        let record = from.record.turned(state, fresh());
        let request = Request::SwapRecord {
            expected: Some(from.version),
            record: record.clone(),
        };
        self.ask(at(record), request)
    }

    /// The record is as this collector wrote it, in this version.
    fn wrote(&mut self, record: Record, version: V) -> Step<V, CollectOutcome> {
        match record.state {
            RecordState::Condemned => self.look(Versioned { record, version }),
            RecordState::Dead => self.clear(record.generation),
            RecordState::Live => Step::End(CollectOutcome::Held),
        }
    }
}

impl<V: Clone> Protocol<V> for CollectProtocol<V> {
    type Outcome = CollectOutcome;

    fn step(
        &mut self,
        answer: Option<Answer<V>>,
        fresh: &mut dyn FnMut() -> Token,
    ) -> Step<V, CollectOutcome> {
        use Answer as A;
        let at = std::mem::replace(&mut self.at, At::Start);
        match (at, answer) {
            (At::Start, None) => self.ask(At::Reading, Request::ReadRecord),
            (At::Reading, Some(A::Record(None))) => Step::End(CollectOutcome::Absent),
            (At::Reading, Some(A::Record(Some(read)))) => match read.record.state {
                RecordState::Live => {
                    let request = Request::FindMarker(read.record.generation);
                    self.ask(At::Glancing(read), request)
                }
                RecordState::Condemned => self.look(read),
                RecordState::Dead => self.clear(read.record.generation),
            },
            (At::Glancing(_), Some(A::Found(true))) => Step::End(CollectOutcome::Held),
            (At::Glancing(read), Some(A::Found(false))) => {
                self.swap(read, RecordState::Condemned, At::Condemning, fresh)
            }
            (At::Looking(read), Some(A::Found(true))) => {
                self.swap(read, RecordState::Live, |_| At::Reprieving, fresh)
            }
            (At::Looking(read), Some(A::Found(false))) => {
                self.swap(read, RecordState::Dead, At::Burying, fresh)
            }
            (At::Reprieving, Some(A::Swapped(_) | A::Unclear)) => Step::End(CollectOutcome::Held),
            (At::Condemning(wanted) | At::Burying(wanted), Some(A::Swapped(version))) => {
                self.wrote(wanted, version)
            }
            (At::Condemning(wanted) | At::Burying(wanted), Some(A::Unclear)) => {
                self.ask(At::Settling(wanted), Request::ReadRecord)
            }
            (At::Settling(wanted), Some(A::Record(Some(read)))) if read.record == wanted => {
                self.wrote(wanted, read.version)
            }
            (At::Settling(_), Some(A::Record(_))) => Step::End(CollectOutcome::Contended),
            (At::Clearing(generation, Clear::Blob), Some(A::Done)) => self.ask(
                At::Clearing(generation, Clear::Markers),
                Request::DeleteMarkers(generation),
            ),
            (At::Clearing(_, Clear::Markers), Some(A::Done)) => {
                Step::End(CollectOutcome::Collected)
            }
            _ => Step::End(CollectOutcome::Failed),
        }
    }
}
