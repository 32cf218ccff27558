//! Storing bytes under a reference.

use super::machine::{Answer, Protocol, Request, Step, Versioned};
use super::publication::{Membership, Publication, Replaced};
use super::record::{Nonce, Record, RecordState};

/// Stores bytes of a known hash under one reference: shares the live generation if there is one, and
/// makes a new one otherwise.
///
/// A store that fails removes its own marker and sidecar. It removes bytes in one case only: if it
/// wrote them, and the record has changed to another generation since. Its publication can then no
/// longer succeed, so that no other reference shares the bytes or ever will. In every other case,
/// others may share them already.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct StoreProtocol<V> {
    size: u64,
    attempts_left: u32,
    state: State<V>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum State<V> {
    Start,
    Reading,
    /// Writing sidecar and marker under a generation that a collector may be burying.
    Joining(Nonce, Put),
    /// The marker is written: checking whether the generation may still be used.
    Checking(Membership),
    /// Making the generation that holds the marker live.
    Publishing(Membership, Publication<V>),
    /// Finding out whether the publication was written.
    Resolving(Membership, Publication<V>),
    /// The generation was lost: removing the marker, and the bytes that this store wrote, before
    /// another attempt.
    Leaving(Membership, Leave),
    /// Writing sidecar, marker and bytes under a new generation.
    Making(Nonce, Put, Option<Replaced<V>>),
    Undoing(Undo, Reason),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Leave {
    Marker,
    Blob,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Put {
    Sidecar,
    Marker,
    Blob,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Undo {
    /// Removing the marker, and then the blob of this generation, if it can be removed.
    Marker(Option<Nonce>),
    Blob,
    Sidecar,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Reason {
    Failed,
    Busy,
}

/// How a store ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StoreOutcome {
    /// The reference exists; its marker is under this generation.
    Stored {
        /// The generation.
        generation: Nonce,
        /// Whether the bytes were written by this store.
        new: bool,
    },
    /// A request failed. No reference is left, unless undoing the store failed too.
    Failed,
    /// The record was changed concurrently in every attempt. A later store under another reference
    /// can succeed.
    Busy,
    /// The record is damaged: it names another size.
    OtherSize,
}

/// Default number of further attempts after a concurrent change.
const ATTEMPTS: u32 = 16;

impl<V: Clone> StoreProtocol<V> {
    /// Creates a store of bytes of this size.
    pub fn new(size: u64) -> Self {
        Self::with_attempts(size, ATTEMPTS)
    }

    /// Creates a store of bytes of this size that makes at most `attempts` further attempts after a
    /// concurrent change.
    ///
    /// Another attempt writes the sidecar again, for another generation. If the client repeats writes
    /// by itself, a copy of the first sidecar can arrive last, and a later deletion would look for
    /// the marker under the wrong generation. With 0 attempts, and another reference after
    /// [`StoreOutcome::Busy`], no sidecar is ever written twice.
    pub fn with_attempts(size: u64, attempts: u32) -> Self {
        Self {
            size,
            attempts_left: attempts,
            state: State::Start,
        }
    }

    fn ask(&mut self, state: State<V>, request: Request<V>) -> Step<V, StoreOutcome> {
        self.state = state;
        Step::Ask(request)
    }

    fn begin(&mut self) -> Step<V, StoreOutcome> {
        self.ask(State::Reading, Request::ReadRecord)
    }

    /// Continues by the record that was read before anything was written.
    fn attach(
        &mut self,
        read: Option<Versioned<V>>,
        fresh: &mut dyn FnMut() -> Nonce,
    ) -> Step<V, StoreOutcome> {
        match read {
            Some(Versioned { record, .. }) if record.state != RecordState::Dead => {
                if record.size != self.size {
                    return Step::End(StoreOutcome::OtherSize);
                }
                let generation = record.generation;
                self.ask(
                    State::Joining(generation, Put::Sidecar),
                    Request::WriteSidecar(generation),
                )
            }
            dead_or_none => {
                let generation = fresh();
                self.ask(
                    State::Making(generation, Put::Sidecar, dead_or_none.map(Replaced::from)),
                    Request::WriteSidecar(generation),
                )
            }
        }
    }

    /// Continues by the record that was read after the marker was written.
    fn confirm(
        &mut self,
        own: Membership,
        read: Option<Versioned<V>>,
        fresh: &mut dyn FnMut() -> Nonce,
    ) -> Step<V, StoreOutcome> {
        match read {
            Some(read) if read.record.generation == own.generation => match read.record.state {
                RecordState::Live => stored(own),
                RecordState::Condemned => {
                    let record = read.record.with_state(RecordState::Live, fresh());
                    self.publish(own, Publication::new(Some(read.into()), record))
                }
                RecordState::Dead => self.leave(own),
            },
            _ => self.leave(own),
        }
    }

    fn publish(&mut self, own: Membership, publication: Publication<V>) -> Step<V, StoreOutcome> {
        let request = publication.request();
        self.ask(State::Publishing(own, publication), request)
    }

    /// Continues by the record that was read after a publication of unknown outcome.
    fn resolve_write(
        &mut self,
        own: Membership,
        publication: Publication<V>,
        read: Option<Versioned<V>>,
        fresh: &mut dyn FnMut() -> Nonce,
    ) -> Step<V, StoreOutcome> {
        if publication.may_arrive(read.as_ref()) {
            return match publication.repeated() {
                Some(publication) => self.publish(own, publication),
                None => self.undo(own, Reason::Failed),
            };
        }
        let condemned = read.as_ref().is_some_and(|read| {
            read.record.generation == own.generation && read.record.state == RecordState::Condemned
        });
        if condemned {
            match self.attempts_left.checked_sub(1) {
                Some(left) => self.attempts_left = left,
                None => return self.undo(own, Reason::Busy),
            }
        }
        self.confirm(own, read, fresh)
    }

    /// Leaves a generation that the record does not name, or that is dead.
    fn leave(&mut self, own: Membership) -> Step<V, StoreOutcome> {
        let request = Request::DeleteMarker(own.generation);
        match self.attempts_left.checked_sub(1) {
            Some(left) => {
                self.attempts_left = left;
                self.ask(State::Leaving(own, Leave::Marker), request)
            }
            None => {
                let blob = own.new.then_some(own.generation);
                self.ask(State::Undoing(Undo::Marker(blob), Reason::Busy), request)
            }
        }
    }

    fn undo(&mut self, own: Membership, reason: Reason) -> Step<V, StoreOutcome> {
        self.ask(
            State::Undoing(Undo::Marker(None), reason),
            Request::DeleteMarker(own.generation),
        )
    }
}

fn stored<V>(own: Membership) -> Step<V, StoreOutcome> {
    Step::End(StoreOutcome::Stored {
        generation: own.generation,
        new: own.new,
    })
}

impl<V: Clone> Protocol<V> for StoreProtocol<V> {
    type Outcome = StoreOutcome;

    fn step(
        &mut self,
        answer: Option<Answer<V>>,
        fresh: &mut dyn FnMut() -> Nonce,
    ) -> Step<V, StoreOutcome> {
        use Answer as A;
        let state = std::mem::replace(&mut self.state, State::Start);
        match (state, answer) {
            (State::Start, None) => self.begin(),
            (State::Reading, Some(A::Record(read))) => self.attach(read, fresh),
            (State::Reading | State::Start, _) => Step::End(StoreOutcome::Failed),

            (State::Joining(own, Put::Sidecar), Some(A::Done)) => {
                self.ask(State::Joining(own, Put::Marker), Request::WriteMarker(own))
            }
            (State::Joining(own, _), Some(A::Done)) => self.ask(
                State::Checking(Membership::joined(own)),
                Request::ReadRecord,
            ),
            (State::Joining(own, _), _) => self.undo(Membership::joined(own), Reason::Failed),
            (State::Checking(own), Some(A::Record(read))) => self.confirm(own, read, fresh),

            (State::Leaving(own, Leave::Marker), Some(A::Done)) if own.new => self.ask(
                State::Leaving(own, Leave::Blob),
                Request::DeleteBlob(own.generation),
            ),
            (State::Leaving(_, Leave::Marker), Some(A::Done)) => self.begin(),
            // A sweep removes bytes that could not be removed here.
            (State::Leaving(_, Leave::Blob), _) => self.begin(),
            // The sidecar names a generation that was left; it is removed with the attempt.
            (State::Leaving(_, Leave::Marker), _) => self.ask(
                State::Undoing(Undo::Sidecar, Reason::Failed),
                Request::DeleteSidecar,
            ),

            (State::Making(own, Put::Sidecar, over), Some(A::Done)) => self.ask(
                State::Making(own, Put::Marker, over),
                Request::WriteMarker(own),
            ),
            (State::Making(own, Put::Marker, over), Some(A::Done)) => {
                self.ask(State::Making(own, Put::Blob, over), Request::WriteBlob(own))
            }
            (State::Making(own, Put::Blob, over), Some(A::Done)) => {
                let record = Record {
                    state: RecordState::Live,
                    generation: own,
                    size: self.size,
                    nonce: fresh(),
                };
                self.publish(Membership::made(own), Publication::new(over, record))
            }
            (State::Making(own, ..), _) => self.undo(Membership::made(own), Reason::Failed),

            (State::Publishing(own, _), Some(A::Swapped(_))) => stored(own),
            // The write may have been carried out all the same; the record decides.
            (State::Publishing(own, publication), _) => {
                self.ask(State::Resolving(own, publication), Request::ReadRecord)
            }
            (State::Resolving(own, publication), Some(A::Record(read))) => {
                self.resolve_write(own, publication, read, fresh)
            }
            (State::Checking(own) | State::Resolving(own, _), _) => self.undo(own, Reason::Failed),

            (State::Undoing(Undo::Marker(Some(generation)), reason), Some(A::Done)) => self.ask(
                State::Undoing(Undo::Blob, reason),
                Request::DeleteBlob(generation),
            ),
            (State::Undoing(Undo::Marker(_) | Undo::Blob, reason), _) => self.ask(
                State::Undoing(Undo::Sidecar, reason),
                Request::DeleteSidecar,
            ),
            (State::Undoing(Undo::Sidecar, reason), _) => Step::End(match reason {
                Reason::Failed => StoreOutcome::Failed,
                Reason::Busy => StoreOutcome::Busy,
            }),
        }
    }
}
