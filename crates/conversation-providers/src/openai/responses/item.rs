//! Items of answers as parts of messages.
//!
//! Text and images are parts that everybody understands, with the rest of their item as the data
//! that goes back with them. Other items are opaque and go back as they are.

use conversation_types::{Part, ProviderData, RawJson, TextPart};
use serde_json::{Map, Value};

use super::super::names::NAME;

/// An item of an answer.
pub(super) type Item = Map<String, Value>;

/// A call of an answer. Some servers give all items one place.
#[derive(Debug)]
pub(super) struct OpenCall {
    /// The place in `output`.
    pub(super) at: u64,
    pub(super) id: String,
    /// Whether any of its arguments came in pieces.
    pub(super) has_pieces: bool,
}

impl OpenCall {
    pub(super) fn new(at: u64, id: String) -> Self {
        Self {
            at,
            id,
            has_pieces: false,
        }
    }
}

/// Returns the text of a field.
pub(super) fn text<'i>(item: &'i Item, name: &str) -> &'i str {
    item.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// Returns a content part of a message as text, with the message around it as its data.
pub(super) fn text_part(message: &Item, content: &Item) -> Part {
    let mut content = content.clone();
    let text = text_of(&mut content);
    let mut shell = message.clone();
    shell.insert("content".to_owned(), Value::Array(vec![content.into()]));
    let data = RawJson::from(Value::Object(shell));
    let data = ProviderData::new().with(NAME, data);
    Part::Text(TextPart::new(text).with_provider_data(data))
}

/// Takes the text out of a content part; a refusal has it in a field of that name.
fn text_of(content: &mut Item) -> String {
    let name = match text(content, "type") {
        "refusal" => "refusal",
        _ => "text",
    };
    match content.remove(name) {
        Some(Value::String(text)) => text,
        _ => String::new(),
    }
}

/// Returns the content parts of a message.
pub(super) fn contents(message: &Item) -> Vec<Item> {
    let contents = message.get("content").and_then(Value::as_array);
    let contents = contents.into_iter().flatten();
    contents
        .filter_map(|content| content.as_object().cloned())
        .collect()
}

/// Returns reasoning with its item: its text is the summary, or what the provider shows of it.
pub(super) fn reasoning_part(item: &Item, raw: RawJson) -> Part {
    let texts = ["summary", "content"].iter().find_map(|name| {
        let parts = item.get(*name)?.as_array()?;
        let parts = parts.iter().filter_map(|part| part.get("text")?.as_str());
        let texts: Vec<&str> = parts.collect();
        (!texts.is_empty()).then(|| texts.join("\n\n"))
    });
    Part::reasoning(
        texts.unwrap_or_default(),
        Some((NAME.to_owned(), raw.into())),
    )
}

/// Returns the data of a call: the fields of its item that messages do not hold themselves.
pub(super) fn call_data(mut item: Item) -> Option<ProviderData> {
    for name in ["type", "call_id", "name", "arguments"] {
        item.remove(name);
    }
    let data = RawJson::from(Value::Object(item));
    (data.get() != "{}").then(|| ProviderData::new().with(NAME, data))
}
