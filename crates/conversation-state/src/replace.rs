//! Other references in the place of those that a message holds.

use std::collections::BTreeMap;

use conversation_types::{
    ExtraFields, Message, OmissionReason, OmittedMedia, OpaqueData, Part, ProviderData, RawJson,
    UnknownPart,
};
use media_types::{MediaContent, MediaSource, StorageReference};
use serde_json::Value;

use crate::reference::ReferenceKey;
use crate::references::{key_of_named, key_of_value};
use crate::scan::{FIELD, scan};

/// Replaces references of a message, wherever [`references_of`](crate::references_of) finds them:
/// each that is a key of the map by the reference that belongs to it. A whole reference is replaced,
/// with its size, hash and metadata; everything else stays as it is, byte for byte.
///
/// A key without a reference stands for media that is gone. Its media parts become omitted parts,
/// opaque data that was stored there is left out, and in JSON that is not understood here null takes
/// its place.
///
/// Its time grows with the size of the message alone.
pub fn replace_references(
    message: &mut Message,
    replacements: &BTreeMap<ReferenceKey, Option<StorageReference>>,
) {
    let replacer = Replacer { replacements };
    replacer.values(message.metadata.iter_mut());
    replacer.extra(&mut message.extra);
    for call in &mut message.tool_calls {
        replacer.provider_data(&mut call.provider_data);
        replacer.extra(&mut call.extra);
        if let Some(arguments) = replacer.text(&call.arguments) {
            call.arguments = arguments;
        }
    }
    let parts = std::mem::take(&mut message.content);
    message.content = parts
        .into_iter()
        .filter_map(|part| replacer.part(part))
        .collect();
}

struct Replacer<'a> {
    replacements: &'a BTreeMap<ReferenceKey, Option<StorageReference>>,
}

