//! Removing bytes that no reference holds.

use super::machine::{Answer, Protocol, Request, Step, Versioned};
use super::record::{Nonce, Record, RecordState};

/// Removes the bytes of one hash if no reference holds them. Any number of collectors may run at any
/// time on any node, and each may stop at any step.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CollectProtocol<V> {
    state: State<V>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum State<V> {
    Start,
    Reading,
    /// Finding out whether the live generation has any marker; if not, it is condemned.
    Checking(Versioned<V>),
    Condemning(Record),
    /// The check that decides: no writer can join a condemned generation unnoticed.
    Confirming(Versioned<V>),
    Reprieving,
    Burying(Record),
    /// Finding out whether the record was written.
    Resolving(Record),
    Clearing(Nonce, Clear),
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
    /// A reference holds the bytes.
    Held,
    /// No reference held the bytes; they were removed.
    Collected,
    /// The hash has no record.
    Absent,
    /// The record was changed concurrently; nothing was removed.
    Contended,
    /// A request failed; a later collection continues.
    Failed,
}

impl<V> CollectProtocol<V> {
    /// Creates a collection.
    pub fn new() -> Self {
        Self {
            state: State::Start,
        }
    }
}

impl<V> Default for CollectProtocol<V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<V: Clone> CollectProtocol<V> {
    fn ask(&mut self, state: State<V>, request: Request<V>) -> Step<V, CollectOutcome> {
        self.state = state;
        Step::Ask(request)
    }

    fn confirm(&mut self, read: Versioned<V>) -> Step<V, CollectOutcome> {
        let request = Request::FindMarker(read.record.generation);
        self.ask(State::Confirming(read), request)
    }

    fn clear(&mut self, generation: Nonce) -> Step<V, CollectOutcome> {
        self.ask(
            State::Clearing(generation, Clear::Blob),
            Request::DeleteBlob(generation),
        )
    }

    fn swap(
        &mut self,
        from: Versioned<V>,
        state: RecordState,
        next: impl FnOnce(Record) -> State<V>,
        fresh: &mut dyn FnMut() -> Nonce,
    ) -> Step<V, CollectOutcome> {
        let record = from.record.with_state(state, fresh());
        let request = Request::SwapRecord {
            expected: Some(from.version),
            record: record.clone(),
        };
        self.ask(next(record), request)
    }

    /// Continues after this collector wrote the record, which has this version.
    fn written(&mut self, record: Record, version: V) -> Step<V, CollectOutcome> {
        match record.state {
            RecordState::Condemned => self.confirm(Versioned { record, version }),
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
        fresh: &mut dyn FnMut() -> Nonce,
    ) -> Step<V, CollectOutcome> {
        use Answer as A;
        let state = std::mem::replace(&mut self.state, State::Start);
        match (state, answer) {
            (State::Start, None) => self.ask(State::Reading, Request::ReadRecord),
            (State::Reading, Some(A::Record(None))) => Step::End(CollectOutcome::Absent),
            (State::Reading, Some(A::Record(Some(read)))) => match read.record.state {
                RecordState::Live => {
                    let request = Request::FindMarker(read.record.generation);
                    self.ask(State::Checking(read), request)
                }
                RecordState::Condemned => self.confirm(read),
                RecordState::Dead => self.clear(read.record.generation),
            },
            (State::Checking(_), Some(A::Found(true))) => Step::End(CollectOutcome::Held),
            (State::Checking(read), Some(A::Found(false))) => {
                self.swap(read, RecordState::Condemned, State::Condemning, fresh)
            }
            (State::Confirming(read), Some(A::Found(true))) => {
                self.swap(read, RecordState::Live, |_| State::Reprieving, fresh)
            }
            (State::Confirming(read), Some(A::Found(false))) => {
                self.swap(read, RecordState::Dead, State::Burying, fresh)
            }
            (State::Reprieving, Some(A::Swapped(_) | A::Unclear)) => {
                Step::End(CollectOutcome::Held)
            }
            (State::Condemning(wanted) | State::Burying(wanted), Some(A::Swapped(version))) => {
                self.written(wanted, version)
            }
            (State::Condemning(wanted) | State::Burying(wanted), Some(A::Unclear)) => {
                self.ask(State::Resolving(wanted), Request::ReadRecord)
            }
            (State::Resolving(wanted), Some(A::Record(Some(read)))) if read.record == wanted => {
                self.written(wanted, read.version)
            }
            (State::Resolving(_), Some(A::Record(_))) => Step::End(CollectOutcome::Contended),
            (State::Clearing(generation, Clear::Blob), Some(A::Done)) => self.ask(
                State::Clearing(generation, Clear::Markers),
                Request::DeleteMarkers(generation),
            ),
            (State::Clearing(_, Clear::Markers), Some(A::Done)) => {
                Step::End(CollectOutcome::Collected)
            }
            _ => Step::End(CollectOutcome::Failed),
        }
    }
}
