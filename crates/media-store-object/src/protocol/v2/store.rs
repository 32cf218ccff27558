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
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct StoreProtocol<V> {
    size: u64,
    state: State<V>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum State<V> {
    Start,
    Reading,
    /// Creating the objects of the reference, under a generation that a collector may be burying or
    /// under a new one.
    Creating(Membership, Object, Option<Replaced<V>>),
    /// Finding out whether a deletion has buried the sidecar.
    Rereading(Membership, Option<Replaced<V>>),
    /// Checking whether the generation may still be used.
    Checking(Membership),
    /// Making the generation live.
    Publishing(Membership, Publication<V>),
    /// Finding out whether the publication was written.
    Resolving(Membership, Publication<V>),
    Undoing(Undo, StoreOutcome),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Object {
    Sidecar,
    Marker,
    Blob,
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

    fn ask(&mut self, state: State<V>, request: Request<V>) -> Step<V, StoreOutcome> {
        self.state = state;
        Step::Ask(request)
    }

    /// Continues by the record that was read before anything was written.
    fn attach(
        &mut self,
        read: Option<Versioned<V>>,
        fresh: &mut dyn FnMut() -> Nonce,
    ) -> Step<V, StoreOutcome> {
        let (own, replaced) = match read {
            Some(Versioned { record, .. }) if record.state != RecordState::Dead => {
                if record.size != self.size {
                    return Step::End(StoreOutcome::OtherSize);
                }
                (Membership::joined(record.generation), None)
            }
            dead_or_none => (Membership::made(fresh()), dead_or_none.map(Replaced::from)),
        };
        self.ask(
            State::Creating(own, Object::Sidecar, replaced),
            Request::CreateSidecar(own.generation),
        )
    }

    /// Continues after an object was created.
    fn created(
        &mut self,
        own: Membership,
        object: Object,
        replaced: Option<Replaced<V>>,
    ) -> Step<V, StoreOutcome> {
        match object {
            Object::Sidecar => self.ask(
                State::Creating(own, Object::Marker, replaced),
                Request::CreateMarker(own.generation),
            ),
            Object::Marker if own.new => self.ask(
                State::Creating(own, Object::Blob, replaced),
                Request::WriteBlob(own.generation),
            ),
            // After the marker: a deletion that began earlier is seen, one that begins later finds
            // the marker.
            Object::Marker | Object::Blob => {
                self.ask(State::Rereading(own, replaced), Request::ReadSidecar)
            }
        }
    }

    /// Continues with a sidecar that is not buried.
    fn reread(
        &mut self,
        own: Membership,
        replaced: Option<Replaced<V>>,
        fresh: &mut dyn FnMut() -> Nonce,
    ) -> Step<V, StoreOutcome> {
        if !own.new {
            return self.ask(State::Checking(own), Request::ReadRecord);
        }
        let record = Record {
            state: RecordState::Live,
            generation: own.generation,
            size: self.size,
            nonce: fresh(),
        };
        self.publish(own, Publication::new(replaced, record))
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
                RecordState::Live => Step::End(StoreOutcome::Stored {
                    generation: own.generation,
                    new: own.new,
                }),
                RecordState::Condemned => {
                    let record = read.record.with_state(RecordState::Live, fresh());
                    self.publish(own, Publication::new(Some(read.into()), record))
                }
                RecordState::Dead => self.lost(own),
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
            (State::Reading, Some(A::Record(read))) => self.attach(read, fresh),
            (State::Reading | State::Start, _) => Step::End(StoreOutcome::Failed),

            (State::Creating(own, object, replaced), Some(A::Done)) => {
                self.created(own, object, replaced)
            }
            // The upload may fail again under another reference; that is for the caller to decide.
            (State::Creating(own, Object::Blob, _), _) => {
                self.undo(own, Some(own.generation), StoreOutcome::Failed)
            }
            // Whether an object was created is unknown, or a deletion has buried its name.
            (State::Creating(own, ..), _) => self.undo(own, None, StoreOutcome::Busy),

            (State::Rereading(own, replaced), Some(A::Sidecar(SidecarState::Live(generation))))
                if generation == own.generation =>
            {
                self.reread(own, replaced, fresh)
            }
            (State::Rereading(own, _), answer) => {
                let outcome = match answer {
                    Some(A::Sidecar(_)) => StoreOutcome::Busy,
                    _ => StoreOutcome::Failed,
                };
                let blob = own.new.then_some(own.generation);
                self.undo(own, blob, outcome)
            }
            (State::Checking(own), Some(A::Record(read))) => self.confirm(own, read, fresh),
            (State::Publishing(own, _), Some(A::Swapped(_))) => Step::End(StoreOutcome::Stored {
                generation: own.generation,
                new: own.new,
            }),
            // The write may have been carried out all the same; the record decides.
            (State::Publishing(own, publication), _) => {
                self.ask(State::Resolving(own, publication), Request::ReadRecord)
            }
            (State::Resolving(own, publication), Some(A::Record(read))) => {
                self.resolve_write(own, publication, read, fresh)
            }
            (State::Checking(own) | State::Resolving(own, _), _) => {
                self.undo(own, None, StoreOutcome::Failed)
            }
            (State::Undoing(undo, outcome), answer) => {
                self.undone(undo, outcome, matches!(answer, Some(A::Done)))
            }
        }
    }
}