impl Replacer<'_> {
    fn find(&self, reference: &StorageReference) -> Option<&Option<StorageReference>> {
        self.replacements.get(&ReferenceKey::from(reference))
    }

    /// Returns the part as it is to be; nothing of an opaque item that is gone.
    fn part(&self, part: Part) -> Option<Part> {
        Some(match part {
            Part::Text(mut text) => {
                self.provider_data(&mut text.provider_data);
                self.extra(&mut text.extra);
                Part::Text(text)
            }
            Part::Media(media) => self.media(media),
            Part::Reasoning {
                text,
                opaque,
                mut extra,
                ..
            } => {
                let opaque = opaque.and_then(|(api, item)| Some((api, self.opaque(item)?)));
                self.extra(&mut extra);
                let mut part = Part::reasoning(text, opaque);
                if let Part::Reasoning { extra: fields, .. } = &mut part {
                    *fields = extra;
                }
                part
            }
            Part::Opaque {
                api,
                item,
                mut extra,
                ..
            } => {
                self.extra(&mut extra);
                let mut part = Part::opaque(api, self.opaque(item)?);
                if let Part::Opaque { extra: fields, .. } = &mut part {
                    *fields = extra;
                }
                part
            }
            Part::Omitted(mut omitted) => {
                if let Some(found) = omitted.reference.as_ref().and_then(|held| self.find(held)) {
                    omitted.reference.clone_from(found);
                }
                self.extra(&mut omitted.extra);
                Part::Omitted(omitted)
            }
            Part::Unknown(unknown) => match self.json(unknown.json()) {
                Some(json) => Part::Unknown(UnknownPart::new(json, unknown.reason())),
                None => Part::Unknown(unknown),
            },
            other => other,
        })
    }

    fn media(&self, mut media: MediaContent) -> Part {
        match media.reference().and_then(|held| self.find(held)) {
            Some(Some(reference)) => {
                media = media.with_source(MediaSource::Stored(reference.clone()));
            }
            Some(None) => {
                let mut omitted = OmittedMedia::new(&media, OmissionReason::Unavailable, "");
                omitted.reference = None;
                return omitted.into();
            }
            None => {}
        }
        let mut attributes = media.attributes().clone();
        self.values(attributes.iter_mut());
        for (name, value) in attributes {
            media = media.with_attribute(name, value);
        }
        media.into()
    }

    fn provider_data(&self, data: &mut ProviderData) {
        let mut replaced = ProviderData::new();
        for (api, item) in data.iter() {
            if let Some(item) = self.opaque(item.clone()) {
                replaced.insert(api, item);
            }
        }
        *data = replaced;
    }

    fn opaque(&self, item: OpaqueData) -> Option<OpaqueData> {
        if let Some(found) = item.reference().and_then(|held| self.find(held)) {
            return found.clone().map(OpaqueData::Stored);
        }
        let replaced = item.json().and_then(|json| self.json(json));
        Some(replaced.map_or(item, OpaqueData::Json))
    }

    fn extra(&self, fields: &mut ExtraFields) {
        let mut replaced = Vec::new();
        for (name, value) in fields.iter() {
            // The scan looks at values of fields.
            let (before, after) = match name == FIELD {
                true => (format!("{{\"{FIELD}\":"), "}"),
                false => (String::new(), ""),
            };
            let text = self.text(&format!("{before}{}{after}", value.get()));
            let text = text.and_then(|text| {
                let value = text.strip_prefix(&before)?.strip_suffix(after)?;
                RawJson::from_text(value).ok()
            });
            replaced.extend(text.map(|value| (name.to_owned(), value)));
        }
        for (name, value) in replaced {
            fields.insert(name, value);
        }
    }

    fn json(&self, json: &RawJson) -> Option<RawJson> {
        RawJson::from_text(self.text(json.get())?).ok()
    }

    /// Returns JSON text with other references, or nothing where it names none of them.
    fn text(&self, text: &str) -> Option<String> {
        let mut found = Vec::new();
        scan(text, |named| {
            let replacement = key_of_named(&named).and_then(|key| self.replacements.get(&key));
            found.extend(replacement.map(|reference| (named.span, reference)));
        });
        if found.is_empty() {
            return None;
        }
        // A reference inside of another one goes with it.
        found.sort_by_key(|(span, _)| span.start);
        let (mut replaced, mut end) = (String::with_capacity(text.len()), 0);
        for (span, reference) in found {
            if span.start >= end {
                replaced.push_str(&text[end..span.start]);
                replaced.push_str(&value_of(reference.as_ref()).to_string());
                end = span.end;
            }
        }
        replaced.push_str(&text[end..]);
        Some(replaced)
    }

    fn values<'v>(&self, fields: impl Iterator<Item = (&'v String, &'v mut Value)>) {
        // A stack of our own: JSON from outside may be nested deeper than threads have stack.
        let mut rest: Vec<_> = fields.map(|(name, value)| (name == FIELD, value)).collect();
        while let Some((named, value)) = rest.pop() {
            let key = named.then(|| key_of_value(value)).flatten();
            if let Some(reference) = key.and_then(|key| self.replacements.get(&key)) {
                *value = value_of(reference.as_ref());
                continue;
            }
            match value {
                Value::Array(items) => rest.extend(items.iter_mut().map(|item| (false, item))),
                Value::Object(fields) => {
                    let fields = fields.iter_mut();
                    rest.extend(fields.map(|(name, value)| (name == FIELD, value)));
                }
                _ => {}
            }
        }
    }
}

fn value_of(reference: Option<&StorageReference>) -> Value {
    reference
        .and_then(|reference| serde_json::to_value(reference).ok())
        .unwrap_or(Value::Null)
}

#[cfg(test)]
mod tests {
    use conversation_types::{Role, ToolCall};
    use media_types::Mime;
    use serde_json::json;

    use super::*;
    use crate::references::references_of;

    fn reference(backend: &str, id: &str) -> StorageReference {
        let builder = StorageReference::builder(backend, id).with_metadata("hmac", id);
        builder.build().unwrap()
    }

    fn named(reference: &StorageReference) -> Value {
        json!({"deep": [{"storage_reference": reference}]})
    }

