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
    /// Bytes of all messages.
    pub(crate) message_bytes: usize,
}

impl StateFound {
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

/// Whether a value holds media as base64: a long string without anything that text has.
pub(crate) fn has_base64(value: &Value) -> bool {
    match value {
        Value::Object(fields) => fields.values().any(has_base64),
        Value::Array(items) => items.iter().any(has_base64),
        Value::String(text) => {
            let tail = text.rsplit(',').next().unwrap_or_default();
            tail.len() > 2048
                && tail
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"+/=-_".contains(&byte))
        }
        _ => false,
    }
}
