//! An answer in pieces, as server-sent events with names.

use axum::response::Response;
use serde_json::{Value, json};

use super::Answer;
use crate::peer::response::{event_stream, pieces};

pub(super) fn response(answer: &Answer) -> Response {
    let start = answer.message(&json!([]), None, 1);
    let mut events = vec![
        json!({"type": "message_start", "message": start}),
        json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
        json!({"type": "ping"}),
    ];
    events.extend(pieces(&answer.text).into_iter().map(|text| {
        let delta = json!({"type": "text_delta", "text": text});
        json!({"type": "content_block_delta", "index": 0, "delta": delta})
    }));
    let usage = json!({"output_tokens": answer.output_tokens()});
    let end = json!({"stop_reason": "end_turn", "stop_sequence": null});
    events.extend([
        json!({"type": "content_block_stop", "index": 0}),
        json!({"type": "message_delta", "delta": end, "usage": usage}),
        json!({"type": "message_stop"}),
    ]);
    event_stream(events.iter().map(event).collect())
}

fn event(data: &Value) -> String {
    let name = data.get("type").and_then(Value::as_str).unwrap_or_default();
    format!("event: {name}\ndata: {data}\n\n")
}
