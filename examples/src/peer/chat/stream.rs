//! An answer in pieces, as server-sent events.

use axum::response::Response;
use serde_json::{Value, json};

use super::Completion;
use crate::peer::response::{event_stream, pieces};

pub(super) fn response(completion: &Completion, include_usage: bool) -> Response {
    let chunks = chunks(completion, include_usage);
    let chunks = chunks.iter().map(|chunk| format!("data: {chunk}\n\n"));
    event_stream(chunks.chain(["data: [DONE]\n\n".to_owned()]).collect())
}

fn chunks(completion: &Completion, include_usage: bool) -> Vec<Value> {
    let reply = &completion.reply;
    let mut deltas = Vec::new();
    if let Some(call) = reply.call() {
        let start = json!({"index": 0, "id": call.id, "type": "function", "function": {"name": call.name, "arguments": ""}});
        deltas.push(json!({"role": "assistant", "content": null, "tool_calls": [start]}));
        for piece in pieces(&call.arguments) {
            deltas.push(json!({"tool_calls": [{"index": 0, "function": {"arguments": piece}}]}));
        }
    } else {
        deltas.push(json!({"role": "assistant", "content": "", "refusal": null}));
        for piece in pieces(reply.text().unwrap_or_default()) {
            deltas.push(json!({"content": piece}));
        }
    }
    let mut chunks: Vec<Value> = deltas
        .into_iter()
        .map(|delta| chunk(completion, &delta, None, include_usage))
        .collect();
    chunks.push(chunk(
        completion,
        &json!({}),
        Some(reply.finish_reason()),
        include_usage,
    ));
    if include_usage {
        let mut last = frame(completion);
        last["choices"] = json!([]);
        last["usage"] = completion.usage();
        chunks.push(last);
    }
    chunks
}

fn chunk(
    completion: &Completion,
    delta: &Value,
    finish: Option<&str>,
    include_usage: bool,
) -> Value {
    let mut chunk = frame(completion);
    chunk["choices"] =
        json!([{"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish}]);
    if include_usage {
        chunk["usage"] = Value::Null;
    }
    chunk
}

fn frame(completion: &Completion) -> Value {
    json!({
        "id": completion.id,
        "object": "chat.completion.chunk",
        "created": completion.created,
        "model": completion.model,
        "service_tier": "default",
    })
}
