//! Contents of Google's Gemini.

use conversation_sdk::types::ProviderData;
use conversation_sdk::{Message, Part, RawJson, Role, ToolCall};
use serde_json::{Map, Value};

use super::foreign::{Foreign, items, role_of, text_of};
use super::openai::arguments;
use super::parts::{opaque, part, parts};

/// The family of the API, in the data of providers.
const API: &str = "gemini";

/// Reads a list of contents.
pub(super) fn read(contents: &[Value]) -> Foreign {
    let mut reader = Reader::default();
    for content in contents {
        reader.content(content);
    }
    reader.conversation
}

#[derive(Default)]
struct Reader {
    conversation: Foreign,
    /// How many calls got an id here.
    numbered: usize,
    /// Names and ids of calls without an answer.
    open: Vec<(String, String)>,
}

impl Reader {
    fn content(&mut self, content: &Value) {
        let role = role_of(text_of(content, &["role"]).unwrap_or("user"));
        let (mut own, mut calls) = (Vec::new(), Vec::new());
        for value in items(content.get("parts")) {
            if let Some(call) = field(value, "functionCall", "function_call") {
                calls.push(self.call(value, call));
            } else if let Some(answer) = field(value, "functionResponse", "function_response") {
                let answer = self.answer(answer);
                self.conversation.push(answer);
            } else if value.get("thought") == Some(&Value::Bool(true)) {
                own.push(thought(value));
            } else {
                own.push(own_part(role, value));
            }
        }
        let message = Message::new(role, own).with_tool_calls(calls);
        self.conversation.push(message);
    }

    /// A call goes back with its signature. One without an id gets a number.
    fn call(&mut self, value: &Value, call: &Value) -> ToolCall {
        let name = text_of(call, &["name"]).unwrap_or_default();
        let given = text_of(call, &["id"]).filter(|id| !id.is_empty());
        let id = given.map(str::to_owned).unwrap_or_else(|| {
            self.numbered += 1;
            format!("call-{}", self.numbered)
        });
        self.open.push((name.to_owned(), id.clone()));
        ToolCall::new(id, name, arguments(call)).with_provider_data(data_of(value))
    }

    /// An answer without an id is that of the first open call of its name.
    fn answer(&mut self, answer: &Value) -> Message {
        let name = text_of(answer, &["name"]).unwrap_or_default();
        let given = text_of(answer, &["id"]).filter(|id| !id.is_empty());
        let is_its = |(of, id): &(String, String)| given.map_or(of == name, |given| id == given);
        let called = self.open.iter().position(is_its);
        let called = called.map(|at| self.open.remove(at).1);
        let id = called.unwrap_or_else(|| given.unwrap_or(name).to_owned());
        let response = answer.get("response");
        let mut content: Vec<Part> = response
            .map(|response| Part::text(response.to_string()))
            .into_iter()
            .collect();
        content.extend(parts(answer.get("parts")));
        Message::tool(id, content)
    }
}

fn field<'a>(value: &'a Value, camel: &str, snake: &str) -> Option<&'a Value> {
    let found = value.get(camel).or_else(|| value.get(snake));
    found.filter(|found| found.is_object())
}

fn own_part(role: Role, value: &Value) -> Part {
    match part(value) {
        Part::Text(text) => Part::Text(text.with_provider_data(data_of(value))),
        Part::Media(content) => Part::Media(data_of(value).attach_to(content)),
        // What runs at the provider goes back as it is.
        Part::Unknown(_) if role == Role::Assistant => opaque(API, value),
        part => part,
    }
}

/// The fields of a part that go back beside what messages hold of it: its signature, the id of a call,
/// and whatever is not known here.
fn data_of(part: &Value) -> ProviderData {
    const HELD: [&str; 5] = ["text", "inlineData", "inline_data", "fileData", "file_data"];
    let mut fields: Map<String, Value> = part.as_object().cloned().unwrap_or_default();
    for name in HELD {
        fields.remove(name);
    }
    let call = fields.remove("functionCall");
    if let Some(Value::Object(mut call)) = call.or_else(|| fields.remove("function_call")) {
        for name in ["name", "args"] {
            call.remove(name);
        }
        if !call.is_empty() {
            fields.insert("functionCall".to_owned(), call.into());
        }
    }
    if let Some(signature) = fields.remove("thought_signature") {
        fields.insert("thoughtSignature".to_owned(), signature);
    }
    match fields.is_empty() {
        true => ProviderData::new(),
        false => ProviderData::new().with(API, RawJson::from(Value::Object(fields))),
    }
}

