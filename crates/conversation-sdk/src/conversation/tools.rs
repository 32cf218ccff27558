//! Running the tools that a model calls. Whatever goes wrong is told to the model.

use std::panic::AssertUnwindSafe;
use std::time::Instant;

use futures_util::future::FutureExt;
use futures_util::stream::{self, StreamExt};
use serde_json::Value;

use super::arguments;
use super::events::TurnEvent;
use super::prepared::{OfferedTool, Prepared};
use super::response::Spent;
use super::rounds::Setting;
use crate::listener::Event;
use crate::manager::Core;
use crate::message::{Message, Part, ToolCall};
use crate::tool::{ToolContext, ToolOutput};

/// How many tool calls a turn has left.
pub(super) struct Calls {
    most: u64,
    left: u64,
}

impl Calls {
    pub(super) fn new(most: u64) -> Self {
        Self { most, left: most }
    }

    pub(super) fn are_used_up(&self) -> bool {
        self.left == 0
    }

    fn take(&mut self) -> Result<(), String> {
        self.left = self.left.checked_sub(1).ok_or_else(|| {
            format!(
                "not called: {} tool calls are allowed in one turn; answer with what you have",
                self.most
            )
        })?;
        Ok(())
    }
}

/// Runs the calls of one message, some at once, and returns their answers in order.
pub(super) async fn run(
    setting: Setting<'_>,
    calls: &[ToolCall],
    left: &mut Calls,
    spent: &mut Spent,
) -> Vec<Message> {
    let Setting { core, record, .. } = setting;
    let context = &ToolContext::new().with_receiver(setting.received.receiver());
    let mut running = Vec::with_capacity(calls.len());
    for call in calls {
        let allowed = left.take();
        running.push(async move {
            let started = Instant::now();
            let result = match allowed {
                Ok(()) => call_one(setting, call, context).await,
                Err(refusal) => Err(refusal),
            };
            core.listeners.tell(&Event::ToolCalled {
                conversation: record.id.clone(),
                name: call.name.clone(),
                is_error: result.is_err(),
                duration: started.elapsed(),
            });
            (call, result)
        });
    }
    let outputs: Vec<_> = stream::iter(running)
        .buffered(core.config.concurrent_tools())
        .collect()
        .await;
    let mut messages = Vec::with_capacity(outputs.len());
    for (call, result) in outputs {
        messages.push(match result {
            Ok(output) => {
                spent.add(output.usage, output.cost);
                let mut message = Message::tool(&call.id, output.content);
                message.usage = output.usage;
                if let Some(cost) = output.cost {
                    message
                        .metadata
                        .insert("cost_usd".into(), cost.usd().into());
                }
                message
                    .metadata
                    .insert("tool".into(), call.name.clone().into());
                message
            }
            Err(error) => {
                let mut message =
                    Message::tool(&call.id, vec![Part::Text(format!("error: {error}"))]);
                message
                    .metadata
                    .insert("tool".into(), call.name.clone().into());
                message
                    .metadata
                    .insert("is_error".into(), Value::Bool(true));
                message
            }
        });
    }
    messages
}

async fn call_one(
    setting: Setting<'_>,
    call: &ToolCall,
    context: &ToolContext,
) -> Result<ToolOutput, String> {
    let Setting {
        core,
        prepared,
        events,
        ..
    } = setting;
    let name = || call.name.clone();
    let offered = prepared
        .tools
        .iter()
        .find(|offered| offered.definition.name == call.name)
        .ok_or_else(|| unknown(prepared, &call.name))?;
    let arguments = arguments::read(&call.arguments, &offered.definition.parameters)?;
    events.send(TurnEvent::ToolStarted { name: name() }).await;
    let result = guarded(core, offered, arguments, context).await;
    if let Ok(output) = &result {
        for content in output.content.iter().filter_map(Part::as_media) {
            events.send(TurnEvent::Media(content.clone())).await;
        }
    }
    let is_error = result.is_err();
    events
        .send(TurnEvent::ToolFinished {
            name: name(),
            is_error,
        })
        .await;
    result
}

/// Calls a tool; a panic and a timeout become errors.
async fn guarded(
    core: &Core,
    offered: &OfferedTool,
    arguments: Value,
    context: &ToolContext,
) -> Result<ToolOutput, String> {
    let name = &offered.definition.name;
    // The tool is shared and may be left in any state by its panic; that is for the tool to mind,
    // as it is with any panic in code behind an `Arc`.
    let call =
        AssertUnwindSafe(async { offered.tool.call_in(arguments, context).await }).catch_unwind();
    let result = match core.config.tool_timeout() {
        None => call.await,
        Some(limit) => match tokio::time::timeout(limit, call).await {
            Ok(result) => result,
            Err(_) => {
                return Err(format!(
                    "the tool {name} took longer than {} s and was stopped",
                    limit.as_secs_f64()
                ));
            }
        },
    };
    match result {
        Ok(Ok(output)) => Ok(output),
        Ok(Err(error)) => {
            tracing::debug!(tool = %name, error = ?error, "tool failed");
            Err(error.to_string())
        }
        Err(_) => {
            tracing::error!(tool = %name, "tool panicked");
            Err(format!("the tool {name} failed unexpectedly"))
        }
    }
}

fn unknown(prepared: &Prepared, name: &str) -> String {
    let names: Vec<&str> = prepared
        .tools
        .iter()
        .map(|offered| offered.definition.name.as_str())
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
}
