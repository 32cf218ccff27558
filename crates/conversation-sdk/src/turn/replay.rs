//! Messages that come again under the same idempotency key.

use conversation_events::{
    ConversationError, ConversationErrorKind as Kind, TurnEvent, TurnOutcome, outcome_of,
    response_of,
};
use conversation_externalizer::Fingerprint;
use conversation_state::{LoadOptions, LoadedConversation, TurnRecord, TurnStatus, Window};

use super::attach;
use super::turn::TurnScope;

/// Refuses a message that is not the one of the turn that its key belongs to.
pub(super) fn recognize(
    turn: &TurnRecord,
    print: Option<&Fingerprint>,
) -> Result<(), ConversationError> {
    let prints = turn.fingerprint.as_deref().zip(print);
    let kind = match prints.map_or(Some(false), |(kept, print)| print.matches(kept)) {
        Some(true) => return Ok(()),
        Some(false) => Kind::KeyReused,
        None => Kind::Media,
    };
    Err(ConversationError::new(kind).with_turn(turn.id.clone()))
}

/// Answers with the turn that the key belongs to: its response, its error, or what it brings while it runs.
pub(super) async fn replay(
    scope: &TurnScope,
    loaded: &LoadedConversation,
    turn: &TurnRecord,
) -> TurnOutcome {
    scope.log.repeat(turn.id.clone());
    if turn.status == TurnStatus::Running {
        let mut events = attach::events(&scope.core, &loaded.record, turn.id.clone(), 0);
        loop {
            match events.next().await {
                Some(Ok(TurnEvent::Done(response))) => return Ok(response),
                Some(Ok(TurnEvent::TextDelta(text))) => scope.log.text(&text),
                Some(Ok(event)) => scope.log.event(event),
                Some(Err(error)) => return Err(error),
                None => return Err(ConversationError::new(Kind::Cancelled)),
            }
        }
    }
    stored_outcome(scope, loaded, turn).await
}

async fn stored_outcome(
    scope: &TurnScope,
    loaded: &LoadedConversation,
    turn: &TurnRecord,
) -> TurnOutcome {
    let options = LoadOptions::new(Window::Turn(turn.id.clone()));
    let of_turn = scope.core.state.load(&loaded.record.id, options).await?;
    let messages = of_turn.map(LoadedConversation::into_messages_of_turn);
    let messages = messages.unwrap_or_default();
    outcome_of(response_of(&loaded.record, turn, messages), turn)
}
