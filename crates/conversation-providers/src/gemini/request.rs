//! The JSON of a Gemini contents request. Names of fields are those that the official client
//! writes; the API reads both spellings.

use std::borrow::Cow;

use conversation_types::{RawJson, Role, ToolChoice, ToolDefinition};
use media_types::Mime;
use serde_json::{Map, Value, json};

use crate::answer::JsonPath;
use crate::answer::Step::{Each, Key};
use crate::codec::{CodecOptions, Fields, FormatSpec, arguments, rename, unsupported};
use crate::format::ApiFormat;
use crate::media::{MediaForm, MediaPlan};
use crate::request::ProviderRequest;
use crate::template::Json;
use crate::transcript::{CallIds, Transcript, TranscriptRules, WireCall, WireMessage, WirePart};

/// The name of the provider, and of the family of its opaque items.
pub(super) const NAME: &str = "gemini";

impl ApiFormat {
    /// Gemini's contents: `POST /v1/models/<model>:generateContent`, or
    /// `:streamGenerateContent`. The model is in the URL and not in the body.
    pub const GEMINI_CONTENTS: Self = Self::new(&CONTENTS);
}

/// The JSON of contents.
static CONTENTS: FormatSpec = FormatSpec {
    capability_name: "gemini.generate_content",
    rules: TranscriptRules {
        family: NAME,
        system_is_message: false,
        takes_opaque_items: true,
        call_ids: CallIds::Any,
        names_audio: false,
        media_in_results: |model| !is_old(model),
        media_in_answers: |_| true,
    },
    media: MEDIA,
    render,
};

const MEDIA: &[JsonPath] = &[
    &[
        Key("candidates"),
        Each,
        Key("content"),
        Key("parts"),
        Each,
        Key("inlineData"),
        Key("data"),
    ],
    // As proto3 also allows it to be written.
    &[
        Key("candidates"),
        Each,
        Key("content"),
        Key("parts"),
        Each,
        Key("inline_data"),
        Key("data"),
    ],
    // Streams that are not asked for as events are one array.
    &[
        Each,
        Key("candidates"),
        Each,
        Key("content"),
        Key("parts"),
        Each,
        Key("inlineData"),
        Key("data"),
    ],
    &[
        Each,
        Key("candidates"),
        Each,
        Key("content"),
        Key("parts"),
        Each,
        Key("inline_data"),
        Key("data"),
    ],
];

/// Whether a model is of a generation that takes no media in results of tools, and checks no
/// signatures.
fn is_old(model: &str) -> bool {
    let name = model.rsplit('/').next().unwrap_or(model);
    ["gemini-1", "gemini-2", "gemini-pro"]
        .iter()
        .any(|old| name.starts_with(old))
}

/// What stands for the signature of a call that another model made, or whose own was refused.
const SKIP_SIGNATURE: &str = "skip_thought_signature_validator";

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

fn render<'a>(
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
            Json::object([("parts", Json::array(system)), ("role", Json::text("user"))]);
        fields.push(("systemInstruction".into(), instruction));
    }
    let mut parameters = options.parameters(request, &RESERVED);
    let mut tools = Vec::new();
    if !request.tools.is_empty() {
        let declarations = request.tools.iter().map(tool);
        tools.push(Json::object([(
            "functionDeclarations",
            Json::array(declarations),
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
        fields.push(("tools".into(), Json::array(tools)));
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
    fields.push(("contents".into(), contents(transcript, plan, options)));
    Json::object(fields)
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
        let parameters = Json::from(&tool.parameters);
        fields.push(("parameters_json_schema".into(), parameters));
    }
    Json::object(fields)
}

/// All results of a round stand in one content; so do consecutive messages of the user.
fn contents<'a>(
    transcript: &'a Transcript<'a>,
    plan: &MediaPlan,
    options: &CodecOptions<'a>,
) -> Json<'a> {
    let mut contents: Vec<(Role, Vec<Json<'a>>)> = Vec::new();
    for message in &transcript.messages {
        let parts = match message.role {
            Role::System => continue,
            Role::Tool => response(message, plan),
            _ => parts(message, plan, options),
        };
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
        Json::object([("parts", Json::array(parts)), ("role", Json::text(role))])
    });
    Json::array(contents)
}

/// The data of a call: fields of its part, and of the call in it.
fn data_of(call: &WireCall<'_>) -> Map<String, Value> {
    let data = call.data.as_deref();
    data.and_then(|data| data.parse().ok()).unwrap_or_default()
}

/// The id that the API gave to a call. Ids of our own, or of another API, say nothing to it.
fn id_of(call: &WireCall<'_>) -> Option<Value> {
    let id = data_of(call).remove("functionCall")?.get("id")?.clone();
    Some(id)
}

fn call<'a>(call: &'a WireCall<'a>, unsigned: bool) -> Json<'a> {
    let mut data = data_of(call);
    let mut function: Fields<'a> = vec![
        ("args".into(), arguments(call.call).into()),
        ("name".into(), Json::text(&call.call.name)),
    ];
    if let Some(Value::Object(fields)) = data.remove("functionCall") {
        let fields = fields.into_iter();
        function.extend(fields.map(|(name, value)| (name.into(), value.into())));
    }
    if unsigned {
        data.insert(SIGNATURE.to_owned(), SKIP_SIGNATURE.into());
    }
    let mut part: Fields<'a> = vec![("functionCall".into(), Json::object(function))];
    for (name, value) in data {
        part.push((name.into(), value.into()));
    }
    Json::object(part)
}

