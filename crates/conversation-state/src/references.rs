//! The references that a message holds.

use std::collections::BTreeSet;

use conversation_types::{ExtraFields, Message, OpaqueData, Part, ProviderData};
use media_types::StorageReference;
use serde::Deserialize;
use serde_json::Value;

use crate::reference::ReferenceKey;

/// Returns the references that a message holds, each once: of media, of media that was omitted, of
/// opaque data in a store, and of every object under the name `storage_reference` anywhere in
/// metadata, attributes and fields or parts that this version does not know.
///
/// Its time grows with the size of the message alone.
pub fn references_of(message: &Message) -> BTreeSet<ReferenceKey> {
    let mut found = Found::default();
    found.map(message.metadata.values());
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

/// The field under which references are kept.
const FIELD: &str = "storage_reference";

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
                self.map(media.attributes().values());
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
                self.named_text(value.get());
            }
            self.text(value.get());
        }
    }

    /// Reads the value at the beginning of a text, which is under the name of a reference.
    fn named_text(&mut self, text: &str) {
        let mut values = serde_json::Deserializer::from_str(text).into_iter::<StorageReference>();
        if let Some(Ok(reference)) = values.next() {
            self.reference(Some(&reference));
        }
    }

    /// Looks through JSON text, which may be nested deeper than a parser follows, or be cut off.
    fn text(&mut self, text: &str) {
        // Cheap, and almost always the end of it. Escapes may spell the name in another way.
        if !text.contains(FIELD) && !text.contains("\\u") {
            return;
        }
        let mut rest = text;
        while let Some(start) = rest.find('"') {
            let Some(length) = string_length(&rest[start..]) else {
                return;
            };
            let (string, after) = rest[start..].split_at(length);
            rest = after;
            if let Some(value) = after.trim_start().strip_prefix(':')
                && is_name(string)
            {
                self.named_text(value);
            }
        }
    }

    fn map<'a>(&mut self, values: impl Iterator<Item = &'a Value>) {
        for value in values {
            self.value(false, value);
        }
    }

    /// Walks a value. `named` says whether it is itself under the name of a reference.
    fn value(&mut self, named: bool, value: &Value) {
        // A stack of our own: JSON from outside may be nested deeper than threads have stack.
        let mut rest = vec![(named, value)];
        while let Some((named, value)) = rest.pop() {
            if named && let Ok(reference) = StorageReference::deserialize(value) {
                self.reference(Some(&reference));
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

/// The length of the JSON string that a text begins with, quotes included.
fn string_length(text: &str) -> Option<usize> {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some(at + 1),
            _ => {}
        }
    }
    None
}

fn is_name(string: &str) -> bool {
    match string.contains('\\') {
        false => string[1..string.len() - 1] == *FIELD,
        true => serde_json::from_str::<String>(string).is_ok_and(|name| name == FIELD),
    }
}
