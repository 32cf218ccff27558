//! Another attempt of the last turn.

use conversation_events::{ConversationError, ConversationErrorKind as Kind};
use conversation_state::{
    LoadOptions, LoadedConversation, Truncation, TruncationMode, TurnRecord, TurnStatus, Window,
};
use conversation_types::{Message, MessageId, MessageStatus, Role, TurnId};

use super::context;
use super::job::RetryFrom;
use super::opening::Opening;
use super::permit::Permit;
use crate::core::Core;

/// The last turn of a conversation.
pub(super) struct LastTurn {
    turn: TurnRecord,
    messages: Vec<Message>,
    /// The message before its first one.
    before: Option<MessageId>,
    /// The newest branch of the conversation.
    branch: u32,
}

/// Reads the last turn, with its messages.
///
/// # Errors
/// `NotFound`; `NotLast` where other turns came after it; `State`.
pub(super) async fn last_turn(
    core: &Core,
    loaded: &LoadedConversation,
    id: &TurnId,
) -> Result<LastTurn, ConversationError> {
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
    let mut messages = messages.into_iter().filter(|stored| stored.branch == 0);
    let first = messages.next().ok_or_else(not_found)?;
    let before = context::message_before(core, &loaded.record.id, first.position).await?;
    let messages = std::iter::once(first).chain(messages);
    Ok(LastTurn {
        turn,
        messages: messages.map(|stored| stored.message).collect(),
        before,
        branch: loaded.record.branch,
    })
}

/// Prepares another attempt of a turn: what is kept of it, and what the attempt replaces.
///
/// # Errors
/// `Busy` where the turn waits for people.
pub(super) fn open_retry(
    last: LastTurn,
    from: RetryFrom,
    replaced: TruncationMode,
    permit: Option<Permit>,
) -> Result<Opening, ConversationError> {
    let LastTurn {
        turn,
        messages,
        before,
        branch,
    } = last;
    if turn.status == TurnStatus::Suspended {
        return Err(ConversationError::new(Kind::Busy)
            .with_detail("the turn waits for results of tool calls")
            .with_hint("Give the results with `resume_turn`")
            .with_turn(turn.id));
    }
    // The user's message is kept also where it cannot be read.
    let is_kept = |message: &Message| match (from, message.role) {
        (RetryFrom::Start, Role::Assistant | Role::Tool) => false,
        (RetryFrom::LastRound, Role::Assistant) => {
            message.status == MessageStatus::Complete && !message.tool_calls.is_empty()
        }
        _ => true,
    };
    let kept = messages
        .iter()
        .take_while(|message| is_kept(message))
        .count();
    let truncate = (kept < messages.len()).then(|| {
        let last_kept = messages.iter().take(kept).next_back();
        Truncation::new(last_kept.map(|kept| kept.id.clone()).or(before), replaced)
    });
    // A branch of its own for what the attempt replaces has the next number.
    let cut = truncate.is_some() && replaced == TruncationMode::KeepAsBranch;
    Ok(Opening {
        turn: turn.clone().with_another_attempt(branch + u32::from(cut)),
        previous: Some(turn),
        append: Vec::new(),
        ended: Vec::new(),
        saved: messages.into_iter().take(kept).collect(),
        truncate,
        cut: None,
        media: None,
        permit,
        spent: (None, None),
    })
}
