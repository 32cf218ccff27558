//! Turns that wait for people.

use conversation_events::{
    ConversationError, ConversationErrorKind as Kind, TurnOutcome, response_of,
};
use conversation_lifecycle::name_of;
use conversation_state::{
    ContextInclusion, Fence, LoadOptions, LoadedConversation, RecordUpdate, StateWrite,
    StoredMessage, TurnFence, TurnRecord, TurnStatus, Window,
};
use conversation_tools::ToolOutput;
use conversation_types::{Message, Part, Role};
use serde_json::Value;

use super::opening::{Opening, now};
use super::permit::Permit;
use super::turn::TurnScope;
use super::user_message::UserInput;

/// What a result leads to.
pub(super) enum Resumed {
    /// The turn goes on.
    Opening(Box<Opening>),
    /// The turn waits for other results.
    Outcome(TurnOutcome),
}

/// Takes the result of a call that a suspended turn waits for.
///
/// # Errors
/// `NotFound` where no turn waits under the token, `State`, `Storage`, `Conflict`.
pub(super) async fn open_resume(
    scope: &TurnScope,
    loaded: &LoadedConversation,
    token: &str,
    output: Result<ToolOutput, String>,
) -> Result<Resumed, ConversationError> {
    let not_found = || {
        ConversationError::new(Kind::NotFound)
            .with_detail("no call waits under this token")
            .with_hint("The result was given already, or the turn was closed by a new message")
    };
    let suspended = loaded.current_turn().ok_or_else(not_found)?;
    let mut turn = suspended.clone();
    let at = turn.pending.iter().position(|call| call.token == token);
    let call = turn.pending.remove(at.ok_or_else(not_found)?);
    scope.core.turns.goes_on_with(&scope.log, &turn.id);
    let spent = match &output {
        Ok(output) => (output.usage, output.cost),
        Err(_) => (None, None),
    };
    let message = tool_message(&call.call_id, output).with_turn(turn.id.clone());
    let options = LoadOptions::new(Window::Turn(turn.id.clone()));
    let of_turn = scope.core.state.load(&loaded.record.id, options).await?;
    let saved = of_turn.map(LoadedConversation::into_messages_of_turn);
    let saved = saved.unwrap_or_default();
    if turn.pending.is_empty() {
        let permit = Permit::ask(&scope.core, loaded, &turn.id, None).await?;
        let input = UserInput::prepare(scope, loaded, message).await?;
        turn.status = TurnStatus::Running;
        turn.ended_at = None;
        turn.before_retry = None;
        return Ok(Resumed::Opening(Box::new(Opening {
            append: vec![input.message],
            media: Some(input.media),
            previous: None,
            ended: Vec::new(),
            saved,
            truncate: None,
            cut: None,
            permit,
            spent,
            turn,
        })));
    }
    turn.spend(spent.0, spent.1);
    let outcome = write_result(scope, loaded, turn, saved, message).await;
    Ok(Resumed::Outcome(outcome))
}

/// Writes one result of several; the turn stays suspended.
async fn write_result(
    scope: &TurnScope,
    loaded: &LoadedConversation,
    turn: TurnRecord,
    mut saved: Vec<Message>,
    message: Message,
) -> TurnOutcome {
    let UserInput { message, mut media } = UserInput::prepare(scope, loaded, message).await?;
    let stores = scope.core.stores.primary().map(name_of);
    let fence = Fence::Head {
        head: loaded.record.head,
        turn: Some(TurnFence::new(turn.id.clone(), turn.epoch)),
    };
    let write = StateWrite::new(&loaded.record, fence)
        .with_append([message.clone()])
        .with_turn(turn.clone())
        .with_record(RecordUpdate::new().with_media_stores(stores));
    let applied = media.write(scope, write).await?;
    saved.push(message);
    Ok(Box::new(response_of(&applied.record, &turn, saved)))
}

/// Closes the calls of a suspended turn for a reason: the turn as it ends, and the results.
pub(super) fn decline(suspended: &TurnRecord, reason: &str) -> (TurnRecord, Vec<Message>) {
    let mut turn = suspended.clone();
    let declined = turn
        .pending
        .drain(..)
        .map(|call| {
            tool_message(&call.call_id, Err(reason.to_owned())).with_turn(suspended.id.clone())
        })
        .collect();
    turn.status = TurnStatus::Interrupted;
    turn.in_context = ContextInclusion::All;
    turn.error = Some(Kind::Cancelled.as_str().to_owned());
    turn.ended_at = Some(now());
    turn.before_retry = None;
    (turn, declined)
}

/// Declines calls that wait for people, as a new message does: the turn as it ends, and the results, which
/// go with the request, too. Calls that an edit has cut off have none.
pub(super) fn decline_suspended(
    loaded: &mut LoadedConversation,
    is_cut: bool,
) -> (Option<TurnRecord>, Vec<Message>) {
    let current = loaded.current_turn();
    let Some(suspended) = current.filter(|turn| turn.status == TurnStatus::Suspended) else {
        return (None, Vec::new());
    };
    let (ended, mut declined) = decline(suspended, "the user declined and went on");
    // Some providers use the ids of calls again in each turn.
    let turn = Some(suspended.id.clone());
    let is_call_of = |stored: &StoredMessage, result: &Message| {
        let mut calls = stored.message.tool_calls.iter();
        stored.message.turn == turn
            && calls.any(|call| result.tool_call_id.as_ref() == Some(&call.id))
    };
    let messages = &mut loaded.messages;
    declined.retain(|result| !is_cut || messages.iter().any(|stored| is_call_of(stored, result)));
    let places = (loaded.record.message_count..).zip(&declined);
    messages.extend(places.map(|(at, result)| StoredMessage::new(at, 0, result.clone())));
    (Some(ended), declined)
}

/// Returns the message with the result of a call.
pub(super) fn tool_message(call: &str, output: Result<ToolOutput, String>) -> Message {
    match output {
        Ok(output) => {
            let mut message = Message::tool(call, output.content);
            message.usage = output.usage;
            if let Some(cost) = output.cost {
                let cost = Value::from(cost.usd());
                message.metadata.insert("cost_usd".to_owned(), cost);
            }
            message
        }
        Err(error) => {
            let text = Part::text(format!("error: {error}"));
            let mut message = Message::new(Role::Tool, vec![text]);
            message.tool_call_id = Some(call.to_owned());
            message
                .metadata
                .insert("is_error".to_owned(), Value::Bool(true));
            message
        }
    }
}
