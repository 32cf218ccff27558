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
    Checking(Own),
    /// Making the generation, under which the marker is, the live one.
    Turning(Own, Turn<V>),
    /// Whether that happened is unclear.
    Settling(Own, Turn<V>),
    /// The generation was lost: the marker must go before another attempt.
    Leaving,
    /// Putting sidecar, marker and bytes under a generation of our own.
    Making(Token, Put, Option<Seen<V>>),
    Undoing(Undo, Reason),
}

/// A generation that has our marker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Own {
    generation: Token,
    /// Whether we put its bytes.
    new: bool,
}

/// What was there before.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Seen<V> {
    nonce: Token,
    version: V,
}

/// A write of the record that makes a generation live.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Turn<V> {
    over: Option<Seen<V>>,
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
    /// The reference holds: its marker is under this generation.
    Stored {
        /// The generation.
        generation: Token,
        /// Whether the bytes were written for it.
        new: bool,
    },
    /// A request failed; nothing stays that counts as a reference, unless the undoing failed too.
    Failed,
    /// Others changed the record each time; trying again later, under another reference, will do.
    Busy,
    /// The record of this hash tells of another size: somebody damaged it.
    OtherSize,
}

/// How often a store begins anew when others get in between.
const ATTEMPTS: u32 = 16;

/// How often a write of the record is repeated that did not happen though nobody got in between:
/// services refuse some when two are under way at once.
const REPEATS: u8 = 2;

impl<V: Clone> StoreProtocol<V> {
    /// Stores bytes of this size.
    pub fn new(size: u64) -> Self {
        Self::with_attempts(size, ATTEMPTS)
    }

    /// The same, beginning anew at most so often.
    ///
    /// Another attempt writes the sidecar again, for another generation. Where a client repeats
    /// writes by itself, a copy of the first could arrive last, and a later deletion would look for
    /// the marker in the wrong place. Who gives 0 here and answers [`StoreOutcome::Busy`] with a
    /// store under another reference never writes a sidecar twice.
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
                self.ask(
                    At::Making(generation, Put::Sidecar, dead_or_none.map(Seen::from)),
                    Request::WriteSidecar(generation),
                )
            }
        }
    }

    /// What the record calls for when the marker is there already.
    fn confirm(
        &mut self,
        own: Own,
        read: Option<Versioned<V>>,
        fresh: &mut dyn FnMut() -> Token,
    ) -> Step<V, StoreOutcome> {
        match read {
            Some(read) if read.record.generation == own.generation => match read.record.state {
                RecordState::Live => stored(own),
                RecordState::Condemned => {
                    let record = read.record.turned(RecordState::Live, fresh());
                    self.turn(own, Turn::new(Some(read.into()), record))
                }
                RecordState::Dead => self.leave(own),
            },
            _ => self.leave(own),
        }
    }

    fn turn(&mut self, own: Own, turn: Turn<V>) -> Step<V, StoreOutcome> {
        let request = Request::SwapRecord {
            expected: turn.over.as_ref().map(|seen| seen.version.clone()),
            record: turn.record.clone(),
        };
        self.ask(At::Turning(own, turn), request)
    }

    /// What the record calls for when it was read after a write of which nobody knows whether it
    /// happened.
    fn settle(
        &mut self,
        own: Own,
        mut turn: Turn<V>,
        read: Option<Versioned<V>>,
        fresh: &mut dyn FnMut() -> Token,
    ) -> Step<V, StoreOutcome> {
        let nonce = read.as_ref().map(|read| read.record.nonce);
        if nonce == turn.over.as_ref().map(|seen| seen.nonce) {
            // It may still happen, any time from now. The very same write does no harm then, as one
            // of the two is refused. Another attempt would: it could join this generation while a
            // removal of the marker, meant for this attempt, is still on its way.
            return match turn.repeats_left.checked_sub(1) {
                Some(left) => {
                    turn.repeats_left = left;
                    self.turn(own, turn)
                }
                None => self.undo(own, Reason::Failed),
            };
        }
        // The record has changed: it happened, or never will.
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

    fn leave(&mut self, own: Own) -> Step<V, StoreOutcome> {
        let Some(left) = self.attempts_left.checked_sub(1) else {
            return self.undo(own, Reason::Busy);
        };
        self.attempts_left = left;
        self.ask(At::Leaving, Request::DeleteMarker(own.generation))
    }

    fn undo(&mut self, own: Own, reason: Reason) -> Step<V, StoreOutcome> {
        self.ask(
            At::Undoing(Undo::Marker, reason),
            Request::DeleteMarker(own.generation),
        )
    }
}

fn stored<V>(own: Own) -> Step<V, StoreOutcome> {
    Step::End(StoreOutcome::Stored {
        generation: own.generation,
        new: own.new,
    })
}

impl<V> From<Versioned<V>> for Seen<V> {
    fn from(read: Versioned<V>) -> Self {
        Self {
            nonce: read.record.nonce,
            version: read.version,
        }
    }
}

impl<V> Turn<V> {
    fn new(over: Option<Seen<V>>, record: Record) -> Self {
        Self {
            over,
            record,
            repeats_left: REPEATS,
        }
    }
}

impl Own {
    fn joined(generation: Token) -> Self {
        Self {
            generation,
            new: false,
        }
    }

    fn made(generation: Token) -> Self {
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
                self.ask(At::Checking(Own::joined(own)), Request::ReadRecord)
            }
            (At::Joining(own, _), _) => self.undo(Own::joined(own), Reason::Failed),
            (At::Checking(own), Some(A::Record(read))) => self.confirm(own, read, fresh),

            (At::Leaving, Some(A::Done)) => self.begin(),
            // The sidecar names a generation without us: it goes with the attempt.
            (At::Leaving, _) => self.ask(
                At::Undoing(Undo::Sidecar, Reason::Failed),
                Request::DeleteSidecar,
            ),

            (At::Making(own, Put::Sidecar, over), Some(A::Done)) => self.ask(
                At::Making(own, Put::Marker, over),
                Request::WriteMarker(own),
            ),
            (At::Making(own, Put::Marker, over), Some(A::Done)) => {
                self.ask(At::Making(own, Put::Blob, over), Request::WriteBlob(own))
            }
            (At::Making(own, Put::Blob, over), Some(A::Done)) => {
                let record = Record {
                    state: RecordState::Live,
                    generation: own,
                    size: self.size,
                    nonce: fresh(),
                };
                self.turn(Own::made(own), Turn::new(over, record))
            }
            (At::Making(own, ..), _) => self.undo(Own::made(own), Reason::Failed),

            (At::Turning(own, _), Some(A::Swapped(_))) => stored(own),
            // It may have happened all the same; what the record says is what counts.
            (At::Turning(own, turn), _) => self.ask(At::Settling(own, turn), Request::ReadRecord),
            (At::Settling(own, turn), Some(A::Record(read))) => self.settle(own, turn, read, fresh),
            (At::Checking(own) | At::Settling(own, _), _) => self.undo(own, Reason::Failed),

            (At::Undoing(Undo::Marker, reason), _) => {
                self.ask(At::Undoing(Undo::Sidecar, reason), Request::DeleteSidecar)
            }
            (At::Undoing(Undo::Sidecar, reason), _) => Step::End(match reason {
                Reason::Failed => StoreOutcome::Failed,
                Reason::Busy => StoreOutcome::Busy,
            }),
        }
    }
}
