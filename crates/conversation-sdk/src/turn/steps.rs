//! The steps of a turn.

use std::panic::AssertUnwindSafe;

use conversation_state::ConversationRecord;
use futures_util::FutureExt;

use super::begin::{self, Begun};
use super::end;
use super::finish::{self, TurnEnd};
use super::job::TurnJob;
use super::rounds::{self, RoundsEnd};
use super::turn::TurnScope;
use crate::middleware::panicked;

/// Runs a turn: it is admitted, the user's media is stored, the message and the lease are written;
/// then the model answers and its tools run, round by round, each written when it is complete; at
/// last the answer is written with the turn's end: after it was returned, where its media is stored
/// in the background. Whatever comes in between, what has arrived is written.
///
/// Steps before and after the rounds are boxed: while a model answers, a turn holds no room for them.
pub(super) async fn run(scope: TurnScope, known: ConversationRecord, job: TurnJob) -> TurnEnd {
    let mut turn = match Box::pin(begin::begin(scope, &known, job)).await {
        Ok(Begun::Turn(turn)) => *turn,
        Ok(Begun::Outcome(outcome)) => return outcome.into(),
        Err(error) => return Err(error).into(),
    };
    // Whatever panics, the turn is ended.
    let rounds = AssertUnwindSafe(rounds::run(&mut turn)).catch_unwind();
    let ended = rounds.await;
    match ended.unwrap_or_else(|_| Err(panicked("while a turn was running"))) {
        Ok(RoundsEnd::Answered) => Box::pin(finish::finish(turn)).await,
        Ok(RoundsEnd::Suspended(pending)) => Box::pin(end::suspend(turn, pending)).await.into(),
        Err(error) => Err(Box::pin(end::interrupt(turn, error)).await).into(),
    }
}
