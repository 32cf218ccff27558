//! Storing bytes under a reference.

use super::{Answer, Protocol, Record, RecordState, Request, Step, Token, Versioned};

/// Stores bytes of a known hash under one reference: shares the live generation where there is one,
/// makes a new one else.
///
/// Whatever comes of it, it never removes bytes: others may share them already. It does remove its
/// own marker and sidecar when it gives up.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct StoreProtocol<V> {
    size: u64,
    attempts_left: u32,
    at: At<V>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum At<V> {
    Start,
    Reading,
    /// Putting sidecar and marker under a generation that others may be about to bury.
    Joining(Token, Put),
    /// The marker is there: is the generation still to be used?
    Checking(Token),
    /// Turning a condemned generation back to live.
    Reviving(Token),
    /// The generation was lost: the marker must go before another attempt.
    Leaving,
    /// Putting sidecar, marker and bytes under a generation of our own.
    Making(Token, Put, Option<V>),
    /// Making it the one in use.
    Publishing(Token),
    Undoing(Undo, Reason),
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
    /// The reference holds: its marker is under this generation.
    Stored {
        /// The generation.
        generation: Token,
        /// Whether the bytes were written for it.
        new: bool,
    },
    /// A request failed; nothing stays that counts as a reference, unless the undoing failed too.
    Failed,
    /// Others changed the record each time; trying again later will do.
    Busy,
    /// The record of this hash tells of another size: somebody damaged it.
    OtherSize,
}

/// How often a store begins anew when others get in between.
const ATTEMPTS: u32 = 16;

impl<V: Clone> StoreProtocol<V> {
    /// Stores bytes of this size.
    pub fn new(size: u64) -> Self {
        Self::with_attempts(size, ATTEMPTS)
    }

    /// The same, beginning anew at most so often.
    pub fn with_attempts(size: u64, attempts: u32) -> Self {
        Self {
            size,
            attempts_left: attempts,
            at: At::Start,
        }
    }

    fn ask(&mut self, at: At<V>, request: Request<V>) -> Step<V, StoreOutcome> {
        self.at = at;
        Step::Ask(request)
    }

    fn begin(&mut self) -> Step<V, StoreOutcome> {
        self.ask(At::Reading, Request::ReadRecord)
    }

    /// What the record, read before anything was written, calls for.
    fn attach(
        &mut self,
        read: Option<Versioned<V>>,
        fresh: &mut dyn FnMut() -> Token,
    ) -> Step<V, StoreOutcome> {
        match read {
            Some(Versioned { record, .. }) if record.state != RecordState::Dead => {
                if record.size != self.size {
                    return Step::End(StoreOutcome::OtherSize);
                }
                let generation = record.generation;
                self.ask(
                    At::Joining(generation, Put::Sidecar),
                    Request::WriteSidecar(generation),
                )
            }
            dead_or_none => {
                let generation = fresh();
                let expected = dead_or_none.map(|read| read.version);
                self.ask(
                    At::Making(generation, Put::Sidecar, expected),
                    Request::WriteSidecar(generation),
                )
            }
        }
    }

    /// What the record calls for when the marker is under `generation` already.
    fn confirm(
        &mut self,
        generation: Token,
        read: Option<Versioned<V>>,
        fresh: &mut dyn FnMut() -> Token,
    ) -> Step<V, StoreOutcome> {
        match read {
            Some(Versioned { record, version }) if record.generation == generation => {
                match record.state {
                    RecordState::Live => self.stored(generation, false),
                    RecordState::Condemned => {
                        let record = record.turned(RecordState::Live, fresh());
                        let expected = Some(version);
                        self.ask(
                            At::Reviving(generation),
                            Request::SwapRecord { expected, record },
                        )
                    }
                    RecordState::Dead => self.leave(generation),
                }
            }
            _ => self.leave(generation),
        }
    }

