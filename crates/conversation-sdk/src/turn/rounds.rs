//! The rounds of a turn: the model answers, its tools run, and again, until it answers without
//! calling tools.

use conversation_events::{ConversationError, ConversationErrorKind as Kind};
use conversation_externalizer::BatchKind;
use conversation_state::PendingCall;
use conversation_types::{Message, MessageStatus, Role, ToolCall, ToolChoice};

use super::model;
use super::save::{Save, save};
use super::tool_round::{self, CallBudget};
use super::turn::Turn;

/// How the rounds of a turn end.
pub(super) enum RoundsEnd {
    /// The model has answered; its last message is not written yet.
    Answered,
    /// Calls wait for results that people have to give.
    Suspended(Vec<PendingCall>),
}

/// Runs rounds until the model answers. Everything but the last message is in the state then.
///
/// # Errors
/// Whatever ended the turn; what had arrived is in its progress.
pub(super) async fn run(turn: &mut Turn) -> Result<RoundsEnd, ConversationError> {
    let policy = turn.scope.prompt.policy().clone();
    let max_rounds = turn
        .scope
        .options
        .max_rounds
        .unwrap_or(policy.max_rounds.get());
    let saved = turn.progress.saved.iter();
    let results = saved.filter(|message| message.role == Role::Tool).count() as u64;
    let mut calls = CallBudget::new(policy.max_tool_calls_per_turn.get(), results);
    let mut round = answered_rounds(&turn.progress.saved);
    // An attempt that goes on behind a round may have calls without a result.
    let open = unanswered(&turn.progress.saved);
    if !open.is_empty()
        && let Some(end) = run_tools(turn, &open, &mut calls).await?
    {
        return Ok(end);
    }
    loop {
        let is_last = round >= max_rounds || calls.is_used_up();
        let choice = tool_choice(turn, round, is_last);
        model::ask(turn, round, choice).await?;
        turn.budget.refund();
        let called = match turn.progress.unsaved.last() {
            Some(message) => message.tool_calls.clone(),
            None => Vec::new(),
        };
        if called.is_empty() {
            return Ok(RoundsEnd::Answered);
        }
        save_round(turn).await?;
        if is_last {
            let detail = format!(
                "{max_rounds} rounds and {} calls are allowed",
                policy.max_tool_calls_per_turn
            );
            return Err(ConversationError::new(Kind::ToolLimit).with_detail(detail));
        }
        if let Some(end) = run_tools(turn, &called, &mut calls).await? {
            return Ok(end);
        }
        round += 1;
    }
}

async fn run_tools(
    turn: &mut Turn,
    calls: &[ToolCall],
    budget: &mut CallBudget,
) -> Result<Option<RoundsEnd>, ConversationError> {
    let pending = tool_round::run(turn, calls, budget).await?;
    if !pending.is_empty() {
        return Ok(Some(RoundsEnd::Suspended(pending)));
    }
    save_round(turn).await?;
    Ok(None)
}

/// Writes the messages that are complete.
async fn save_round(turn: &mut Turn) -> Result<(), ConversationError> {
    let mut record = turn.turn.clone();
    record.usage = turn.total_usage();
    record.cost = turn.total_cost();
    let messages = turn.progress.unsaved.clone();
    save(
        turn,
        Save {
            messages,
            turn: record,
            release: false,
            kind: BatchKind::Answer,
        },
    )
    .await
}

fn tool_choice(turn: &Turn, round: u64, is_last: bool) -> ToolChoice {
    let options = &turn.scope.options;
    let choice = options.tool_choice.as_ref();
    match choice.unwrap_or(turn.scope.prompt.tool_choice()) {
        ToolChoice::None => ToolChoice::None,
        _ if is_last => ToolChoice::None,
        // A model that has to call a tool each time would never come to an answer.
        forced if round == 0 => forced.clone(),
        _ => ToolChoice::Auto,
    }
}

fn answered_rounds(saved: &[Message]) -> u64 {
    saved
        .iter()
        .filter(|message| message.role == Role::Assistant && !message.tool_calls.is_empty())
        .count() as u64
}

/// Returns the calls of the last complete answer that have no result.
fn unanswered(saved: &[Message]) -> Vec<ToolCall> {
    let is_answer = |message: &Message| {
        message.role == Role::Assistant && message.status == MessageStatus::Complete
    };
    let Some(at) = saved.iter().rposition(is_answer) else {
        return Vec::new();
    };
    let (Some(answer), Some(after)) = (saved.get(at), saved.get(at + 1..)) else {
        return Vec::new();
    };
    let has_result = |call: &&ToolCall| {
        let result = |message: &Message| message.tool_call_id.as_ref() == Some(&call.id);
        !after.iter().any(result)
    };
    answer
        .tool_calls
        .iter()
        .filter(has_result)
        .cloned()
        .collect()
}
