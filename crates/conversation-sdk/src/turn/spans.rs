//! Spans of turns, requests and tool calls, with the names that OpenTelemetry has for generative AI.
//! They carry ids, names and counts, never text or arguments.

use conversation_events::ConversationError;
use conversation_providers::Completion;
use conversation_types::{ToolCall, TurnId};
use media_types::ConversationId;
use tracing::Span;
use tracing::field::{Empty, display};

/// The span of a turn.
pub(super) fn of_turn(conversation: &ConversationId, turn: &TurnId) -> Span {
    tracing::info_span!(
        "turn",
        gen_ai.operation.name = "invoke_agent",
        gen_ai.conversation.id = %conversation,
        turn = %turn,
    )
}

/// The span of a request to a model, from the request to the end of the answer.
pub(super) fn of_request(conversation: &ConversationId, provider: &str, model: &str) -> Span {
    tracing::info_span!(
        "chat",
        otel.name = format!("chat {model}"),
        otel.kind = "client",
        gen_ai.operation.name = "chat",
        gen_ai.conversation.id = %conversation,
        gen_ai.provider.name = provider,
        gen_ai.request.model = model,
        gen_ai.response.model = Empty,
        gen_ai.response.id = Empty,
        gen_ai.response.finish_reasons = Empty,
        gen_ai.usage.input_tokens = Empty,
        gen_ai.usage.output_tokens = Empty,
        "error.type" = Empty,
    )
}

/// Notes the answer to a request, or why there is none.
pub(super) fn note_answer(span: &Span, asked: &Result<Completion, ConversationError>) {
    match asked {
        Ok(answer) => {
            span.record("gen_ai.provider.name", answer.provider.as_str());
            span.record("gen_ai.response.model", answer.model.as_str());
            if let Some(id) = &answer.response_id {
                span.record("gen_ai.response.id", id.as_str());
            }
            span.record("gen_ai.response.finish_reasons", answer.finish.as_str());
            span.record("gen_ai.usage.input_tokens", answer.usage.input_tokens);
            span.record("gen_ai.usage.output_tokens", answer.usage.output_tokens);
        }
        Err(error) => {
            span.record("error.type", display(error.kind().as_str()));
        }
    }
}

/// The span of a tool call.
pub(super) fn of_tool(call: &ToolCall) -> Span {
    tracing::info_span!(
        "execute_tool",
        otel.name = format!("execute_tool {}", call.name),
        gen_ai.operation.name = "execute_tool",
        gen_ai.tool.name = call.name.as_str(),
        gen_ai.tool.call.id = call.id.as_str(),
    )
}
