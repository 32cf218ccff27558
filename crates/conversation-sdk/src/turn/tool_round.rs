//! The tools that one message of the model calls.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use conversation_events::{ConversationError, EventKind, TurnEvent};
use conversation_state::PendingCall;
use conversation_tools::{Cancellation, ToolContext, ToolOutput, read_arguments};
use conversation_types::{Part, ToolCall};
use futures_util::FutureExt;
use futures_util::stream::{self, StreamExt};
use serde_json::Value;
use tracing::Instrument;

use super::model::{may_begin, not_renewed};
use super::resume::tool_message;
use super::spans;
use super::turn::Turn;
use crate::prompt::EnabledTool;

/// How many tool calls a turn has left.
pub(super) struct CallBudget {
    max: u64,
    left: u64,
}

impl CallBudget {
    /// `used` calls have results from before the turn was suspended or tried again.
    pub(super) fn new(max: u64, used: u64) -> Self {
        let left = max.saturating_sub(used);
        Self { max, left }
    }

    pub(super) fn is_used_up(&self) -> bool {
        self.left == 0
    }

    fn take(&mut self) -> Result<(), String> {
        self.left = self.left.checked_sub(1).ok_or_else(|| {
            format!(
                "not called: {} tool calls are allowed in one turn; answer with what you have",
                self.max
            )
        })?;
        Ok(())
    }
}

/// Runs the calls of one message, several at once. Results are messages of the turn's progress, in
/// the order of the calls; those that were there when the turn was ended early are kept.
///
/// # Errors
/// The reason for which the turn was ended early.
pub(super) async fn run(
    turn: &mut Turn,
    calls: &[ToolCall],
    budget: &mut CallBudget,
) -> Result<Vec<PendingCall>, ConversationError> {
    may_begin(turn)?;
    let runner = Runner::new(turn);
    let is_refused = AtomicBool::new(false);
    let mut running = Vec::with_capacity(calls.len());
    for (index, call) in calls.iter().enumerate() {
        let (runner, lease, allowed) = (&runner, &turn.lease, budget.take());
        let is_refused = &is_refused;
        running.push(async move {
            // It may have waited for its turn behind others.
            if is_refused.load(Ordering::Relaxed) || !lease.is_fresh() {
                is_refused.store(true, Ordering::Relaxed);
                return Err(not_renewed());
            }
            let result = match allowed {
                Ok(()) => runner.run(call).await,
                Err(refusal) => Err(refusal),
            };
            Ok((index, result))
        });
    }
    let concurrency = turn.core().config.concurrent_tools().max(1);
    let mut results = stream::iter(running).buffer_unordered(concurrency);
    let mut done: Vec<(usize, Result<ToolOutput, String>)> = Vec::with_capacity(calls.len());
    let stop = turn.scope.stop.clone();
    let mut refused = None;
    let ended = loop {
        tokio::select! {
            result = results.next() => match result {
                Some(Ok(result)) => done.push(result),
                // Nothing more begins; what runs has its result.
                Some(Err(error)) => refused = Some(error),
                None => break refused,
            },
            reason = stop.stopped() => break Some(reason.error()),
        }
    };
    drop(results);
    runner.cancellation.cancel();
    done.sort_by_key(|(index, _)| *index);
    let mut pending = Vec::new();
    for (index, result) in done {
        let Some(call) = calls.get(index) else {
            continue;
        };
        match result {
            Ok(ToolOutput {
                pending: Some(token),
                ..
            }) => pending.push(PendingCall::new(token, &call.id)),
            result => add_result(turn, call, result),
        }
    }
    match ended {
        Some(error) => Err(error),
        None => Ok(pending),
    }
}

fn add_result(turn: &mut Turn, call: &ToolCall, result: Result<ToolOutput, String>) {
    if let Ok(output) = &result {
        turn.progress.spend(output.usage, output.cost);
        for media in output.content.iter().filter_map(Part::as_media) {
            turn.scope.log.event(TurnEvent::Media(media.clone()));
        }
    }
    let mut message = tool_message(&call.id, result).with_turn(turn.id().clone());
    let name = Value::from(call.name.clone());
    message.metadata.insert("tool".to_owned(), name);
    turn.progress.unsaved.push(message);
}

