//! Storing bytes under a reference that exists elsewhere.

use crate::protocol::machine::{Answer, Protocol, Request, SidecarState, Step, Versioned};
use crate::protocol::publication::{Membership, Publication, Replaced};
use crate::protocol::record::{Nonce, Record, RecordState};
use crate::protocol::store::StoreOutcome;

/// Stores bytes of a known hash under a reference that is not used once: an import that failed is
/// repeated under the same id.
///
/// Each attempt is a *revision* of the reference, with a marker of its own, and a sidecar that names the
/// revision. An attempt never buries what it wrote, since a repeated import may have replaced it. What
/// it leaves is unreadable: it is retired by the import that repeats it, or by a sweep. Its sidecar
/// replaces nothing but the tombstone of a retired one.
///
/// The marker is sealed last, after the sidecar was acknowledged and the generation was seen live. Sealed,
/// it is therefore the sign of an import that is complete, and never retired.
///
/// The sidecar is read again only after that. A late copy of the removal of an older tombstone may take it
/// away at any moment: of an import that was acknowledged it can be missing only later, when whoever looks
/// for a sealed marker finds one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ImportProtocol<V> {
    size: u64,
    state: State<V>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum State<V> {
    Start,
    Reading,
    /// Creating sidecar and marker, with the bytes of a new generation.
    Preparing(Membership, Option<Replaced<V>>),
    /// Finding out whether a generation that was joined may still be used.
    Confirming(Membership),
    /// Making the generation live.
    Publishing(Membership, Publication<V>),
    /// Finding out whether the publication was written.
    Resolving(Membership, Publication<V>),
    /// Sealing the marker.
    Sealing(Membership),
    /// Finding out whether the sidecar is still there.
    Checking(Membership),
    /// Removing bytes that can no longer be published.
    Removing(StoreOutcome),
}

impl<V: Clone> ImportProtocol<V> {
    /// Creates an import of bytes of this size.
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
        let mut requests = vec![
            Request::CreateSidecar(own.generation),
            Request::CreateMarker(own.generation),
        ];
        if own.new {
            requests.push(Request::WriteBlob(own.generation));
        }
        self.state = State::Preparing(own, replaced);
        Step::AskAll(requests)
    }

    /// Continues after sidecar and marker, and the bytes of a new generation, were written.
    fn prepared(
        &mut self,
        own: Membership,
        replaced: Option<Replaced<V>>,
        answers: &[Answer<V>],
        fresh: &mut dyn FnMut() -> Nonce,
    ) -> Step<V, StoreOutcome> {
        match answers {
            [Answer::Done, Answer::Done] if !own.new => {
                self.ask(State::Confirming(own), Request::ReadRecord)
            }
            [Answer::Done, Answer::Done, Answer::Done] => {
                let record = Record {
                    state: RecordState::Live,
                    generation: own.generation,
                    size: self.size,
                    nonce: fresh(),
                };
                self.publish(own, Publication::new(replaced, record))
            }
            answers if answers.iter().any(|answer| matches!(answer, Answer::Taken)) => {
                self.give_up(own, StoreOutcome::Busy)
            }
            _ => self.give_up(own, StoreOutcome::Failed),
        }
    }

    /// Ends an import whose generation was never published, or can no longer be.
    fn give_up(&mut self, own: Membership, outcome: StoreOutcome) -> Step<V, StoreOutcome> {
        match own.new {
            true => self.ask(
                State::Removing(outcome),
                Request::DeleteBlob(own.generation),
            ),
            false => Step::End(outcome),
        }
    }

    fn publish(&mut self, own: Membership, publication: Publication<V>) -> Step<V, StoreOutcome> {
        let request = publication.request();
        self.ask(State::Publishing(own, publication), request)
    }

    fn seal(&mut self, own: Membership) -> Step<V, StoreOutcome> {
        self.ask(State::Sealing(own), Request::SealMarker(own.generation))
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
                RecordState::Live if read.record.size == self.size => self.seal(own),
                RecordState::Condemned => {
                    let record = read.record.with_state(RecordState::Live, fresh());
                    self.publish(own, Publication::new(Some(read.into()), record))
                }
                RecordState::Live | RecordState::Dead => self.give_up(own, StoreOutcome::Busy),
            },
            _ => self.give_up(own, StoreOutcome::Busy),
        }
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
                None => Step::End(StoreOutcome::Failed),
            };
        }
        self.confirm(own, read, fresh)
    }
}

impl<V: Clone> Protocol<V> for ImportProtocol<V> {
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
            (State::Preparing(own, replaced), Some(A::All(answers))) => {
                self.prepared(own, replaced, &answers, fresh)
            }
            (State::Confirming(own), Some(A::Record(read))) => self.confirm(own, read, fresh),
            (State::Publishing(own, _), Some(A::Swapped(_))) => self.seal(own),
            (State::Publishing(own, publication), _) => {
                self.ask(State::Resolving(own, publication), Request::ReadRecord)
            }
            (State::Resolving(own, publication), Some(A::Record(read))) => {
                self.resolve_write(own, publication, read, fresh)
            }
            (State::Sealing(own), Some(A::Done)) => {
                self.ask(State::Checking(own), Request::ReadSidecar)
            }
            (State::Sealing(_), Some(A::Taken)) => Step::End(StoreOutcome::Busy),
            (State::Checking(own), Some(A::Sidecar(read))) => Step::End(match read {
                SidecarState::Live(there) if there == own.generation => StoreOutcome::Stored {
                    generation: own.generation,
                    new: own.new,
                },
                _ => StoreOutcome::Busy,
            }),
            (State::Removing(outcome), _) => Step::End(outcome),
            _ => Step::End(StoreOutcome::Failed),
        }
    }
}
