//! The references that a message holds.

use std::collections::BTreeSet;

use conversation_types::{ExtraFields, Message, OpaqueData, Part, ProviderData};
use media_types::StorageReference;
use serde_json::{Map, Value};

use crate::reference::ReferenceKey;
use crate::scan::{FIELD, FILE, NamedReference, scan};

/// Returns the references that a message holds, each once: of media, of media that was omitted, of
/// opaque data in a store, and of every object under the name `storage_reference` anywhere in
/// metadata, attributes and fields or parts that this version does not know.
///
/// Its time grows with the size of the message alone.
pub fn references_of(message: &Message) -> BTreeSet<ReferenceKey> {
    let mut found = Found::default();
    found.map(&message.metadata);
    found.extra(&message.extra);
    for call in &message.tool_calls {
        found.provider_data(&call.provider_data);
        found.extra(&call.extra);
        found.text(&call.arguments);
    }
    for part in &message.content {
        found.part(part);
    }
    found.keys
}

#[derive(Default)]
struct Found {
    keys: BTreeSet<ReferenceKey>,
}

impl Found {
    fn part(&mut self, part: &Part) {
        match part {
            Part::Text(text) => {
                self.provider_data(&text.provider_data);
                self.extra(&text.extra);
            }
            Part::Media(media) => {
                self.reference(media.reference());
                self.map(media.attributes());
            }
            Part::Reasoning { opaque, extra, .. } => {
                if let Some((_, item)) = opaque {
                    self.opaque(item);
                }
                self.extra(extra);
            }
            Part::Opaque { item, extra, .. } => {
                self.opaque(item);
                self.extra(extra);
            }
            Part::Omitted(omitted) => {
                self.reference(omitted.reference.as_ref());
                self.extra(&omitted.extra);
            }
            Part::Unknown(part) => self.text(part.json().get()),
            _ => {}
        }
    }

    fn reference(&mut self, reference: Option<&StorageReference>) {
        self.keys.extend(reference.map(ReferenceKey::from));
    }

    fn provider_data(&mut self, data: &ProviderData) {
        for (_, item) in data.iter() {
            self.opaque(item);
        }
    }

    fn opaque(&mut self, item: &OpaqueData) {
        match item {
            OpaqueData::Json(json) => self.text(json.get()),
            _ => self.reference(item.reference()),
        }
    }

    fn extra(&mut self, fields: &ExtraFields) {
        for (name, value) in fields.iter() {
            if name == FIELD {
                // The scan looks at values of fields.
                self.text(&format!("{{\"{FIELD}\":{}}}", value.get()));
            } else {
                self.text(value.get());
            }
        }
    }

    /// Looks through JSON text.
    fn text(&mut self, text: &str) {
        scan(text, |named| self.keys.extend(key_of_named(&named)));
    }

    fn map(&mut self, fields: &Map<String, Value>) {
        for (name, value) in fields {
            self.value(name == FIELD, value);
        }
    }

    /// Walks a value. `named` says whether it is itself under the name of a reference.
    fn value(&mut self, named: bool, value: &Value) {
        // A stack of our own: JSON from outside may be nested deeper than threads have stack.
        let mut rest = vec![(named, value)];
        while let Some((named, value)) = rest.pop() {
            if named {
                self.keys.extend(key_of_value(value));
            }
            match value {
                Value::Array(items) => rest.extend(items.iter().map(|item| (false, item))),
                Value::Object(fields) => {
                    rest.extend(fields.iter().map(|(name, value)| (name == FIELD, value)));
                }
                _ => {}
            }
        }
    }
}

/// Returns what text under the name of a reference names.
pub(crate) fn key_of_named(named: &NamedReference) -> Option<ReferenceKey> {
    let (backend, id) = (named.backend.as_deref()?, named.id.as_deref()?);
    key(backend, named.store.as_deref(), id)
}

/// Returns what a value under the name of a reference names.
pub(crate) fn key_of_value(value: &Value) -> Option<ReferenceKey> {
    let text = |field| value.get(field).and_then(Value::as_str);
    match value.as_str() {
        Some(id) => key(FILE, None, id),
        None => key(text("backend")?, text("store"), text("id")?),
    }
}

