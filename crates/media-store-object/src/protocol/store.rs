//! Storing bytes under a reference.

use super::machine::{Answer, Protocol, Request, Step, Versioned};
use super::record::{Nonce, Record, RecordState};

/// Stores bytes of a known hash under one reference: shares the live generation if there is one, and
/// makes a new one otherwise.
///
/// A store never removes bytes, whatever its outcome, since others may share them already. It does
/// remove its own marker and sidecar when it fails.
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
    /// The generation was lost: removing the marker before another attempt.
    Leaving,
    /// Writing sidecar, marker and bytes under a new generation.
    Making(Nonce, Put, Option<Replaced<V>>),
    Undoing(Undo, Reason),
}

/// A generation that holds the marker of the reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Membership {
    generation: Nonce,
    /// Whether this store wrote the bytes.
    new: bool,
}

/// The record that a publication replaces.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Replaced<V> {
    nonce: Nonce,
    version: V,
}

/// A write of the record that makes a generation live.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Publication<V> {
    replaced: Option<Replaced<V>>,
    record: Record,
    repeats_left: u8,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Put {
    Sidecar,
    Marker,
    Blob,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Undo {
    Marker,
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

/// Number of times that a write of the record is repeated if it was not carried out although the
/// record did not change: services refuse some of the writes that arrive at the same time.
const REPEATS: u8 = 2;

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
        let replaced = publication.replaced.as_ref();
        let request = Request::SwapRecord {
            expected: replaced.map(|replaced| replaced.version.clone()),
            record: publication.record.clone(),
        };
        self.ask(State::Publishing(own, publication), request)
    }

    /// Continues by the record that was read after a publication of unknown outcome.
    fn resolve_write(
        &mut self,
        own: Membership,
        mut publication: Publication<V>,
        read: Option<Versioned<V>>,
        fresh: &mut dyn FnMut() -> Nonce,
    ) -> Step<V, StoreOutcome> {
        let nonce = read.as_ref().map(|read| read.record.nonce);
        let replaced = publication.replaced.as_ref();
        if nonce == replaced.map(|replaced| replaced.nonce) {
            // The write may still arrive at any time. Repeating the very same write is harmless, as
            // one of the two is refused. Another attempt is not: it could join this generation while
            // the removal of this attempt's marker is still under way.
            return match publication.repeats_left.checked_sub(1) {
                Some(left) => {
                    publication.repeats_left = left;
                    self.publish(own, publication)
                }
                None => self.undo(own, Reason::Failed),
            };
        }
        // The record has changed: the write was carried out, or never will be.
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

    fn leave(&mut self, own: Membership) -> Step<V, StoreOutcome> {
        let Some(left) = self.attempts_left.checked_sub(1) else {
            return self.undo(own, Reason::Busy);
        };
        self.attempts_left = left;
        self.ask(State::Leaving, Request::DeleteMarker(own.generation))
    }

    fn undo(&mut self, own: Membership, reason: Reason) -> Step<V, StoreOutcome> {
        self.ask(
            State::Undoing(Undo::Marker, reason),
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

impl<V> From<Versioned<V>> for Replaced<V> {
    fn from(read: Versioned<V>) -> Self {
        Self {
            nonce: read.record.nonce,
            version: read.version,
        }
    }
}

impl<V> Publication<V> {
    fn new(replaced: Option<Replaced<V>>, record: Record) -> Self {
        Self {
            replaced,
            record,
            repeats_left: REPEATS,
        }
    }
}

impl Membership {
    fn joined(generation: Nonce) -> Self {
        Self {
            generation,
            new: false,
        }
    }

    fn made(generation: Nonce) -> Self {
        Self {
            generation,
            new: true,
        }
    }
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

            (State::Leaving, Some(A::Done)) => self.begin(),
            // The sidecar names a generation that was left; it is removed with the attempt.
            (State::Leaving, _) => self.ask(
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

            (State::Undoing(Undo::Marker, reason), _) => self.ask(
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
