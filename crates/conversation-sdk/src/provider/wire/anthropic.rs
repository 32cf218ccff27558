//! The JSON of Anthropic's Messages.

use std::borrow::Cow;

use media_types::MediaType;
use serde_json::{Map, Value, json};

use super::transcript::{Transcript, WireMessage, WirePart};
use super::{Fields, Options, unsupported};
use crate::message::Role;
use crate::pack::ToolChoice;
use crate::provider::media::{MediaForm, MediaPlan};
use crate::provider::skeleton::Json;
use crate::provider::{Delivery, ProviderRequest};
use crate::tool::ToolDefinition;

/// Parameters that are the request itself.
const RESERVED: [&str; 5] = ["model", "messages", "system", "tools", "stream"];

/// The API wants a limit; this is the one of a request that names none.
const MAX_TOKENS: u32 = 4096;

pub(super) fn render<'a>(
    request: &'a ProviderRequest<'a>,
    transcript: &'a Transcript<'a>,
    plan: &MediaPlan,
    options: &Options<'a>,
) -> Json<'a> {
    let mut fields: Fields<'a> = Vec::new();
    if !options.model.is_empty() {
        fields.push(("model".into(), Json::text(options.model)));
    }
    if let Some(system) = system(request, transcript) {
        fields.push(("system".into(), Json::text(system)));
    }
    if !request.tools.is_empty() {
        let tools = request.tools.iter().map(tool).collect();
        fields.push(("tools".into(), Json::Array(tools)));
    }
    for (name, value) in parameters(request, options) {
        fields.push((name.into(), value.into()));
    }
    if request.delivery == Delivery::Deltas {
        fields.push(("stream".into(), json!(true).into()));
    }
    fields.push(("messages".into(), messages(transcript, plan)));
    Json::Object(fields)
}

/// Instructions stand beside the messages, wherever they came.
fn system<'a>(
    request: &'a ProviderRequest<'a>,
    transcript: &'a Transcript<'a>,
) -> Option<Cow<'a, str>> {
    let later = transcript.messages.iter();
    let later = later.filter(|message| message.role == Role::System);
    let later: Vec<String> = later.map(WireMessage::words).collect();
    match (request.system, later.as_slice()) {
        (None, []) => None,
        (Some(system), []) => Some(system.into()),
        (first, later) => {
            let all = first.into_iter().chain(later.iter().map(String::as_str));
            let all: Vec<&str> = all.filter(|words| !words.is_empty()).collect();
            (!all.is_empty()).then(|| all.join("\n\n").into())
        }
    }
}

fn parameters(request: &ProviderRequest<'_>, options: &Options<'_>) -> Map<String, Value> {
    let mut parameters = options.parameters(request, &RESERVED);
    super::rename(&mut parameters, "max_completion_tokens", "max_tokens");
    parameters
        .entry("max_tokens")
        .or_insert_with(|| MAX_TOKENS.into());
    if let Some(stop) = parameters.remove("stop") {
        let stop = if stop.is_array() { stop } else { json!([stop]) };
        parameters.entry("stop_sequences").or_insert(stop);
    }
    match (request.tools.is_empty(), request.tool_choice) {
        (true, _) => drop(parameters.remove("tool_choice")),
        (_, ToolChoice::Required) => {
            parameters.insert("tool_choice".to_owned(), json!({"type": "any"}));
        }
        (_, ToolChoice::None) => {
            parameters.insert("tool_choice".to_owned(), json!({"type": "none"}));
        }
        (_, ToolChoice::Auto) => {
            if parameters.get("tool_choice").is_some_and(Value::is_string) {
                parameters.insert("tool_choice".to_owned(), json!({"type": "auto"}));
            }
        }
    }
    parameters
}

fn tool(tool: &ToolDefinition) -> Json<'_> {
    let mut fields: Fields<'_> = vec![("name".into(), Json::text(&tool.name))];
    if !tool.description.is_empty() {
        fields.push(("description".into(), Json::text(&tool.description)));
    }
    let schema = match &tool.parameters {
        Value::Null => json!({"type": "object"}).into(),
        parameters => Json::Value(Cow::Borrowed(parameters)),
    };
    fields.push(("input_schema".into(), schema));
    Json::Object(fields)
}

