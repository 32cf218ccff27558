//! Messages of OpenAI's Chat Completions, and items of its Responses.

use conversation_sdk::types::{ProviderData, TextPart};
use conversation_sdk::{Message, Part, RawJson, Role, ToolCall};
use serde_json::{Map, Value};

use super::foreign::{Foreign, OPENAI, items, role_of, text_of};
use super::media::base64;
use super::parts::{opaque, part, parts};

/// Reads a list of messages or items.
pub(super) fn read(messages: &[Value]) -> Foreign {
    let mut conversation = Foreign::default();
    for value in messages {
        item(value, &mut conversation);
    }
    conversation
}

fn item(value: &Value, conversation: &mut Foreign) {
    match text_of(value, &["type"]) {
        Some("function_call") => {
            let call = ToolCall::new(
                text_of(value, &["call_id", "id"]).unwrap_or_default(),
                text_of(value, &["name"]).unwrap_or_default(),
                text_of(value, &["arguments"]).unwrap_or("{}"),
            );
            let held = ["type", "call_id", "name", "arguments"];
            conversation.push_call(call.with_provider_data(data_without(value, &held)));
        }
        Some("function_call_output" | "computer_call_output") => {
            let id = text_of(value, &["call_id"]).unwrap_or_default();
            conversation.push(Message::tool(id, parts(value.get("output"))));
        }
        Some("image_generation_call") => {
            let format = text_of(value, &["output_format"]);
            let mime = format.and_then(media_types::Mime::from_extension);
            let image = text_of(value, &["result"]).and_then(|result| base64(result, mime));
            let part = match image {
                Some(image) => Part::Media(data_without(value, &["result"]).attach_to(image)),
                None => opaque(OPENAI, value),
            };
            conversation.push_to_last(Role::Assistant, part);
        }
        Some("message") if is_item(value) => {
            for content in items(value.get("content")) {
                conversation.push_to_last(Role::Assistant, text_part(value, content));
            }
        }
        None | Some("message") => conversation.push(message(value)),
        Some("reasoning") => conversation.push_to_last(Role::Assistant, reasoning(value)),
        Some(_) => conversation.push_to_last(Role::Assistant, opaque(OPENAI, value)),
    }
}

/// Whether a message is an item of an answer, which goes back with its id and phase.
fn is_item(value: &Value) -> bool {
    text_of(value, &["role"]) == Some("assistant")
        && text_of(value, &["id"]).is_some()
        && items(value.get("content")).iter().all(Value::is_object)
}

/// A content of a message of an answer, with the message around it as its data.
fn text_part(message: &Value, content: &Value) -> Part {
    let name = match text_of(content, &["type"]) {
        Some("refusal") => "refusal",
        _ => "text",
    };
    let (Some(message), Some(content)) = (message.as_object(), content.as_object()) else {
        return part(content);
    };
    let (mut shell, mut content) = (message.clone(), content.clone());
    let text = content.remove(name);
    let text = text.as_ref().and_then(Value::as_str).unwrap_or_default();
    shell.insert("content".to_owned(), Value::Array(vec![content.into()]));
    let data = ProviderData::new().with(OPENAI, RawJson::from(Value::Object(shell)));
    Part::Text(TextPart::new(text).with_provider_data(data))
}

/// Reasoning with its item; its text is the summary, or what the provider shows of it.
fn reasoning(value: &Value) -> Part {
    let texts = ["summary", "content"].iter().find_map(|key| {
        let texts = items(value.get(*key)).iter();
        let texts: Vec<_> = texts.filter_map(|part| text_of(part, &["text"])).collect();
        (!texts.is_empty()).then(|| texts.join("\n\n"))
    });
    let item = (OPENAI.to_owned(), RawJson::from(value.clone()).into());
    Part::reasoning(texts.unwrap_or_default(), Some(item))
}

/// The fields of an item that messages do not hold themselves.
fn data_without(item: &Value, held: &[&str]) -> ProviderData {
    let mut fields: Map<String, Value> = item.as_object().cloned().unwrap_or_default();
    fields.retain(|name, _| !held.contains(&name.as_str()));
    match fields.is_empty() {
        true => ProviderData::new(),
        false => ProviderData::new().with(OPENAI, RawJson::from(Value::Object(fields))),
    }
}

