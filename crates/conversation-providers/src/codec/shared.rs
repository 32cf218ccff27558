//! What the codecs share.

use std::borrow::Cow;

use conversation_types::{OmissionReason, OmittedMedia, ToolCall};
use media_types::{MediaContent, MediaType, Mime};
use serde::de::IgnoredAny;
use serde_json::{Map, Value};

use crate::media::MediaForm;
use crate::template::Json;

pub(crate) type Fields<'a> = Vec<(Cow<'a, str>, Json<'a>)>;

/// The text for media that a capability file promises and the API has no form for.
pub(crate) fn unsupported(content: &MediaContent) -> String {
    let detail = "this provider does not accept it in this form";
    OmittedMedia::new(content, OmissionReason::Unsupported, detail).text()
}

/// The arguments of a call, for APIs that take nothing but an object.
pub(crate) fn arguments(call: &ToolCall) -> Value {
    match serde_json::from_str(&call.arguments) {
        Ok(arguments @ Value::Object(_)) => arguments,
        _ if call.arguments.trim().is_empty() => Value::Object(Map::new()),
        // The model sees again what it wrote.
        _ => serde_json::json!({"arguments": call.arguments}),
    }
}

/// The arguments of a call, for APIs that take a text: servers parse it, and refuse every later request
/// where it is no object.
pub(crate) fn arguments_text(call: &ToolCall) -> Cow<'_, str> {
    let text = call.arguments.trim_start();
    let is_object = text.starts_with('{') && serde_json::from_str::<IgnoredAny>(text).is_ok();
    match is_object {
        true => call.arguments.as_str().into(),
        false => arguments(call).to_string().into(),
    }
}

/// Gives a parameter the name that an API has for it.
pub(crate) fn rename(parameters: &mut Map<String, Value>, from: &str, to: &str) {
    if let Some(value) = parameters.remove(from) {
        parameters.entry(to).or_insert(value);
    }
}

/// The kind of media that goes out: bytes may be of another than the message says.
pub(crate) fn kind_of(content: &MediaContent, form: &MediaForm) -> MediaType {
    match form {
        MediaForm::Base64 { mime, .. } => mime.media_type(),
        _ => content.media_type(),
    }
}

/// The name under which a document goes out.
pub(crate) fn document_name(content: &MediaContent, mime: &Mime) -> String {
    content.filename().map_or_else(
        || format!("document.{}", mime.extension()),
        ToOwned::to_owned,
    )
}