    fn leave(&mut self, generation: Token) -> Step<V, StoreOutcome> {
        let Some(left) = self.attempts_left.checked_sub(1) else {
            return self.undo(generation, Reason::Busy);
        };
        self.attempts_left = left;
        self.ask(At::Leaving, Request::DeleteMarker(generation))
    }

    fn undo(&mut self, generation: Token, reason: Reason) -> Step<V, StoreOutcome> {
        self.ask(
            At::Undoing(Undo::Marker, reason),
            Request::DeleteMarker(generation),
        )
    }

    fn stored(&mut self, generation: Token, new: bool) -> Step<V, StoreOutcome> {
        Step::End(StoreOutcome::Stored { generation, new })
    }
}

impl<V: Clone> Protocol<V> for StoreProtocol<V> {
    type Outcome = StoreOutcome;

    fn step(
        &mut self,
        answer: Option<Answer<V>>,
        fresh: &mut dyn FnMut() -> Token,
    ) -> Step<V, StoreOutcome> {
        use Answer as A;
        let at = std::mem::replace(&mut self.at, At::Start);
        match (at, answer) {
            (At::Start, None) => self.begin(),
            (At::Reading, Some(A::Record(read))) => self.attach(read, fresh),
            (At::Reading | At::Start, _) => Step::End(StoreOutcome::Failed),

            (At::Joining(own, Put::Sidecar), Some(A::Done)) => {
                self.ask(At::Joining(own, Put::Marker), Request::WriteMarker(own))
            }
            (At::Joining(own, _), Some(A::Done)) => {
                self.ask(At::Checking(own), Request::ReadRecord)
            }
            (At::Checking(own), Some(A::Record(read))) => self.confirm(own, read, fresh),
            (At::Reviving(own), Some(A::Swapped(_))) => self.stored(own, false),
            // Nobody knows what the record says now, and that is what counts.
            (At::Reviving(own), Some(_)) => match self.attempts_left.checked_sub(1) {
                Some(left) => {
                    self.attempts_left = left;
                    self.ask(At::Checking(own), Request::ReadRecord)
                }
                None => self.undo(own, Reason::Busy),
            },
            (At::Leaving, Some(A::Done)) => self.begin(),
            // The sidecar names a generation without us: it goes with the attempt.
            (At::Leaving, _) => self.ask(
                At::Undoing(Undo::Sidecar, Reason::Failed),
                Request::DeleteSidecar,
            ),

            (At::Making(own, Put::Sidecar, expected), Some(A::Done)) => self.ask(
                At::Making(own, Put::Marker, expected),
                Request::WriteMarker(own),
            ),
            (At::Making(own, Put::Marker, expected), Some(A::Done)) => self.ask(
                At::Making(own, Put::Blob, expected),
                Request::WriteBlob(own),
            ),
            (At::Making(own, Put::Blob, expected), Some(A::Done)) => {
                let record = Record {
                    state: RecordState::Live,
                    generation: own,
                    size: self.size,
                    nonce: fresh(),
                };
                self.ask(
                    At::Publishing(own),
                    Request::SwapRecord { expected, record },
                )
            }
            (At::Publishing(own), Some(A::Swapped(_))) => self.stored(own, true),
            // It may have happened all the same. If it did not, it never will once the record has
            // changed; the next attempt then uses another generation, so it cannot matter.
            (At::Publishing(own), Some(_)) => self.ask(At::Checking(own), Request::ReadRecord),

            (At::Undoing(Undo::Marker, reason), _) => {
                self.ask(At::Undoing(Undo::Sidecar, reason), Request::DeleteSidecar)
            }
            (At::Undoing(Undo::Sidecar, reason), _) => Step::End(match reason {
                Reason::Failed => StoreOutcome::Failed,
                Reason::Busy => StoreOutcome::Busy,
            }),
            (
                At::Joining(own, _)
                | At::Checking(own)
                | At::Reviving(own)
                | At::Making(own, ..)
                | At::Publishing(own),
                _,
            ) => self.undo(own, Reason::Failed),
        }
    }
}
