//! The steps of a turn.

use conversation_events::TurnOutcome;
use conversation_state::ConversationRecord;

use super::begin::{self, Begun};
use super::end;
use super::job::TurnJob;
use super::rounds::{self, RoundsEnd};
use super::turn::TurnScope;

/// Runs a turn: it is admitted, the user's media is stored, the message and the lease are written;
/// then the model answers and its tools run, round by round, each written when it is complete; at
/// last the answer is written with the turn's end. Whatever comes in between, what has arrived is
/// written.
pub(super) async fn run(scope: TurnScope, known: ConversationRecord, job: TurnJob) -> TurnOutcome {
    let mut turn = match begin::begin(scope, &known, job).await? {
        Begun::Turn(turn) => *turn,
        Begun::Outcome(outcome) => return outcome,
    };
    match rounds::run(&mut turn).await {
        Ok(RoundsEnd::Answered) => end::finish(turn).await,
        Ok(RoundsEnd::Suspended(pending)) => end::suspend(turn, pending).await,
        Err(error) => Err(end::interrupt(turn, error).await),
    }
}
