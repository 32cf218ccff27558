//! Storing bytes under a reference that is used once.

use crate::protocol::machine::{Answer, Protocol, Request, SidecarState, Step, Versioned};
use crate::protocol::publication::{Membership, Publication, Replaced};
use crate::protocol::record::{Nonce, Record, RecordState};
use crate::protocol::store::StoreOutcome;

/// Stores bytes of a known hash under one reference: shares the live generation if there is one, and
/// makes a new one otherwise.
///
/// A store that is not acknowledged buries its marker and its sidecar. After
/// [`StoreOutcome::Busy`], both are acknowledged to be buried, and another store under another
/// reference can succeed; after [`StoreOutcome::Failed`], they may not be. A store removes bytes only
/// if it wrote them and its publication was never sent, or can no longer succeed.
///
/// The marker is created after the sidecar, never beside it: if the store died in between, a marker
/// without a sidecar would be left, which a deletion of the scope cannot find.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct StoreProtocol<V> {
    size: u64,
    state: State<V>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum State<V> {
    Start,
    /// A process remembers a generation that was live: nothing is read before anything is written.
    Remembered(Nonce),
    Reading,
    /// Creating the sidecar, under a generation that a collector may be burying or under a new one.
    Describing(Membership, Option<Replaced<V>>),
    /// Creating the marker under an existing generation.
    Joining(Nonce),
    /// Creating the marker and writing the bytes of a new generation.
    Filling(Nonce, Option<Replaced<V>>),
    /// Finding out whether a deletion has buried the sidecar, and whether the generation may still be
    /// used.
    Checking(Membership),
    /// Finding out whether a deletion has buried the sidecar, and making the new generation live.
    Announcing(Membership, Publication<V>),
    /// Making the generation live.
    Publishing(Membership, Publication<V>),
    /// Finding out whether the publication was written.
    Resolving(Membership, Publication<V>),
    Undoing(Undo, StoreOutcome),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Undo {
    /// Burying the marker, and then removing the blob of this generation, if it can be removed.
    Marker(Option<Nonce>),
    Blob,
    Sidecar,
}

impl<V: Clone> StoreProtocol<V> {
    /// Creates a store of bytes of this size.
    pub fn new(size: u64) -> Self {
        Self {
            size,
            state: State::Start,
        }
    }

    /// Creates a store of bytes of this size that joins a generation which was live when the process
    /// last saw it. If it is not live any more, the store ends with [`StoreOutcome::Busy`].
    pub fn joining(size: u64, generation: Nonce) -> Self {
        Self {
            size,
            state: State::Remembered(generation),
        }
    }

    fn ask(&mut self, state: State<V>, request: Request<V>) -> Step<V, StoreOutcome> {
        self.state = state;
        Step::Ask(request)
    }

    fn ask_both(
        &mut self,
        state: State<V>,
        one: Request<V>,
        other: Request<V>,
    ) -> Step<V, StoreOutcome> {
        self.state = state;
        Step::AskBoth(one, other)
    }

    fn describe(
        &mut self,
        own: Membership,
        replaced: Option<Replaced<V>>,
    ) -> Step<V, StoreOutcome> {
        self.ask(
            State::Describing(own, replaced),
            Request::CreateSidecar(own.generation),
        )
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
                self.describe(Membership::joined(record.generation), None)
            }
            dead_or_none => {
                let own = Membership::made(fresh());
                self.describe(own, dead_or_none.map(Replaced::from))
            }
        }
    }

    /// Continues after the sidecar was created.
    fn described(
        &mut self,
        own: Membership,
        replaced: Option<Replaced<V>>,
    ) -> Step<V, StoreOutcome> {
        let marker = Request::CreateMarker(own.generation);
        if own.new {
            let blob = Request::WriteBlob(own.generation);
            self.ask_both(State::Filling(own.generation, replaced), marker, blob)
        } else {
            self.ask(State::Joining(own.generation), marker)
        }
    }

    /// Continues after marker and bytes of a new generation were written.
    fn filled(
        &mut self,
        generation: Nonce,
        replaced: Option<Replaced<V>>,
        fresh: &mut dyn FnMut() -> Nonce,
    ) -> Step<V, StoreOutcome> {
        let record = Record {
            state: RecordState::Live,
            generation,
            size: self.size,
            nonce: fresh(),
        };
        let publication = Publication::new(replaced, record);
        let request = publication.request();
        self.ask_both(
            State::Announcing(Membership::made(generation), publication),
            Request::ReadSidecar,
            request,
        )
    }

    /// Continues after the publication of a new generation was sent.
    fn announced(
        &mut self,
        own: Membership,
        publication: Publication<V>,
        sidecar: &Answer<V>,
        swapped: &Answer<V>,
    ) -> Step<V, StoreOutcome> {
        if let Some(outcome) = refusal(own, sidecar) {
            // The bytes may be shared by others already.
            return self.undo(own, None, outcome);
        }
        match swapped {
            Answer::Swapped(_) => stored(own),
            // The write may have been carried out all the same; the record decides.
            _ => self.ask(State::Resolving(own, publication), Request::ReadRecord),
        }
    }

    /// Continues by the record that was read after the marker was created.
    fn confirm(
        &mut self,
        own: Membership,
        read: Option<Versioned<V>>,
        fresh: &mut dyn FnMut() -> Nonce,
    ) -> Step<V, StoreOutcome> {
        match read {
            Some(read) if read.record.generation == own.generation => match read.record.state {
                RecordState::Live if read.record.size == self.size => stored(own),
                RecordState::Condemned => {
                    let record = read.record.with_state(RecordState::Live, fresh());
                    self.publish(own, Publication::new(Some(read.into()), record))
                }
                RecordState::Live | RecordState::Dead => self.lost(own),
            },
            _ => self.lost(own),
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
                None => self.undo(own, None, StoreOutcome::Failed),
            };
        }
        let condemned = read.as_ref().is_some_and(|read| {
            read.record.generation == own.generation && read.record.state == RecordState::Condemned
        });
        if condemned {
            return self.undo(own, None, StoreOutcome::Busy);
        }
        self.confirm(own, read, fresh)
    }

    /// Gives up a generation that the record does not name, or that is dead.
    fn lost(&mut self, own: Membership) -> Step<V, StoreOutcome> {
        let blob = own.new.then_some(own.generation);
        self.undo(own, blob, StoreOutcome::Busy)
    }

    fn undo(
        &mut self,
        own: Membership,
        blob: Option<Nonce>,
        outcome: StoreOutcome,
    ) -> Step<V, StoreOutcome> {
        self.ask(
            State::Undoing(Undo::Marker(blob), outcome),
            Request::BuryMarker(own.generation),
        )
    }

    /// Continues an undo. It is a failure if marker or sidecar are not acknowledged to be buried. The
    /// sidecar of a marker that may exist is left alone, since it leads to the marker.
    fn undone(&mut self, undo: Undo, outcome: StoreOutcome, done: bool) -> Step<V, StoreOutcome> {
        match undo {
            Undo::Marker(_) | Undo::Sidecar if !done => Step::End(StoreOutcome::Failed),
            Undo::Marker(Some(generation)) => self.ask(
                State::Undoing(Undo::Blob, outcome),
                Request::DeleteBlob(generation),
            ),
            Undo::Marker(None) | Undo::Blob => {
                self.ask(State::Undoing(Undo::Sidecar, outcome), Request::BurySidecar)
            }
            Undo::Sidecar => Step::End(outcome),
        }
    }
}

