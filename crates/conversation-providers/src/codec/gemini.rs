//! The JSON of a Gemini contents request. Names of fields are those that the official client
//! writes; the API reads both spellings.

use std::borrow::Cow;

use conversation_types::{RawJson, Role, ToolChoice, ToolDefinition};
use serde_json::{Map, Value, json};

use super::options::CodecOptions;
use super::shared::{Fields, arguments, rename, unsupported};
use crate::media::{Encoding, MediaForm, MediaPlan};
use crate::request::ProviderRequest;
use crate::template::Json;
use crate::transcript::{Transcript, WireCall, WireMessage, WirePart};

/// Parameters that are the request itself.
const RESERVED: [&str; 6] = [
    "contents",
    "systemInstruction",
    "messages",
    "stream",
    "model",
    "tool_choice",
];

/// Parameters that stand beside the configuration of the answer.
const BESIDE: [&str; 5] = [
    "cachedContent",
    "labels",
    "safetySettings",
    "serviceTier",
    "toolConfig",
];

/// Common names, and the API's.
const RENAMED: [(&str, &str); 8] = [
    ("max_tokens", "maxOutputTokens"),
    ("max_completion_tokens", "maxOutputTokens"),
    ("top_p", "topP"),
    ("top_k", "topK"),
    ("stop", "stopSequences"),
    ("presence_penalty", "presencePenalty"),
    ("frequency_penalty", "frequencyPenalty"),
    ("response_modalities", "responseModalities"),
];

/// Where the files of the API are.
const FILES: &str = "https://generativelanguage.googleapis.com/v1beta/";

pub(super) fn render<'a>(
    request: &'a ProviderRequest<'a>,
    transcript: &'a Transcript<'a>,
    plan: &MediaPlan,
    options: &CodecOptions<'a>,
) -> Json<'a> {
    let mut fields: Fields<'a> = Vec::new();
    let later = transcript.messages.iter();
    let later = later.filter(|message| message.role == Role::System);
    let system: Vec<Json<'a>> = request
        .system
        .map(text)
        .into_iter()
        .chain(later.map(|message| text(message.joined_text())))
        .collect();
    if !system.is_empty() {
        let instruction =
            Json::object([("parts", Json::Array(system)), ("role", Json::text("user"))]);
        fields.push(("systemInstruction".into(), instruction));
    }
    let mut parameters = options.parameters(request, &RESERVED);
    let mut tools = Vec::new();
    if !request.tools.is_empty() {
        let declarations = request.tools.iter().map(tool).collect();
        tools.push(Json::object([(
            "functionDeclarations",
            Json::Array(declarations),
        )]));
        let config = match &request.tool_choice {
            ToolChoice::Required => Some(json!({"mode": "ANY"})),
            ToolChoice::None => Some(json!({"mode": "NONE"})),
            ToolChoice::Tool(name) => Some(json!({"mode": "ANY", "allowedFunctionNames": [name]})),
            _ => None,
        };
        if let Some(config) = config {
            let config = json!({"functionCallingConfig": config});
            parameters.insert("toolConfig".to_owned(), config);
        }
    }
    // Tools that run at the provider are given as they are.
    if let Some(Value::Array(hosted)) = parameters.remove("tools") {
        tools.extend(hosted.into_iter().map(Json::from));
    }
    if !tools.is_empty() {
        fields.push(("tools".into(), Json::Array(tools)));
    }
    for name in BESIDE {
        if let Some(value) = parameters.remove(name) {
            fields.push((name.into(), value.into()));
        }
    }
    let config = configuration(parameters);
    if !config.is_empty() {
        fields.push(("generationConfig".into(), Value::Object(config).into()));
    }
    fields.push(("contents".into(), contents(transcript, plan)));
    Json::Object(fields)
}

fn configuration(mut parameters: Map<String, Value>) -> Map<String, Value> {
    for (from, to) in RENAMED {
        rename(&mut parameters, from, to);
    }
    if let Some(stop) = parameters.get_mut("stopSequences")
        && !stop.is_array()
    {
        *stop = json!([stop.take()]);
    }
    parameters
}

fn tool(tool: &ToolDefinition) -> Json<'_> {
    let mut fields: Fields<'_> = vec![("name".into(), Json::text(&tool.name))];
    if !tool.description.is_empty() {
        fields.push(("description".into(), Json::text(&tool.description)));
    }
    if !tool.parameters.is_null() {
        let parameters = Json::Value(Cow::Borrowed(&tool.parameters));
        fields.push(("parameters_json_schema".into(), parameters));
    }
    Json::Object(fields)
}

