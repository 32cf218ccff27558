//! Each way through each machine. What the ways do to each other is explored by
//! `examples/prove_protocol`.

mod collect;
mod delete;
mod fence;
mod import;
mod store;
mod v2;

use super::{Answer, Nonce, Protocol, Record, RecordState, Request, Step, Versioned};

/// Versions of records are numbers here.
pub(super) type Ask = Request<u32>;

/// A machine with what it is asked to say next.
pub(super) struct Play<P> {
    machine: P,
    tokens: u128,
    asked: Option<Asked>,
}

/// One request, or several at once.
#[derive(Debug, PartialEq)]
enum Asked {
    One(Ask),
    All(Vec<Ask>),
}

impl<P: Protocol<u32>> Play<P>
where
    P::Outcome: std::fmt::Debug + PartialEq,
{
    /// Its first request is asked. Fresh tokens are 100, 101, ...
    pub(super) fn new(machine: P) -> Self {
        let mut play = Self {
            machine,
            tokens: 100,
            asked: None,
        };
        play.asked = Some(play.next(None).unwrap());
        play
    }

    fn next(&mut self, answer: Option<Answer<u32>>) -> Result<Asked, P::Outcome> {
        let tokens = &mut self.tokens;
        let step = self.machine.step(answer, &mut || {
            *tokens += 1;
            Nonce::new(*tokens - 1)
        });
        match step {
            Step::Ask(request) => Ok(Asked::One(request)),
            Step::AskAll(requests) => Ok(Asked::All(requests)),
            Step::End(outcome) => Err(outcome),
        }
    }

    /// It asked this, and is answered.
    #[track_caller]
    pub(super) fn on(mut self, request: Ask, answer: Answer<u32>) -> Self {
        assert_eq!(self.asked.take(), Some(Asked::One(request)));
        self.asked = Some(self.next(Some(answer)).unwrap());
        self
    }

    /// It asked all of these at once, and is answered.
    #[track_caller]
    pub(super) fn on_all<const N: usize>(
        mut self,
        requests: [Ask; N],
        answers: [Answer<u32>; N],
    ) -> Self {
        assert_eq!(self.asked.take(), Some(Asked::All(requests.to_vec())));
        self.asked = Some(self.next(Some(Answer::All(answers.to_vec()))).unwrap());
        self
    }

    /// It asked all of these at once, is answered, and is through.
    #[track_caller]
    pub(super) fn ends_all<const N: usize>(
        mut self,
        requests: [Ask; N],
        answers: [Answer<u32>; N],
        outcome: P::Outcome,
    ) {
        assert_eq!(self.asked.take(), Some(Asked::All(requests.to_vec())));
        let answer = Answer::All(answers.to_vec());
        assert_eq!(self.next(Some(answer)), Err(outcome));
    }

    /// It asked this, is answered, and is through.
    #[track_caller]
    pub(super) fn ends(mut self, request: Ask, answer: Answer<u32>, outcome: P::Outcome) {
        assert_eq!(self.asked.take(), Some(Asked::One(request)));
        assert_eq!(self.next(Some(answer)), Err(outcome));
    }
}

pub(super) const fn token(value: u128) -> Nonce {
    Nonce::new(value)
}

pub(super) fn record(state: RecordState, generation: u128, nonce: u128) -> Record {
    Record {
        state,
        generation: token(generation),
        size: 7,
        nonce: token(nonce),
    }
}

pub(super) fn read(record: Record, version: u32) -> Answer<u32> {
    Answer::Record(Some(Versioned { record, version }))
}

pub(super) fn swap(expected: Option<u32>, record: Record) -> Ask {
    Request::SwapRecord { expected, record }
}
