//! The JSON of Gemini's contents. Names of fields are those that the official client writes; the
//! API reads both spellings.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

use super::transcript::{Transcript, WireMessage, WirePart};
use super::{Fields, Options, unsupported};
use crate::message::{Role, ToolCall};
use crate::pack::ToolChoice;
use crate::provider::ProviderRequest;
use crate::provider::media::{MediaForm, MediaPlan};
use crate::provider::skeleton::{Encoding, Json};
use crate::tool::ToolDefinition;

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

/// Where a call keeps what the API wants back with it.
const SIGNATURE: &str = "thoughtSignature";

/// Where the files of the API are.
const FILES: &str = "https://generativelanguage.googleapis.com/v1beta/";

pub(super) fn render<'a>(
    request: &'a ProviderRequest<'a>,
    transcript: &'a Transcript<'a>,
    plan: &MediaPlan,
    options: &Options<'a>,
) -> Json<'a> {
    let mut fields: Fields<'a> = Vec::new();
    let later = transcript.messages.iter();
    let later = later.filter(|message| message.role == Role::System);
    let system: Vec<Json<'a>> = request
        .system
        .map(text)
        .into_iter()
        .chain(later.map(|message| text(message.words())))
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
        let mode = match request.tool_choice {
            ToolChoice::Required => Some("ANY"),
            ToolChoice::None => Some("NONE"),
            ToolChoice::Auto => None,
        };
        if let Some(mode) = mode {
            let config = json!({"functionCallingConfig": {"mode": mode}});
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
        super::rename(&mut parameters, from, to);
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

/// All answers of a round stand in one content.
fn contents<'a>(transcript: &'a Transcript<'a>, plan: &MediaPlan) -> Json<'a> {
    let mut contents: Vec<(Role, Vec<Json<'a>>)> = Vec::new();
    for message in &transcript.messages {
        let mut parts = match message.role {
            Role::System => continue,
            Role::Tool => vec![answer(message)],
            Role::User | Role::Assistant => parts(message, plan),
        };
        parts.extend(message.calls.iter().map(call));
        match contents.last_mut() {
            Some((Role::Tool, answers)) if message.role == Role::Tool => answers.extend(parts),
            _ if parts.is_empty() => {}
            _ => contents.push((message.role, parts)),
        }
    }
    let contents = contents.into_iter().map(|(role, parts)| {
        let role = if role == Role::Assistant {
            "model"
        } else {
            "user"
        };
        Json::object([("parts", Json::Array(parts)), ("role", Json::text(role))])
    });
    Json::Array(contents.collect())
}

fn call(call: &ToolCall) -> Json<'_> {
    let function = Json::object([
        ("args", super::arguments(call).into()),
        ("name", Json::text(&call.name)),
    ]);
    let mut fields: Fields<'_> = vec![("functionCall".into(), function)];
    if let Some(signature) = call.provider_data.get(SIGNATURE) {
        fields.push((SIGNATURE.into(), Json::Value(Cow::Borrowed(signature))));
    }
    Json::Object(fields)
}

fn answer<'a>(message: &'a WireMessage<'a>) -> Json<'a> {
    let words = message.words();
    let response = match serde_json::from_str(&words) {
        Ok(object @ Value::Object(_)) => object,
        // The API takes objects only; this is its own word for a plain result.
        _ => json!({"output": words}),
    };
    let name = message.tool.or(message.answers).unwrap_or_default();
    Json::object([(
        "functionResponse",
        Json::object([("name", Json::text(name)), ("response", response.into())]),
    )])
}

fn parts<'a>(message: &'a WireMessage<'a>, plan: &MediaPlan) -> Vec<Json<'a>> {
    let parts = message.parts.iter().filter_map(|part| match part {
        WirePart::Text(said) if said.is_empty() => None,
        WirePart::Text(said) => Some(text(said.as_ref())),
        WirePart::Media(index) => Some(media(*index, plan)),
    });
    parts.collect()
}

fn text<'a>(text: impl Into<Cow<'a, str>>) -> Json<'a> {
    Json::object([("text", Json::text(text))])
}

fn media<'a>(index: usize, plan: &MediaPlan) -> Json<'a> {
    let Some((content, form)) = plan.get(index) else {
        return text("");
    };
    let file = |uri: String| {
        let file = Json::object([
            ("file_uri", Json::text(uri)),
            ("mime_type", Json::text(content.mime().to_string())),
        ]);
        Json::object([("fileData", file)])
    };
    match form {
        MediaForm::Note { text: note, .. } => text(note.clone()),
        // An id is the file's name (`files/abc`) or its whole address.
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
            Json::object([("inlineData", inline)])
        }
        MediaForm::Upload { .. } => text(unsupported(content)),
    }
}