/// All results of a round stand in one content; so do consecutive messages of the user.
fn contents<'a>(transcript: &'a Transcript<'a>, plan: &MediaPlan) -> Json<'a> {
    let mut contents: Vec<(Role, Vec<Json<'a>>)> = Vec::new();
    for message in &transcript.messages {
        let mut parts = match message.role {
            Role::System => continue,
            Role::Tool => vec![response(message)],
            _ => parts(message, plan),
        };
        parts.extend(message.calls.iter().map(call));
        match contents.last_mut() {
            Some((last, all)) if *last == message.role && *last != Role::Assistant => {
                all.extend(parts);
            }
            _ if parts.is_empty() => {}
            _ => contents.push((message.role, parts)),
        }
    }
    let contents = contents.into_iter().map(|(role, parts)| {
        let role = match role {
            Role::Assistant => "model",
            _ => "user",
        };
        Json::object([("parts", Json::Array(parts)), ("role", Json::text(role))])
    });
    Json::Array(contents.collect())
}

fn call<'a>(call: &'a WireCall<'a>) -> Json<'a> {
    let function = Json::object([
        ("args", arguments(call.call).into()),
        ("name", Json::text(&call.call.name)),
    ]);
    let fields = vec![("functionCall".into(), function)];
    with_data(fields, call.data.as_deref())
}

fn response<'a>(message: &'a WireMessage<'a>) -> Json<'a> {
    let text = message.joined_text();
    let response = match serde_json::from_str(&text) {
        Ok(object @ Value::Object(_)) => object,
        // The API takes objects only; this is its own word for a plain result.
        _ => json!({"output": text}),
    };
    let name = message.answers.map_or("", |call| call.name.as_str());
    Json::object([(
        "functionResponse",
        Json::object([("name", Json::text(name)), ("response", response.into())]),
    )])
}

fn parts<'a>(message: &'a WireMessage<'a>, plan: &MediaPlan) -> Vec<Json<'a>> {
    let parts = message.parts.iter().map(|part| match part {
        WirePart::Text { text, data } => {
            let fields = vec![("text".into(), Json::text(text.as_ref()))];
            with_data(fields, data.as_deref())
        }
        WirePart::Media { index, data } => with_data(media(*index, plan), data.as_deref()),
        WirePart::Opaque(item) => Json::Raw(item.get().into()),
    });
    parts.collect()
}

/// A part with the fields that go back beside it, such as its signature.
fn with_data<'a>(mut part: Fields<'a>, data: Option<&RawJson>) -> Json<'a> {
    let fields = data.and_then(|data| data.parse::<Map<String, Value>>().ok());
    for (name, value) in fields.into_iter().flatten() {
        part.push((name.into(), value.into()));
    }
    Json::Object(part)
}

fn text<'a>(text: impl Into<Cow<'a, str>>) -> Json<'a> {
    Json::object([("text", Json::text(text))])
}

fn media<'a>(index: usize, plan: &MediaPlan) -> Fields<'a> {
    let text = |text: String| -> Fields<'a> { vec![("text".into(), Json::text(text))] };
    let Some((content, form)) = plan.get(index) else {
        return text(String::new());
    };
    let file = |uri: String| -> Fields<'a> {
        let file = Json::object([
            ("file_uri", Json::text(uri)),
            ("mime_type", Json::text(content.mime().to_string())),
        ]);
        vec![("fileData".into(), file)]
    };
    match form {
        MediaForm::Omitted(omitted) => text(omitted.text()),
        // An id is the file's name (`files/abc`) or its whole URI.
        MediaForm::ProviderFile(id) if id.id().contains("://") => file(id.id().to_owned()),
        MediaForm::ProviderFile(id) => file(format!("{FILES}{}", id.id())),
        MediaForm::Url(url) => file(url.as_str().to_owned()),
        MediaForm::Base64 { mime, .. } => {
            let data = Json::Media {
                prefix: String::new(),
                media: index,
                encoding: Encoding::Base64Url,
            };
            let inline =
                Json::object([("data", data), ("mime_type", Json::text(mime.to_string()))]);
            vec![("inlineData".into(), inline)]
        }
        MediaForm::Upload { .. } => text(unsupported(content)),
    }
}