const SIGNATURE: &str = "thoughtSignature";

fn response<'a>(message: &'a WireMessage<'a>, plan: &MediaPlan) -> Vec<Json<'a>> {
    let text = message.joined_text();
    let response = match serde_json::from_str(&text) {
        Ok(object @ Value::Object(_)) => object,
        // The API takes objects only; these are its own words for a plain result.
        _ if message.is_error => json!({"error": text}),
        _ => json!({"output": text}),
    };
    let answered = message.answers.as_ref();
    let name = answered.map_or("", |call| call.call.name.as_str());
    let mut fields: Fields<'a> = Vec::new();
    // What goes as media stands in the result, what is omitted can be told beside it only.
    let (mut shown, mut beside) = (Vec::new(), Vec::new());
    for part in &message.parts {
        if let WirePart::Media { index, .. } = part {
            let to = match plan.is_sent(*index) {
                true => &mut shown,
                false => &mut beside,
            };
            let media = media(*index, plan, "inline_data");
            to.push(Json::item(*index, Json::object(media)));
        }
    }
    if !shown.is_empty() {
        fields.push(("parts".into(), Json::array(shown)));
    }
    if let Some(id) = answered.and_then(id_of) {
        fields.push(("id".into(), id.into()));
    }
    fields.push(("name".into(), Json::text(name)));
    fields.push(("response".into(), response.into()));
    let response = Json::object([("functionResponse", Json::object(fields))]);
    std::iter::once(response).chain(beside).collect()
}

fn parts<'a>(
    message: &'a WireMessage<'a>,
    plan: &MediaPlan,
    options: &CodecOptions<'a>,
) -> Vec<Json<'a>> {
    // Models that check signatures refuse calls of other models without this.
    let is_foreign = !is_old(options.model) && message.calls().all(|call| call.data.is_none());
    let mut is_first_call = true;
    let parts = message.parts.iter().filter_map(|part| match part {
        WirePart::Text { text, data } => {
            let data = data.as_deref().filter(|_| !options.unsigned);
            if text.is_empty() && data.is_none() {
                return None;
            }
            let fields = vec![("text".into(), Json::text(text.as_ref()))];
            Some(with_data(fields, data))
        }
        WirePart::Media { index, data } => {
            let data = data.as_deref().filter(|_| !options.unsigned);
            let media = with_data(media(*index, plan, "inlineData"), data);
            Some(Json::item(*index, media))
        }
        WirePart::Opaque {
            is_signed: true, ..
        } if options.unsigned => None,
        WirePart::Opaque { item, .. } => Some(Json::raw(item.get())),
        WirePart::Call(wire) => {
            let is_first = std::mem::take(&mut is_first_call);
            Some(call(wire, options.unsigned || is_foreign && is_first))
        }
    });
    parts.collect()
}

/// A part with the fields that go back beside it, such as its signature.
fn with_data<'a>(mut part: Fields<'a>, data: Option<&RawJson>) -> Json<'a> {
    let fields = data.and_then(|data| data.parse::<Map<String, Value>>().ok());
    for (name, value) in fields.into_iter().flatten() {
        part.push((name.into(), value.into()));
    }
    Json::object(part)
}

fn text<'a>(text: impl Into<Cow<'a, str>>) -> Json<'a> {
    Json::object([("text", Json::text(text))])
}

/// A type as the API knows it: audio that Opus made comes in Ogg.
fn spelled(mime: &Mime) -> String {
    let known = match *mime == Mime::AUDIO_OPUS {
        true => &Mime::AUDIO_OGG,
        false => mime,
    };
    known.to_string()
}

fn media<'a>(index: usize, plan: &MediaPlan, inline_key: &'static str) -> Fields<'a> {
    let text = |text: String| -> Fields<'a> { vec![("text".into(), Json::text(text))] };
    let Some((content, form)) = plan.get(index) else {
        return text(String::new());
    };
    let file = |uri: String| -> Fields<'a> {
        let file = Json::object([
            ("file_uri", Json::text(uri)),
            ("mime_type", Json::text(spelled(content.mime()))),
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
            let data = Json::base64_url("", index);
            let inline = Json::object([("data", data), ("mime_type", Json::text(spelled(mime)))]);
            vec![(inline_key.into(), inline)]
        }
        MediaForm::Upload { .. } => text(unsupported(content)),
    }
}
