//! What lies in a database.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// A conversation.
#[derive(Debug, Default)]
pub(crate) struct Conversation {
    pub(crate) record: Value,
    /// Messages on every branch.
    pub(crate) messages: Vec<Value>,
    pub(crate) turns: Vec<Value>,
}

/// All that a database holds.
#[derive(Debug, Default)]
pub(crate) struct StateFound {
    pub(crate) conversations: BTreeMap<String, Conversation>,
    /// Names of leases that have not ended, other than those of turns.
    pub(crate) leases: Vec<String>,
    /// Rows or keys of conversations that have no record.
    pub(crate) stray: Vec<String>,
    /// Where a value holds media as base64.
    pub(crate) base64: Vec<String>,
    /// Bytes of all messages.
    pub(crate) message_bytes: usize,
}

impl StateFound {
    /// Whether a conversation has a message with a text.
    pub(crate) fn says(&self, id: &str, text: &str) -> bool {
        let messages = self.conversations.get(id).map(|one| &one.messages);
        messages.is_some_and(|all| all.iter().any(|one| text_of(one).contains(text)))
    }

    /// Returns the ids of all references that messages name.
    pub(crate) fn named(&self) -> BTreeSet<String> {
        let mut named = BTreeSet::new();
        for conversation in self.conversations.values() {
            for message in &conversation.messages {
                references(message, &mut named);
            }
        }
        named
    }
}

/// Adds the ids of all references in a value.
pub(crate) fn references(value: &Value, named: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            let reference = fields.get("storage_reference");
            if let Some(id) = reference.and_then(|reference| reference["id"].as_str()) {
                named.insert(id.to_owned());
            }
            fields.values().for_each(|value| references(value, named));
        }
        Value::Array(items) => items.iter().for_each(|value| references(value, named)),
        _ => {}
    }
}

/// Returns the text of a message.
pub(crate) fn text_of(message: &Value) -> String {
    let parts = message["content"].as_array().into_iter().flatten();
    parts.filter_map(|part| part["text"].as_str()).collect()
}

/// Whether a value holds media as base64: a long run without anything that text has.
pub(crate) fn has_base64(value: &[u8]) -> bool {
    let is_digit = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=-_".contains(byte);
    let mut runs = value.split(|byte| !is_digit(byte));
    runs.any(|run| run.len() > 2048)
}