    /// A message that names media in every place that there is.
    fn everywhere(reference: &StorageReference) -> Message {
        let raw = || RawJson::from(named(reference));
        let stored = || OpaqueData::Stored(reference.clone());
        let data = ProviderData::new()
            .with("openai", raw())
            .with("gemini", stored());
        let media = MediaContent::from_reference(Mime::IMAGE_PNG, reference.clone())
            .with_filename("cat.png");
        let omitted = OmittedMedia::new(&media, OmissionReason::Refused, "");
        let mut parts = vec![
            Part::text(reference.id()),
            media.with_attribute("own", named(reference)).into(),
            Part::Omitted(omitted),
            Part::reasoning("because", Some(("openai".into(), stored()))),
            Part::reasoning("because", Some(("openai".into(), raw().into()))),
            Part::opaque("openai", stored()),
            Part::opaque("openai", raw()),
            Part::Unknown(UnknownPart::new(raw(), "test")),
        ];
        for part in &mut parts {
            match part {
                Part::Text(text) => text.provider_data = data.clone(),
                Part::Opaque { extra, .. } | Part::Reasoning { extra, .. } => {
                    extra.insert(FIELD, RawJson::from(json!(reference)));
                }
                _ => {}
            }
        }
        let mut message = Message::new(Role::Assistant, parts);
        message.metadata.insert("x".into(), named(reference));
        message.metadata.insert(FIELD.into(), json!(reference));
        message.extra.insert("y", raw());
        message.extra.insert(FIELD, RawJson::from(json!(reference)));
        let arguments = json!({"id": reference.id(), "media": named(reference)});
        let call = ToolCall::new("1", "t", arguments.to_string());
        message.tool_calls = vec![call.with_provider_data(data)];
        message
    }

    fn replace(message: &Message, new: Option<&StorageReference>) -> Message {
        let old = ReferenceKey::from(&reference("file", "a/b.png"));
        let mut replaced = message.clone();
        replace_references(&mut replaced, &BTreeMap::from([(old, new.cloned())]));
        replaced
    }

    #[test]
    fn whole_references_are_replaced_in_every_place_and_nothing_else() {
        let (old, new) = (reference("file", "a/b.png"), reference("s3", "c/d.png"));
        let message = everywhere(&old);
        let mut expected = everywhere(&new).with_id(message.id.clone());
        expected.created_at = message.created_at;
        // Text that is equal to an id is no reference.
        if let Some(Part::Text(text)) = expected.content.first_mut() {
            text.text = old.id().to_owned();
        }
        let arguments = json!({"id": old.id(), "media": named(&new)});
        expected.tool_calls[0].arguments = arguments.to_string();
        let replaced = replace(&message, Some(&new));
        assert_eq!(json!(replaced), json!(expected));
        assert_eq!(replaced, expected);
        // The same id in another store is other media.
        let elsewhere = everywhere(&reference("s3", "a/b.png"));
        assert_eq!(replace(&elsewhere, Some(&new)), elsewhere);
    }

    #[test]
    fn media_that_is_gone_is_named_nowhere_and_its_neighbors_stay() {
        let mut message = everywhere(&reference("file", "a/b.png"));
        message.metadata.insert("kept".into(), json!("text"));
        let replaced = replace(&message, None);
        assert!(references_of(&replaced).is_empty(), "{}", json!(replaced));
        assert_eq!(replaced.metadata["kept"], "text");
        assert_eq!(replaced.text(), "a/b.png");
        assert!(matches!(&replaced.content[1], Part::Omitted(omitted)
            if omitted.reason == OmissionReason::Unavailable));
        // The item in the store is gone; the one that only names it is not.
        assert_eq!(replaced.content.len(), message.content.len() - 1);
    }

    #[test]
    fn text_around_references_keeps_its_bytes() {
        let new = reference("s3", "c");
        let value = json!(new).to_string();
        for (before, after) in [
            (
                r#"{ "n": 1.0, "storage_reference" : "a/b.png" , "m": 2e1 }"#,
                format!(r#"{{ "n": 1.0, "storage_reference" : {value} , "m": 2e1 }}"#),
            ),
            (
                r#"[{"storage\u005freference":{"id":"a\/b.png","backend":"file","later":[1]}}, "a/b.png"]"#,
                format!(r#"[{{"storage\u005freference":{value}}}, "a/b.png"]"#),
            ),
            // One inside of another goes with it.
            (
                r#"{"storage_reference":{"id":"a/b.png","x":{"storage_reference":"a/b.png"},"backend":"file"}}"#,
                format!(r#"{{"storage_reference":{value}}}"#),
            ),
        ] {
            let json = RawJson::from_text(before).unwrap();
            let replaced = replace(&Message::unknown(json, "test"), Some(&new));
            let Part::Unknown(part) = &replaced.content[0] else {
                panic!("{replaced:?}")
            };
            assert_eq!(part.json().get(), after);
        }
    }
}