/// Reads a message, as other programs write it too.
pub(super) fn message(value: &Value) -> Message {
    let role = role_of(text_of(value, &["role"]).unwrap_or_default());
    let mut content = parts(value.get("content"));
    if let Some(refusal) = text_of(value, &["refusal"]) {
        content.push(Part::text(refusal));
    }
    if let Some(audio) = value.get("audio") {
        let data = text_of(audio, &["data"]);
        let media = data.and_then(|data| base64(data, None));
        content.extend(media.map(|media| match text_of(audio, &["transcript"]) {
            Some(transcript) => Part::Media(media.with_transcript(transcript)),
            None => Part::Media(media),
        }));
    }
    if role == Role::Tool {
        let id = text_of(value, &["tool_call_id"]).unwrap_or_default();
        return Message::tool(id, content);
    }
    let calls = items(value.get("tool_calls"));
    let calls = calls.iter().map(|call| {
        let function = call.get("function").unwrap_or(call);
        ToolCall::new(
            text_of(call, &["id"]).unwrap_or_default(),
            text_of(function, &["name"]).unwrap_or_default(),
            arguments(function),
        )
    });
    Message::new(role, content).with_tool_calls(calls.collect())
}

/// The arguments of a call as JSON text.
pub(super) fn arguments(call: &Value) -> String {
    let found = ["arguments", "args", "input"]
        .iter()
        .find_map(|key| call.get(*key));
    match found {
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
        None => "{}".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn json_of(data: &ProviderData) -> Value {
        let data = data.get(OPENAI).and_then(|data| data.json()).unwrap();
        data.parse().unwrap()
    }

    #[test]
    fn items_of_an_answer_go_back_with_their_ids_in_their_order() {
        let reasoning = |id: &str| {
            json!({"type": "reasoning", "id": id, "summary": [],
            "encrypted_content": "e"})
        };
        let call = |id: &str| {
            json!({"type": "function_call", "id": format!("fc_{id}"),
            "call_id": id, "name": "look", "arguments": "{}", "status": "completed"})
        };
        let output =
            |id: &str| json!({"type": "function_call_output", "call_id": id, "output": "x"});
        let text = json!({"type": "output_text", "text": "Wait.", "annotations": []});
        let conversation = read(&[
            json!({"role": "user", "content": "look twice"}),
            reasoning("rs_1"),
            json!({"type": "message", "role": "assistant", "id": "msg_1", "status": "completed",
                "phase": "commentary", "content": [text]}),
            call("1"),
            reasoning("rs_2"),
            call("2"),
            output("1"),
            output("2"),
        ]);
        let roles: Vec<_> = conversation
            .messages
            .iter()
            .map(|message| message.role)
            .collect();
        assert_eq!(roles, [Role::User, Role::Assistant, Role::Tool, Role::Tool]);
        let answer = &conversation.messages[1];
        let [
            Part::Reasoning { .. },
            Part::Text(text),
            Part::Opaque { item, .. },
            Part::Reasoning { .. },
        ] = &answer.content[..]
        else {
            panic!("{answer:?}");
        };
        assert_eq!(text.text, "Wait.");
        assert_eq!(
            json_of(&text.provider_data),
            json!({"type": "message", "role": "assistant", "id": "msg_1", "status": "completed",
                "phase": "commentary", "content": [{"type": "output_text", "annotations": []}]})
        );
        let place = item.json().unwrap().parse::<Value>().unwrap();
        assert_eq!(place, json!({"type": "tool_call_position", "id": "1"}));
        let ids: Vec<_> = answer
            .tool_calls
            .iter()
            .map(|call| call.id.as_str())
            .collect();
        assert_eq!(ids, ["1", "2"]);
        let data = json_of(&answer.tool_calls[0].provider_data);
        assert_eq!(data, json!({"id": "fc_1", "status": "completed"}));
    }

    #[test]
    fn generated_images_go_back_as_their_items() {
        let conversation = read(&[json!({"type": "image_generation_call", "id": "ig_1",
            "status": "completed", "output_format": "png", "result": "iVBORw0KGgo="})]);
        let Part::Media(image) = &conversation.messages[0].content[0] else {
            panic!("{conversation:?}");
        };
        let data = json_of(&ProviderData::of_media(image));
        assert_eq!(
            data,
            json!({"type": "image_generation_call", "id": "ig_1", "status": "completed",
                "output_format": "png"})
        );
    }
}
