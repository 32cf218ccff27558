//! Parts of messages of any program.

use conversation_sdk::types::UnknownPart;
use conversation_sdk::{Part, RawJson};
use serde_json::Value;

use super::foreign::text_of;
use super::media::media;

/// The parts of a content that is a text or a list.
pub(super) fn parts(content: Option<&Value>) -> Vec<Part> {
    match content {
        Some(Value::String(text)) if text.is_empty() => Vec::new(),
        Some(Value::String(text)) => vec![Part::text(text)],
        Some(Value::Array(all)) => all.iter().map(part).collect(),
        Some(object @ Value::Object(_)) => vec![part(object)],
        _ => Vec::new(),
    }
}

/// One part; what is not understood is kept as it is and never sent.
pub(super) fn part(value: &Value) -> Part {
    if let Value::String(text) = value {
        return Part::text(text);
    }
    if let Some(content) = media(value) {
        return Part::Media(content);
    }
    let kind = text_of(value, &["type"]);
    let text = text_of(value, &["text"]);
    match (kind, text) {
        (None | Some("text" | "input_text" | "output_text" | "summary_text"), Some(text)) => {
            Part::text(text)
        }
        (Some("refusal"), _) => Part::text(text_of(value, &["refusal"]).unwrap_or_default()),
        _ => unknown(value),
    }
}

/// A part that is kept byte for byte.
pub(super) fn unknown(value: &Value) -> Part {
    match RawJson::from_text(value.to_string()) {
        Ok(json) => Part::Unknown(UnknownPart::new(json, "a part of an imported history")),
        Err(_) => Part::text(value.to_string()),
    }
}

/// An item that goes back to its provider as it is.
pub(super) fn opaque(api: &str, value: &Value) -> Part {
    match RawJson::from_text(value.to_string()) {
        Ok(json) => Part::opaque(api, json),
        Err(_) => unknown(value),
    }
}