/// Returns the name of a reference, if it can be one. Whether size and hash make sense does not
/// matter: media that something may refer to is not to be deleted.
fn key(backend: &str, store: Option<&str>, id: &str) -> Option<ReferenceKey> {
    let reference = StorageReference::builder(backend, id);
    let reference = match store {
        Some(name) => reference.with_store_name(name),
        None => reference,
    };
    Some(ReferenceKey::from(&reference.build().ok()?))
}

#[cfg(test)]
mod tests {
    use conversation_types::{RawJson, Role, ToolCall};
    use media_types::{MediaContent, Mime};

    use super::*;

    fn ids(message: &Message) -> Vec<String> {
        references_of(message)
            .into_iter()
            .map(|key| key.id)
            .collect()
    }

    fn unknown(json: &str) -> Message {
        Message::unknown(RawJson::from_text(json).unwrap(), "test")
    }

    #[test]
    fn references_are_found_wherever_json_hides_them() {
        for (json, expected) in [
            (
                r#"{"storage_reference":{"id":"a","backend":"file"}}"#,
                vec!["a"],
            ),
            (r#"{"storage_reference" : "a"}"#, vec!["a"]),
            (
                r#"[[{"x":{"storage_reference":{"id":"a","backend":"s3","later":1}}}]]"#,
                vec!["a"],
            ),
            (
                r#"{"storage\u005freference":{"id":"a","backend":"file"}}"#,
                vec!["a"],
            ),
            (
                r#"{"storage_reference":{"id":"a","backend":"file","x":{"storage_reference":"b"}}}"#,
                vec!["a", "b"],
            ),
            // Text that only looks like it, and references that nobody could follow.
            (r#"{"text":"\"storage_reference\": \"a\""}"#, vec![]),
            (
                r#"["storage_reference",{"id":"a","backend":"file"}]"#,
                vec![],
            ),
            (r#"{"storage_reference":{"id":"a"}}"#, vec![]),
            (
                r#"{"storage_reference":{"x":{"id":"a","backend":"file"}}}"#,
                vec![],
            ),
            (r#"{"storage_reference":null}"#, vec![]),
        ] {
            assert_eq!(ids(&unknown(json)), expected, "{json}");
        }
    }

    #[test]
    fn attributes_metadata_and_calls_are_looked_through() {
        let nested = |id: &str| serde_json::json!({"deep": [{"storage_reference": {"id": id, "backend": "file"}}]});
        let media =
            MediaContent::from_bytes(Mime::IMAGE_PNG, "x").with_attribute("own", nested("a"));
        let mut message = Message::new(Role::Assistant, vec![media.into()]);
        message.metadata.insert("x".into(), nested("b"));
        let direct = serde_json::json!({"id": "f", "backend": "file"});
        message.metadata.insert(FIELD.into(), direct);
        message.extra.insert("y", RawJson::from(nested("c")));
        message.tool_calls = vec![ToolCall::new("1", "t", nested("d").to_string())];
        message.tool_calls[0]
            .extra
            .insert("z", RawJson::from(nested("e")));
        assert_eq!(ids(&message), ["a", "b", "c", "d", "e", "f"]);
    }

    #[test]
    fn deep_and_large_json_is_looked_through_in_linear_time() {
        let deep = format!(
            "{}{{\"storage_reference\":\"a\"}}{}",
            "[".repeat(100_000),
            "]".repeat(100_000)
        );
        // No `RawJson` is that deep, but a model may write such arguments.
        let mut message = Message::new(Role::Assistant, Vec::new());
        message.tool_calls = vec![ToolCall::new("1", "t", deep)];
        assert_eq!(ids(&message), ["a"]);
        // A parser that starts again at each name takes minutes for this.
        let names = "{\"storage_reference\":".repeat(200_000);
        message.tool_calls = vec![ToolCall::new("1", "t", names)];
        assert!(ids(&message).is_empty());
    }
}
