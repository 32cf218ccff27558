//! Responses and outcomes of turns as the state has them.

use conversation_state::{ConversationRecord, TurnRecord, TurnStatus};
use conversation_types::{Message, Part, Role};

use crate::error::{ConversationError, ConversationErrorKind as Kind};
use crate::response::{Response, ResponseParts};
use crate::turn_record::TurnOutcome;

/// Returns the response of a turn as the state has it.
pub fn response_of(
    record: &ConversationRecord,
    turn: &TurnRecord,
    messages: Vec<Message>,
) -> Response {
    let mut response = ResponseParts::new(record.id.clone(), turn.id.clone(), turn.status);
    let last = messages
        .iter()
        .rfind(|message| message.role == Role::Assistant);
    let noted = |name: &str| {
        let value = last?.metadata.get(name)?;
        value.as_str().map(str::to_owned)
    };
    response.provider = noted("provider");
    response.model = noted("model");
    response.usage = turn.usage;
    response.cost = turn.cost;
    response.finish = turn.finish.clone().unwrap_or_default();
    response.omitted_media = messages
        .iter()
        .flat_map(|message| &message.content)
        .filter_map(|part| match part {
            Part::Omitted(omitted) => Some(omitted.clone()),
            _ => None,
        })
        .collect();
    response.pending = match turn.status {
        TurnStatus::Suspended => turn.pending.iter().map(|call| call.token.clone()).collect(),
        _ => Vec::new(),
    };
    response.messages = messages;
    response.into()
}

/// Returns the outcome of a turn that has ended, as the state has it.
///
/// # Errors
/// The error that ended the turn, with what was kept of it; `Other` for one that this version does not know.
pub fn outcome_of(response: Response, turn: &TurnRecord) -> TurnOutcome {
    match turn.status {
        TurnStatus::Complete | TurnStatus::Suspended => Ok(Box::new(response)),
        _ => {
            let word = turn.error.as_deref().unwrap_or_default();
            let kind = Kind::ALL.iter().copied().find(|kind| kind.as_str() == word);
            Err(ConversationError::new(kind.unwrap_or(Kind::Other))
                .with_turn(turn.id.clone())
                .with_kept(response))
        }
    }
}
