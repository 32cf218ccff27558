//! Messages of Anthropic's API.

use conversation_sdk::types::{ProviderData, TextPart};
use conversation_sdk::{Message, Part, RawJson, Role, ToolCall};
use serde_json::{Value, json};

use super::foreign::{Foreign, items, role_of, text_of};
use super::openai::arguments;
use super::parts::{opaque, part, parts};

/// The family of the API, in the data of providers.
const API: &str = "anthropic";

/// Reads a list of messages.
pub(super) fn read(messages: &[Value]) -> Foreign {
    let mut conversation = Foreign::default();
    for value in messages {
        let role = role_of(text_of(value, &["role"]).unwrap_or_default());
        match value.get("content") {
            Some(Value::Array(blocks)) => self::blocks(role, blocks, &mut conversation),
            content => conversation.push(Message::new(role, parts(content))),
        }
    }
    conversation
}

/// Results of tools become messages of their own, before what the user says with them.
fn blocks(role: Role, blocks: &[Value], conversation: &mut Foreign) {
    let (mut content, mut calls) = (Vec::new(), Vec::new());
    for block in blocks {
        match text_of(block, &["type"]) {
            Some("tool_use") => calls.push(ToolCall::new(
                text_of(block, &["id"]).unwrap_or_default(),
                text_of(block, &["name"]).unwrap_or_default(),
                arguments(block),
            )),
            Some("tool_result") => {
                let id = text_of(block, &["tool_use_id"]).unwrap_or_default();
                let result = match block.get("content") {
                    Some(Value::Array(blocks)) => blocks.iter().flat_map(seen).collect(),
                    content => parts(content),
                };
                conversation.push(Message::tool(id, result));
            }
            Some("thinking") => content.push(thinking(block)),
            Some("redacted_thinking") => content.push(opaque(API, block)),
            _ => content.extend(seen(block).into_iter().map(|part| match part {
                // What runs at the provider goes back as it is.
                Part::Unknown(_) if role == Role::Assistant => opaque(API, block),
                part => part,
            })),
        }
    }
    conversation.push(Message::new(role, content).with_tool_calls(calls));
}

/// A block that people see, as parts.
fn seen(block: &Value) -> Vec<Part> {
    let source = block.get("source");
    if source.is_some_and(|source| text_of(source, &["type"]) == Some("content")) {
        // A document that is made of blocks.
        return parts(source.and_then(|source| source.get("content")));
    }
    let citations = items(block.get("citations"));
    match text_of(block, &["text"]) {
        Some(text) if !citations.is_empty() => vec![cited(text, citations)],
        _ => vec![part(block)],
    }
}

/// A text goes back as the block with its citations.
fn cited(text: &str, citations: &[Value]) -> Part {
    let block = json!({"type": "text", "text": text, "citations": citations});
    let data = RawJson::from(json!({"blocks": [block]}));
    Part::Text(TextPart::new(text).with_provider_data(ProviderData::new().with(API, data)))
}

/// What is not signed is shown, and does not go back.
fn thinking(block: &Value) -> Part {
    let text = text_of(block, &["thinking"]).unwrap_or_default();
    let signed = text_of(block, &["signature"]).filter(|signature| !signature.is_empty());
    let item = signed.map(|_| (API.to_owned(), RawJson::from(block.clone()).into()));
    Part::reasoning(text, item)
}

#[cfg(test)]
mod tests {
    use media_types::Mime;

    use super::*;

    fn content(role: &str, blocks: Value) -> Vec<Part> {
        let messages = [json!({"role": role, "content": blocks})];
        read(&messages).messages.remove(0).content
    }

    #[test]
    fn citations_go_back_with_their_text() {
        let block = json!({"type": "text", "text": "It is.", "citations": [
            {"type": "char_location", "cited_text": "is", "document_index": 0}]});
        let parts = content(
            "assistant",
            json!([block, {"type": "text", "text": " So."}]),
        );
        let [Part::Text(cited), Part::Text(plain)] = &parts[..] else {
            panic!("{parts:?}");
        };
        let data = cited
            .provider_data
            .get(API)
            .and_then(|data| data.json())
            .unwrap();
        assert_eq!(data.parse::<Value>().unwrap(), json!({"blocks": [block]}));
        assert!(plain.provider_data.is_empty());
    }

    #[test]
    fn documents_of_every_source_are_media_or_text_and_files_of_the_provider_are_kept() {
        let parts = content(
            "user",
            json!([
                {"type": "document", "title": "a.txt",
                    "source": {"type": "text", "media_type": "text/plain", "data": "words"}},
                {"type": "document", "source": {"type": "content", "content": [
                    {"type": "text", "text": "inner"},
                    {"type": "image", "source":
                        {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}},
                ]}},
                {"type": "document", "source": {"type": "content", "content": "all"}},
                {"type": "document", "source": {"type": "file", "file_id": "file_1"}},
                {"type": "image", "source": {"type": "file", "file_id": "file_2"}},
            ]),
        );
        let [
            Part::Media(words),
            Part::Text(inner),
            Part::Media(image),
            Part::Text(all),
            Part::Unknown(document),
            Part::Unknown(picture),
        ] = &parts[..]
        else {
            panic!("{parts:?}");
        };
        assert_eq!(words.inline().map(|bytes| &bytes[..]), Some(&b"words"[..]));
        assert_eq!(
            (words.mime().to_string().as_str(), words.filename()),
            ("text/plain", Some("a.txt"))
        );
        assert_eq!((inner.text.as_str(), all.text.as_str()), ("inner", "all"));
        assert_eq!(image.mime(), &Mime::IMAGE_PNG);
        // A message may not name files of the provider: they are kept, and not sent.
        for (part, id) in [(document, "file_1"), (picture, "file_2")] {
            assert!(part.json().get().contains(id), "{part:?}");
        }
    }

    #[test]
    fn what_ran_at_the_provider_goes_back_as_it_is() {
        let search =
            json!({"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {}});
        let parts = content(
            "assistant",
            json!([search, {"type": "thinking", "thinking": "hm", "signature": ""}]),
        );
        let [
            Part::Opaque { item, .. },
            Part::Reasoning { opaque: None, .. },
        ] = &parts[..]
        else {
            panic!("{parts:?}");
        };
        assert_eq!(item.json().unwrap().parse::<Value>().unwrap(), search);
    }
}
