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
/// Sidecar, marker and bytes are written at the same time. The marker is sealed after the sidecar was
/// acknowledged, never before: if the store dies earlier, nothing is readable that a deletion of the
/// scope cannot find.
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
    /// Creating sidecar and marker under a generation that a collector may be burying, or, with the
    /// bytes, under a new one.
    Preparing(Membership, Option<Replaced<V>>),
    /// Sealing the marker, and finding out whether a deletion has buried the sidecar, and whether the
    /// generation may still be used.
    Checking(Membership),
    /// Sealing the marker, finding out whether a deletion has buried the sidecar, and making the new
    /// generation live.
    Announcing(Membership, Publication<V>),
    /// Making the generation live.
    Publishing(Membership, Publication<V>),
    /// Finding out whether the publication of a store that is not acknowledged was refused for good, so
    /// that the bytes can be removed.
    Withdrawing(Membership, Publication<V>, StoreOutcome),
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

    fn ask_all(&mut self, state: State<V>, requests: Vec<Request<V>>) -> Step<V, StoreOutcome> {
        self.state = state;
        Step::AskAll(requests)
    }

    fn prepare(&mut self, own: Membership, replaced: Option<Replaced<V>>) -> Step<V, StoreOutcome> {
        let generation = own.generation;
        let mut requests = vec![
            Request::CreateSidecar(generation),
            Request::CreateMarker(generation),
        ];
        if own.new {
            requests.push(Request::WriteBlob(generation));
        }
        self.ask_all(State::Preparing(own, replaced), requests)
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
                self.prepare(Membership::joined(record.generation), None)
            }
            dead_or_none => {
                let own = Membership::made(fresh());
                self.prepare(own, dead_or_none.map(Replaced::from))
            }
        }
    }

    /// Continues after sidecar and marker, and the bytes of a new generation, were written.
    fn prepared(
        &mut self,
        own: Membership,
        replaced: Option<Replaced<V>>,
        answers: &[Answer<V>],
        fresh: &mut dyn FnMut() -> Nonce,
    ) -> Step<V, StoreOutcome> {
        let generation = own.generation;
        let blob = own.new.then_some(generation);
        match answers {
            [Answer::Done, Answer::Done] if !own.new => self.ask_all(
                State::Checking(own),
                vec![
                    Request::ReadSidecar,
                    Request::SealMarker(generation),
                    Request::ReadRecord,
                ],
            ),
            [Answer::Done, Answer::Done, Answer::Done] => {
                let record = Record {
                    state: RecordState::Live,
                    generation,
                    size: self.size,
                    nonce: fresh(),
                };
                let publication = Publication::new(replaced, record);
                let requests = vec![
                    Request::ReadSidecar,
                    Request::SealMarker(generation),
                    publication.request(),
                ];
                self.ask_all(State::Announcing(own, publication), requests)
            }
            // Whether an object was created is unknown, or a deletion has buried its name.
            [_, _] | [_, _, Answer::Done] => self.undo(own, blob, StoreOutcome::Busy),
            // The upload may fail again under another reference; that is for the caller to decide.
            _ => self.undo(own, blob, StoreOutcome::Failed),
        }
    }

    /// Continues after the publication of a new generation was sent.
    fn announced(
        &mut self,
        own: Membership,
        publication: Publication<V>,
        [sidecar, seal, swapped]: &[Answer<V>; 3],
    ) -> Step<V, StoreOutcome> {
        match (refusal(own, sidecar, seal), swapped) {
            (None, Answer::Swapped(_)) => stored(own),
            // The bytes may be shared by others already.
            (Some(outcome), Answer::Swapped(_)) => self.undo(own, None, outcome),
            // The write may have been carried out all the same; the record decides.
            (None, _) => self.ask(State::Resolving(own, publication), Request::ReadRecord),
            (Some(outcome), _) => self.ask(
                State::Withdrawing(own, publication, outcome),
                Request::ReadRecord,
            ),
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

    /// Gives up a generation whose publication was sent. Its bytes are removed only if the record
    /// shows that the publication was not carried out and never will be.
    fn withdraw(
        &mut self,
        own: Membership,
        publication: &Publication<V>,
        answer: Option<Answer<V>>,
        outcome: StoreOutcome,
    ) -> Step<V, StoreOutcome> {
        let blob = match answer {
            Some(Answer::Record(read)) if !publication.may_arrive(read.as_ref()) => {
                let named = read.map(|read| read.record.generation);
                (named != Some(own.generation)).then_some(own.generation)
            }
            _ => None,
        };
        self.undo(own, blob, outcome)
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

/// Returns how the store ends if its sidecar, read again, is not the one that it created, or if its
/// marker is not acknowledged to be sealed.
fn refusal<V>(own: Membership, sidecar: &Answer<V>, seal: &Answer<V>) -> Option<StoreOutcome> {
    match (sidecar, seal) {
        (Answer::Sidecar(SidecarState::Live(generation)), Answer::Done)
            if *generation == own.generation =>
        {
            None
        }
        (Answer::Sidecar(_), _) => Some(StoreOutcome::Busy),
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
                self.prepare(Membership::joined(generation), None)
            }
            (State::Reading, Some(A::Record(read))) => self.attach(read, fresh),
            (State::Reading | State::Start | State::Remembered(_), _) => {
                Step::End(StoreOutcome::Failed)
            }

            (State::Preparing(own, replaced), Some(A::All(answers))) => {
                self.prepared(own, replaced, &answers, fresh)
            }
            (State::Preparing(own, replaced), _) => self.prepared(own, replaced, &[], fresh),

            (State::Checking(own), Some(A::All(answers))) => {
                let Ok([sidecar, seal, record]) = <[A<V>; 3]>::try_from(answers) else {
                    return self.undo(own, None, StoreOutcome::Failed);
                };
                match (refusal(own, &sidecar, &seal), record) {
                    (Some(outcome), _) => self.undo(own, None, outcome),
                    (None, A::Record(read)) => self.confirm(own, read, fresh),
                    (None, _) => self.undo(own, None, StoreOutcome::Failed),
                }
            }
            (State::Announcing(own, publication), Some(A::All(answers))) => {
                match <[A<V>; 3]>::try_from(answers) {
                    Ok(answers) => self.announced(own, publication, &answers),
                    Err(_) => self.undo(own, None, StoreOutcome::Failed),
                }
            }
            (State::Withdrawing(own, publication, outcome), answer) => {
                self.withdraw(own, &publication, answer, outcome)
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
