//! The references that a message holds.

use media_types::{MediaContent, StorageReference};

use crate::message::{Message, Part};

/// How deep references are looked for in parts that are not understood.
const MAX_DEPTH: usize = 64;

/// Shows every reference of a message to `visit`: in its media, and in parts that are not
/// understood.
pub(crate) fn of_message(message: &Message, visit: &mut dyn FnMut(&StorageReference)) {
    for part in &message.content {
        match part {
            Part::Media(content) => {
                if let Some(reference) = content.reference() {
                    visit(reference);
                }
            }
            Part::Unreadable(part) if part.json().contains("storage_reference") => {
                if let Ok(value) = serde_json::from_str(part.json()) {
                    of_value(&value, 0, visit);
                }
            }
            _ => {}
        }
    }
}

fn of_value(value: &serde_json::Value, depth: usize, visit: &mut dyn FnMut(&StorageReference)) {
    if depth > MAX_DEPTH {
        return;
    }
    match value {
        serde_json::Value::Object(entries) => {
            if entries.contains_key("storage_reference")
                && let Ok(content) = serde_json::from_str::<MediaContent>(&value.to_string())
                && let Some(reference) = content.reference()
            {
                visit(reference);
                return;
            }
            for value in entries.values() {
                of_value(value, depth + 1, visit);
            }
        }
        serde_json::Value::Array(items) => {
            for item in items {
                of_value(item, depth + 1, visit);
            }
        }
        _ => {}
    }
}
