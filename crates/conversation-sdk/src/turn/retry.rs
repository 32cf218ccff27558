//! Another attempt of the last turn.

use conversation_events::{ConversationError, ConversationErrorKind as Kind};
use conversation_state::{
    LoadOptions, LoadedConversation, Truncation, TruncationMode, TurnRecord, TurnStatus, Window,
};
use conversation_types::{Message, MessageStatus, Role, TurnId};

use super::job::RetryFrom;
use super::opening::Opening;
use super::permit::Permit;
use crate::core::Core;

/// Returns the last turn, with its messages.
///
/// # Errors
/// `NotFound`; `NotLast` where other turns came after it; `State`.
pub(super) async fn last_turn(
    core: &Core,
    loaded: &LoadedConversation,
    id: &TurnId,
) -> Result<(TurnRecord, Vec<Message>), ConversationError> {
    let not_found = || {
        ConversationError::new(Kind::NotFound)
            .with_detail("the conversation has no such turn")
            .with_turn(id.clone())
    };
    let turn = loaded.turn(id).cloned().ok_or_else(not_found)?;
    let last = core
        .state
        .load(
            &loaded.record.id,
            LoadOptions::new(Window::NewestMessages(1)),
        )
        .await?;
    let last_turn = last
        .as_ref()
        .and_then(|loaded| loaded.messages.last()?.message.turn.as_ref());
    if last_turn != Some(id) {
        return Err(ConversationError::new(Kind::NotLast).with_turn(id.clone()));
    }
    let options = LoadOptions::new(Window::Turn(id.clone()));
    let of_turn = core.state.load(&loaded.record.id, options).await?;
    let messages = of_turn.ok_or_else(not_found)?.messages;
    let messages = messages.into_iter().filter(|stored| stored.branch == 0);
    Ok((turn, messages.map(|stored| stored.message).collect()))
}

/// Prepares another attempt of a turn: what is kept of it, and what the attempt replaces.
///
/// # Errors
/// `Busy` where the turn waits for people.
pub(super) fn open_retry(
    (turn, messages): (TurnRecord, Vec<Message>),
    from: RetryFrom,
    replaced: TruncationMode,
    permit: Option<Permit>,
) -> Result<Opening, ConversationError> {
    if turn.status == TurnStatus::Suspended {
        return Err(ConversationError::new(Kind::Busy)
            .with_detail("the turn waits for results of tool calls")
            .with_hint("Give the results with `resume_turn`")
            .with_turn(turn.id));
    }
    let is_kept = |message: &Message| match (from, message.role) {
        (_, Role::User | Role::System) => true,
        (RetryFrom::Start, _) => false,
        (RetryFrom::LastRound, Role::Assistant) => {
            message.status == MessageStatus::Complete && !message.tool_calls.is_empty()
        }
        (RetryFrom::LastRound, _) => true,
    };
    let kept = messages
        .iter()
        .take_while(|message| is_kept(message))
        .count();
    let truncate = (kept < messages.len()).then(|| {
        let after = messages
            .get(kept.wrapping_sub(1))
            .map(|message| message.id.clone());
        Truncation::new(after, replaced)
    });
    let mut again = turn.clone();
    again.status = TurnStatus::Running;
    again.error = None;
    again.ended_at = None;
    again.cancel_requested = false;
    Ok(Opening {
        turn: again,
        previous: Some(turn),
        append: Vec::new(),
        ended: Vec::new(),
        saved: messages.into_iter().take(kept).collect(),
        truncate,
        cut: None,
        media: None,
        permit,
    })
}