/// All results of a round stand in one message of the user; messages that say nothing are left out,
/// since the API refuses them.
fn messages<'a>(transcript: &'a Transcript<'a>, plan: &MediaPlan) -> Json<'a> {
    let mut messages: Vec<(Role, Vec<Json<'a>>)> = Vec::new();
    for message in &transcript.messages {
        let mut blocks = match message.role {
            Role::System => continue,
            Role::Tool => vec![result(message, plan)],
            Role::User | Role::Assistant => blocks(message, plan),
        };
        for call in message.calls {
            blocks.push(Json::object([
                ("type", Json::text("tool_use")),
                ("id", Json::text(&call.id)),
                ("name", Json::text(&call.name)),
                ("input", super::arguments(call).into()),
            ]));
        }
        match messages.last_mut() {
            Some((Role::Tool, results)) if message.role == Role::Tool => results.extend(blocks),
            _ if blocks.is_empty() => {}
            _ => messages.push((message.role, blocks)),
        }
    }
    let messages = messages.into_iter().map(|(role, blocks)| {
        let role = if role == Role::Assistant {
            "assistant"
        } else {
            "user"
        };
        Json::object([("role", Json::text(role)), ("content", Json::Array(blocks))])
    });
    Json::Array(messages.collect())
}

fn result<'a>(message: &'a WireMessage<'a>, plan: &MediaPlan) -> Json<'a> {
    let mut fields: Fields<'a> = vec![
        ("type".into(), Json::text("tool_result")),
        (
            "tool_use_id".into(),
            Json::text(message.answers.unwrap_or_default()),
        ),
    ];
    let blocks = blocks(message, plan);
    if !blocks.is_empty() {
        fields.push(("content".into(), Json::Array(blocks)));
    }
    Json::Object(fields)
}

fn blocks<'a>(message: &'a WireMessage<'a>, plan: &MediaPlan) -> Vec<Json<'a>> {
    let parts = message.parts.iter().filter_map(|part| match part {
        WirePart::Text(said) if said.trim().is_empty() => None,
        WirePart::Text(said) => Some(text(said.as_ref())),
        WirePart::Media(index) => Some(media(*index, plan)),
    });
    parts.collect()
}

fn text<'a>(text: impl Into<Cow<'a, str>>) -> Json<'a> {
    Json::object([("type", Json::text("text")), ("text", Json::text(text))])
}

fn media<'a>(index: usize, plan: &MediaPlan) -> Json<'a> {
    let Some((content, form)) = plan.get(index) else {
        return text("[media]");
    };
    let kind = match form {
        MediaForm::Base64 { mime, .. } => mime.media_type(),
        _ => content.media_type(),
    };
    let kind = match kind {
        _ if matches!(form, MediaForm::Note { .. }) => "",
        MediaType::Image => "image",
        MediaType::Document => "document",
        _ => return text(unsupported(content)),
    };
    let source = match form {
        MediaForm::Note { text: note, .. } => return text(note.clone()),
        MediaForm::ProviderFile(file) => Json::object([
            ("type", Json::text("file")),
            ("file_id", Json::text(file.id().to_owned())),
        ]),
        MediaForm::Url(url) => Json::object([
            ("type", Json::text("url")),
            ("url", Json::text(url.as_str().to_owned())),
        ]),
        MediaForm::Base64 { mime, .. } => Json::object([
            ("type", Json::text("base64")),
            ("media_type", Json::text(mime.to_string())),
            ("data", Json::base64("", index)),
        ]),
        MediaForm::Upload { .. } => return text(unsupported(content)),
    };
    let mut fields: Fields<'a> = vec![("type".into(), Json::text(kind)), ("source".into(), source)];
    if kind == "document"
        && let Some(name) = content.filename()
    {
        fields.push(("title".into(), Json::text(name.to_owned())));
    }
    Json::Object(fields)
}