fn thought(value: &Value) -> Part {
    let text = text_of(value, &["text"]).unwrap_or_default();
    let item = RawJson::from(value.clone());
    Part::reasoning(text, Some((API.to_owned(), item.into())))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn signatures_go_back_with_what_they_sign() {
        let image = json!({"mimeType": "image/png", "data": "iVBORw0KGgo="});
        let conversation = read(&[
            json!({"role": "user", "parts": [{"text": "draw"}]}),
            json!({"role": "model", "parts": [
                {"text": "hm", "thought": true, "thoughtSignature": "dGhvdWdodA=="},
                {"text": "here", "thoughtSignature": "dGV4dA=="},
                {"inlineData": image, "thought_signature": "aW1hZ2U="},
                {"functionCall": {"id": "f1", "name": "look", "args": {"x": 1}},
                    "thoughtSignature": "Y2FsbA=="},
                {"executableCode": {"language": "PYTHON", "code": "1"}},
            ]}),
        ]);
        let answer = &conversation.messages[1];
        let json = |data: &ProviderData| {
            let data = data.get(API).and_then(|data| data.json()).unwrap();
            data.parse::<Value>().unwrap()
        };
        let [
            Part::Reasoning {
                opaque: Some((_, item)),
                ..
            },
            Part::Text(text),
            Part::Media(media),
            Part::Opaque { .. },
        ] = &answer.content[..]
        else {
            panic!("{answer:?}");
        };
        let item = item.json().unwrap().parse::<Value>().unwrap();
        assert_eq!(item["thoughtSignature"], "dGhvdWdodA==");
        assert_eq!(
            json(&text.provider_data),
            json!({"thoughtSignature": "dGV4dA=="})
        );
        let of_media = ProviderData::of_media(media);
        assert_eq!(json(&of_media), json!({"thoughtSignature": "aW1hZ2U="}));
        let call = &answer.tool_calls[0];
        assert_eq!(call.id, "f1");
        assert_eq!(
            json(&call.provider_data),
            json!({"thoughtSignature": "Y2FsbA==", "functionCall": {"id": "f1"}})
        );
        let Part::Text(asked) = &conversation.messages[0].content[0] else {
            panic!("{conversation:?}");
        };
        assert!(asked.provider_data.is_empty());
    }

    #[test]
    fn parallel_calls_of_one_function_have_ids_and_answers_of_their_own() {
        let call = |x| json!({"functionCall": {"name": "look", "args": {"x": x}}});
        let answer = |x| json!({"functionResponse": {"name": "look", "response": {"x": x}}});
        let conversation = read(&[
            json!({"role": "model", "parts": [call(1), call(2)]}),
            json!({"role": "user", "parts": [answer(1), answer(2)]}),
            json!({"role": "model", "parts": [call(3)]}),
            json!({"role": "user", "parts": [answer(3)]}),
        ]);
        let calls = conversation
            .messages
            .iter()
            .flat_map(|message| &message.tool_calls);
        let calls: Vec<_> = calls
            .map(|call| (call.id.as_str(), call.arguments.as_str()))
            .collect();
        assert_eq!(
            calls,
            [
                ("call-1", r#"{"x":1}"#),
                ("call-2", r#"{"x":2}"#),
                ("call-3", r#"{"x":3}"#)
            ]
        );
        let tools = conversation
            .messages
            .iter()
            .filter(|message| message.role == Role::Tool);
        let answers: Vec<_> = tools
            .map(|message| (message.tool_call_id.as_deref().unwrap(), message.text()))
            .collect();
        let wanted = [("call-1", 1), ("call-2", 2), ("call-3", 3)];
        let wanted = wanted.map(|(id, x)| (id, json!({"x": x}).to_string()));
        assert_eq!(answers, wanted);
    }
}
