//! Reading back what a store keeps, also where it is damaged.

use conversation_types::{Message, MessageId, RawJson};
use serde_json::Value;

/// Reads a message that is kept as JSON under its id. What is damaged becomes a message that is
/// unknown.
pub(crate) fn read_message(id: &MessageId, bytes: &[u8]) -> Message {
    // The id of the row counts: version 0.1 wrote none into the JSON.
    let read = serde_json::from_slice::<Message>(bytes);
    let message = read.unwrap_or_else(|error| {
        let text = String::from_utf8_lossy(bytes);
        let json = RawJson::from_text(text.clone())
            .unwrap_or_else(|_| RawJson::from(Value::from(text.into_owned())));
        Message::unknown(json, format!("the stored message is damaged: {error}"))
    });
    message.with_id(id.clone())
}
