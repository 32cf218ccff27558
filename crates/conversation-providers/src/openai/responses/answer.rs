//! Messages of the model as items, in order.

use std::borrow::Cow;

use conversation_types::RawJson;
use serde_json::{Map, Value};

use crate::codec::{Fields, arguments_text};
use crate::media::{MediaForm, MediaPlan};
use crate::template::Json;
use crate::transcript::{WireCall, WireMessage, WirePart};

/// Returns the items of a message of the model. Unsigned, without reasoning and the ids by which the API
/// asks for it.
pub(super) fn answer_items<'a>(
    message: &'a WireMessage<'a>,
    plan: &MediaPlan,
    unsigned: bool,
) -> Vec<Json<'a>> {
    let mut items = Vec::new();
    let mut said = Said::default();
    for part in &message.parts {
        match part {
            WirePart::Text { text, data } => {
                let data = data.as_deref().filter(|_| !unsigned);
                said.push(text, data, &mut items);
            }
            WirePart::Opaque {
                is_signed: true, ..
            } if unsigned => {}
            WirePart::Opaque { item, .. } => {
                said.end(&mut items);
                items.push(Json::raw(item.get()));
            }
            WirePart::Call(call) => {
                said.end(&mut items);
                items.push(render_call(call, unsigned));
            }
            WirePart::Media { index, data } => {
                said.end(&mut items);
                items.extend(image(*index, data.as_deref(), plan));
            }
        }
    }
    said.end(&mut items);
    items
}

/// Text that stands together.
#[derive(Default)]
struct Said<'a> {
    /// Text without an item of its own, which is one item together.
    plain: Vec<&'a str>,
    /// A message of the API, whose content may be in several parts.
    message: Option<Map<String, Value>>,
}

impl<'a> Said<'a> {
    fn push(&mut self, text: &'a str, data: Option<&RawJson>, items: &mut Vec<Json<'a>>) {
        let message = data.and_then(|data| data.parse::<Map<String, Value>>().ok());
        let Some(mut message) = message else {
            if self.message.is_some() {
                self.end(items);
            }
            self.plain.push(text);
            return;
        };
        let content = message.remove("content");
        let content = content.and_then(|mut content| Some(content.get_mut(0)?.take()));
        let Some(Value::Object(mut content)) = content else {
            self.plain.push(text);
            return;
        };
        let name = match content.get("type").and_then(Value::as_str) {
            Some("refusal") => "refusal",
            _ => "text",
        };
        content.insert(name.to_owned(), text.into());
        let is_same = |open: &mut Map<String, Value>| open.get("id") == message.get("id");
        let open = self.message.take_if(is_same);
        if open.is_none() {
            self.end(items);
        }
        // The newest says how the message ended.
        let contents = open.and_then(|mut open| open.remove("content"));
        let mut contents = match contents {
            Some(Value::Array(contents)) => contents,
            _ => Vec::new(),
        };
        contents.push(content.into());
        message.insert("content".to_owned(), Value::Array(contents));
        self.message = Some(message);
    }

    fn end(&mut self, items: &mut Vec<Json<'a>>) {
        if !self.plain.is_empty() {
            items.push(plain("assistant", self.plain.join("\n")));
            self.plain.clear();
        }
        items.extend(
            self.message
                .take()
                .map(|item| Json::from(Value::Object(item))),
        );
    }
}

/// A message of plain text.
pub(super) fn plain<'a>(role: &'a str, text: impl Into<Cow<'a, str>>) -> Json<'a> {
    Json::object([("role", Json::text(role)), ("content", Json::text(text))])
}

/// An image that the model made, byte for byte. Of the fields beside it only those go back that
/// every version of the API takes.
fn image<'a>(index: usize, data: Option<&RawJson>, plan: &MediaPlan) -> Option<Json<'a>> {
    let (_, form) = plan.get(index)?;
    match form {
        MediaForm::Base64 { .. } => {
            let item = data.and_then(|data| data.parse::<Map<String, Value>>().ok());
            let item = item.unwrap_or_default();
            let field = |name: &str| item.get(name).cloned().unwrap_or_default().into();
            let item = Json::object([
                ("type", field("type")),
                ("id", field("id")),
                ("status", field("status")),
                ("result", Json::base64("", index)),
            ]);
            Some(Json::item(index, item))
        }
        MediaForm::Omitted(omitted) => Some(plain("assistant", omitted.text())),
        _ => None,
    }
}

/// A call, with the fields of its item that messages do not hold themselves; unsigned, without its id.
pub(super) fn render_call<'a>(call: &'a WireCall<'a>, unsigned: bool) -> Json<'a> {
    let mut fields: Fields<'a> = vec![
        ("type".into(), Json::text("function_call")),
        ("call_id".into(), Json::text(call.id.as_ref())),
        ("name".into(), Json::text(&call.call.name)),
        ("arguments".into(), Json::text(arguments_text(call.call))),
    ];
    let data = call.data.as_deref();
    let data = data.and_then(|data| data.parse::<Map<String, Value>>().ok());
    let data = data.into_iter().flatten();
    for (name, value) in data.filter(|(name, _)| !unsigned || name != "id") {
        fields.push((name.into(), value.into()));
    }
    Json::object(fields)
}
