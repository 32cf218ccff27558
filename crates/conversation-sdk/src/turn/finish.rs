//! The end of a turn whose model has answered.

use std::sync::Arc;

use conversation_events::{
    ConversationError, ConversationErrorKind as Kind, Response, TurnOutcome,
};
use conversation_externalizer::BatchKind;
use conversation_state::{ContextInclusion, TurnRecord, TurnStatus};
use conversation_types::MessageStatus;

use super::background;
use super::end::{ended, interrupt, report, response_now, settle, with_kept};
use super::save::{Save, save};
use super::turn::Turn;

/// The outcome of a turn for those who wait for it, and what is left to do behind it.
pub(super) struct TurnEnd {
    pub(super) outcome: TurnOutcome,
    pub(super) storing: Option<Storing>,
}

impl From<TurnOutcome> for TurnEnd {
    fn from(outcome: TurnOutcome) -> Self {
        Self {
            outcome,
            storing: None,
        }
    }
}

/// A turn whose answer was returned and whose media is not stored yet. It holds its lease.
pub(super) struct Storing {
    turn: Box<Turn>,
    record: TurnRecord,
}

impl Storing {
    /// Stores the media and writes the end of the turn.
    ///
    /// # Errors
    /// The reason for which the state has less than what was returned.
    pub(super) async fn run(self) -> Result<(), ConversationError> {
        complete(*self.turn, self.record, None).await.map(drop)
    }
}

/// Writes the answer and the end of the turn, or leaves that for after the answer was returned.
pub(super) async fn finish(mut turn: Turn) -> TurnEnd {
    let rejection = check_answer(&mut turn);
    let mut record = ended(&turn, TurnStatus::Complete, ContextInclusion::All);
    record.finish = Some(turn.progress.finish.clone());
    if let Some(error) = &rejection {
        record.status = TurnStatus::Interrupted;
        record.in_context = ContextInclusion::UserOnly;
        record.error = Some(error.kind().as_str().to_owned());
    }
    if rejection.is_some() || !background::is_due(&turn) {
        return complete(turn, record, rejection).await.into();
    }
    if let Err(error) = background::write_text(&mut turn).await {
        return Err(interrupt(turn, error).await).into();
    }
    let mut response = turn.progress.response(&turn.record, &record);
    response.is_storing = true;
    response.received = Some(Arc::clone(&turn.received));
    TurnEnd {
        outcome: Ok(Box::new(Response::from(response))),
        storing: Some(Storing {
            turn: Box::new(turn),
            record,
        }),
    }
}

/// Writes the answer and the end of the turn.
async fn complete(
    mut turn: Turn,
    record: TurnRecord,
    rejection: Option<ConversationError>,
) -> TurnOutcome {
    let messages = turn.progress.unsaved.clone();
    let saved = save(
        &mut turn,
        Save {
            messages,
            turn: record,
            release: true,
            kind: BatchKind::Answer,
        },
    )
    .await;
    if let Err(error) = saved {
        return Err(interrupt(turn, error).await);
    }
    let lost = || ConversationError::new(Kind::Storage);
    let failure = rejection.or_else(|| turn.progress.storage_failed.then(lost));
    let outcome = match failure {
        None => Ok(response_now(&turn)),
        Some(error) => Err(with_kept(&turn, error)),
    };
    report(&turn, outcome.as_ref().err());
    settle(turn).await;
    outcome
}

/// Runs the validators over the answer; one that it violates marks it as rejected.
fn check_answer(turn: &mut Turn) -> Option<ConversationError> {
    let answer = turn.progress.unsaved.last_mut()?;
    let violations = turn.scope.prompt.check_answer(&answer.text());
    let failure = violations.iter().find(|one| one.is_failure).cloned();
    turn.progress.violations = violations;
    let failure = failure?;
    answer.status = MessageStatus::Rejected;
    Some(ConversationError::new(Kind::AnswerRejected).with_detail(failure.message))
}