fn stored<V>(own: Membership) -> Step<V, StoreOutcome> {
    Step::End(StoreOutcome::Stored {
        generation: own.generation,
        new: own.new,
    })
}

/// Returns how the store ends if its sidecar, read again, is not the one that it created.
fn refusal<V>(own: Membership, sidecar: &Answer<V>) -> Option<StoreOutcome> {
    match sidecar {
        Answer::Sidecar(SidecarState::Live(generation)) if *generation == own.generation => None,
        Answer::Sidecar(_) => Some(StoreOutcome::Busy),
        _ => Some(StoreOutcome::Failed),
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
            (State::Start, None) => self.ask(State::Reading, Request::ReadRecord),
            (State::Remembered(generation), None) => {
                self.describe(Membership::joined(generation), None)
            }
            (State::Reading, Some(A::Record(read))) => self.attach(read, fresh),
            (State::Reading | State::Start | State::Remembered(_), _) => {
                Step::End(StoreOutcome::Failed)
            }

            (State::Describing(own, replaced), Some(A::Done)) => self.described(own, replaced),
            (State::Joining(generation), Some(A::Done)) => self.ask_both(
                State::Checking(Membership::joined(generation)),
                Request::ReadSidecar,
                Request::ReadRecord,
            ),
            // Whether an object was created is unknown, or a deletion has buried its name.
            (State::Describing(own, _), _) => self.undo(own, None, StoreOutcome::Busy),
            (State::Joining(generation), _) => {
                self.undo(Membership::joined(generation), None, StoreOutcome::Busy)
            }
            (State::Filling(generation, replaced), Some(A::Both(both))) => match *both {
                (A::Done, A::Done) => self.filled(generation, replaced, fresh),
                // The upload may fail again under another reference; that is for the caller to decide.
                (_, blob) => {
                    let own = Membership::made(generation);
                    let outcome = match blob {
                        A::Done => StoreOutcome::Busy,
                        _ => StoreOutcome::Failed,
                    };
                    self.undo(own, Some(generation), outcome)
                }
            },
            (State::Filling(generation, _), _) => self.undo(
                Membership::made(generation),
                Some(generation),
                StoreOutcome::Failed,
            ),

            (State::Checking(own), Some(A::Both(both))) => {
                let (sidecar, record) = *both;
                match (refusal(own, &sidecar), record) {
                    (Some(outcome), _) => self.undo(own, None, outcome),
                    (None, A::Record(read)) => self.confirm(own, read, fresh),
                    (None, _) => self.undo(own, None, StoreOutcome::Failed),
                }
            }
            (State::Announcing(own, publication), Some(A::Both(both))) => {
                self.announced(own, publication, &both.0, &both.1)
            }
            (State::Publishing(own, _), Some(A::Swapped(_))) => stored(own),
            (State::Publishing(own, publication), _) => {
                self.ask(State::Resolving(own, publication), Request::ReadRecord)
            }
            (State::Resolving(own, publication), Some(A::Record(read))) => {
                self.resolve_write(own, publication, read, fresh)
            }
            (State::Checking(own) | State::Announcing(own, _) | State::Resolving(own, _), _) => {
                self.undo(own, None, StoreOutcome::Failed)
            }
            (State::Undoing(undo, outcome), answer) => {
                self.undone(undo, outcome, matches!(answer, Some(A::Done)))
            }
        }
    }
}