/// What running tools needs of a turn.
struct Runner {
    scope: super::turn::TurnScope,
    subject: conversation_events::EventSubject,
    context: ToolContext,
    cancellation: Cancellation,
}

impl Runner {
    fn new(turn: &Turn) -> Self {
        let cancellation = Cancellation::new();
        let record = &turn.record;
        let loader = turn.core().scoped_loader(record);
        let context = ToolContext::new(loader, turn.received.sink())
            .with_turn(record.id.clone(), turn.id().clone())
            .with_owner(record.user.clone(), record.session.clone())
            .with_cancellation(cancellation.clone());
        Self {
            scope: turn.scope.clone(),
            subject: turn.subject(),
            context,
            cancellation,
        }
    }

    async fn run(&self, call: &ToolCall) -> Result<ToolOutput, String> {
        let tool = self.find(&call.name)?;
        let schema = &tool.definition.parameters;
        let arguments =
            read_arguments(&call.arguments, schema).map_err(|error| error.to_string())?;
        let started = Instant::now();
        self.scope
            .log
            .event(TurnEvent::tool_started(&call.id, &call.name));
        let listeners = &self.scope.core.listeners;
        listeners.emit(&self.subject, EventKind::tool_started(&call.name));
        let calling = self.call(tool, arguments, call);
        let result = calling.instrument(spans::of_tool(call)).await;
        let is_error = result.is_err();
        self.scope
            .log
            .event(TurnEvent::tool_finished(&call.id, &call.name, is_error));
        let finished = EventKind::tool_finished(&call.name, is_error, started.elapsed());
        listeners.emit(&self.subject, finished);
        result
    }

    fn find(&self, name: &str) -> Result<&EnabledTool, String> {
        let only = self.scope.options.tools.as_deref();
        let enabled: Vec<&EnabledTool> = self
            .scope
            .prompt
            .tools()
            .iter()
            .filter(|tool| only.is_none_or(|only| only.contains(&tool.definition.name)))
            .collect();
        let found = enabled.iter().find(|tool| tool.definition.name == name);
        found.copied().ok_or_else(|| {
            let names: Vec<&str> = enabled
                .iter()
                .map(|tool| tool.definition.name.as_str())
                .collect();
            let shown: String = name
                .chars()
                .take(100)
                .flat_map(char::escape_debug)
                .collect();
            match names.is_empty() {
                true => format!("there is no tool {shown}; there are no tools"),
                false => format!("there is no tool {shown}; there is: {}", names.join(", ")),
            }
        })
    }

    /// Calls a tool; a panic and a timeout become errors for the model.
    async fn call(
        &self,
        tool: &EnabledTool,
        arguments: Value,
        call: &ToolCall,
    ) -> Result<ToolOutput, String> {
        let name = &tool.definition.name;
        let (log, id) = (Arc::clone(&self.scope.log), call.id.clone());
        let context = self.context.clone().with_call_id(call.id.clone());
        let context = context.with_progress(move |text| {
            log.event(TurnEvent::tool_progress(&id, text));
        });
        let (log, id) = (Arc::clone(&self.scope.log), call.id.clone());
        let context = context.with_previews(move |mut image| {
            image.item.clone_from(&id);
            log.event(TurnEvent::PartialImage(image));
        });
        let default = self.scope.core.config.tool_timeout();
        let limit = tool.tool.timeout().unwrap_or(default);
        // The tool is shared and may be left in any state by its panic, as with any code behind an
        // `Arc`.
        let called = AssertUnwindSafe(async { tool.tool.call(arguments, &context).await });
        match tokio::time::timeout(limit, called.catch_unwind()).await {
            Err(_) => Err(format!(
                "the tool {name} took longer than {} s and was stopped",
                limit.as_secs_f64()
            )),
            Ok(Ok(Ok(output))) => Ok(output),
            Ok(Ok(Err(error))) => {
                tracing::debug!(tool = %name, error = ?error, "a tool failed");
                Err(error.to_string())
            }
            Ok(Err(_)) => {
                tracing::error!(tool = %name, "a tool panicked");
                Err(format!("the tool {name} failed unexpectedly"))
            }
        }
    }
}
