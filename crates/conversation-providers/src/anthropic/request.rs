//! The JSON of an Anthropic Messages request.

use std::borrow::Cow;

use conversation_types::{Role, ToolChoice, ToolDefinition};
use media_types::MediaType;
use serde_json::{Map, Value, json};

use super::cited::blocks_of;
use super::names::NAME;
use crate::codec::{CodecOptions, Fields, FormatSpec, arguments, kind_of, rename, unsupported};
use crate::format::ApiFormat;
use crate::media::{MediaForm, MediaPlan};
use crate::request::{ProviderRequest, ResponseMode};
use crate::template::Json;
use crate::transcript::{CallIds, Transcript, TranscriptRules, WireMessage, WirePart};

impl ApiFormat {
    /// Anthropic's Messages: `POST /v1/messages`. Bedrock and Vertex take the same without the
    /// model and with a version: set `anthropic_version` as a parameter and give an empty model.
    pub const ANTHROPIC_MESSAGES: Self = Self::new(&MESSAGES);
}

/// The JSON of Messages.
static MESSAGES: FormatSpec = FormatSpec {
    capability_name: "anthropic.messages",
    rules: TranscriptRules {
        family: NAME,
        system_is_message: false,
        takes_opaque_items: true,
        call_ids: CallIds::Plain,
        names_audio: false,
        media_in_results: |_| true,
        media_in_answers: |_| false,
    },
    media: &[],
    render,
};

/// Parameters that are the request itself.
const RESERVED: [&str; 5] = ["model", "messages", "system", "tools", "stream"];

/// The API requires a limit; this is the one of a request that sets none.
const MAX_TOKENS: u32 = 4096;

fn render<'a>(
    request: &'a ProviderRequest<'a>,
    transcript: &'a Transcript<'a>,
    plan: &MediaPlan,
    options: &CodecOptions<'a>,
) -> Json<'a> {
    let mut fields: Fields<'a> = Vec::new();
    if !options.model.is_empty() {
        fields.push(("model".into(), Json::text(options.model)));
    }
    if let Some(system) = system(request, transcript) {
        fields.push(("system".into(), Json::text(system)));
    }
    if !request.tools.is_empty() {
        let tools = request.tools.iter().map(tool);
        fields.push(("tools".into(), Json::array(tools)));
    }
    for (name, value) in parameters(request, options) {
        fields.push((name.into(), value.into()));
    }
    if request.mode == ResponseMode::Streaming {
        fields.push(("stream".into(), json!(true).into()));
    }
    fields.push(("messages".into(), messages(transcript, plan, options)));
    Json::object(fields)
}

/// Instructions stand beside the messages, wherever they were given.
fn system<'a>(
    request: &'a ProviderRequest<'a>,
    transcript: &'a Transcript<'a>,
) -> Option<Cow<'a, str>> {
    let later = transcript.messages.iter();
    let later = later.filter(|message| message.role == Role::System);
    let later: Vec<String> = later.map(WireMessage::joined_text).collect();
    match (request.system, later.as_slice()) {
        (None, []) => None,
        (Some(system), []) => Some(system.into()),
        (first, later) => {
            let all = first.into_iter().chain(later.iter().map(String::as_str));
            let all: Vec<&str> = all.filter(|text| !text.is_empty()).collect();
            (!all.is_empty()).then(|| all.join("\n\n").into())
        }
    }
}

fn parameters(request: &ProviderRequest<'_>, options: &CodecOptions<'_>) -> Map<String, Value> {
    let mut parameters = options.parameters(request, &RESERVED);
    rename(&mut parameters, "max_completion_tokens", "max_tokens");
    parameters
        .entry("max_tokens")
        .or_insert_with(|| MAX_TOKENS.into());
    if let Some(stop) = parameters.remove("stop") {
        let stop = if stop.is_array() { stop } else { json!([stop]) };
        parameters.entry("stop_sequences").or_insert(stop);
    }
    let choice = match &request.tool_choice {
        ToolChoice::Required => Some(json!({"type": "any"})),
        ToolChoice::None => Some(json!({"type": "none"})),
        ToolChoice::Tool(name) => Some(json!({"type": "tool", "name": name})),
        _ => {
            let given = parameters.get("tool_choice");
            // Other APIs say it by a word.
            given
                .is_some_and(Value::is_string)
                .then(|| json!({"type": "auto"}))
        }
    };
    if request.tools.is_empty() {
        parameters.remove("tool_choice");
    } else if let Some(choice) = choice {
        parameters.insert("tool_choice".to_owned(), choice);
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
        parameters => Json::from(parameters),
    };
    fields.push(("input_schema".into(), schema));
    Json::object(fields)
}

/// Results of tools stand in messages of the user. Consecutive messages of one side are merged, so
/// that results come first in the message that follows their calls; messages without blocks are
/// refused by the API and left out.
fn messages<'a>(
    transcript: &'a Transcript<'a>,
    plan: &MediaPlan,
    options: &CodecOptions<'a>,
) -> Json<'a> {
    let mut messages: Vec<(&str, Vec<Json<'a>>)> = Vec::new();
    for message in &transcript.messages {
        let blocks = match message.role {
            Role::System => continue,
            Role::Tool => vec![result(message, plan, options)],
            _ => blocks(message, plan, options),
        };
        let role = match message.role {
            Role::Assistant => "assistant",
            _ => "user",
        };
        match messages.last_mut() {
            Some((last, all)) if *last == role => all.extend(blocks),
            _ if blocks.is_empty() => {}
            _ => messages.push((role, blocks)),
        }
    }
    let messages = messages.into_iter().map(|(role, blocks)| {
        Json::object([("role", Json::text(role)), ("content", Json::array(blocks))])
    });
    Json::array(messages)
}

fn result<'a>(
    message: &'a WireMessage<'a>,
    plan: &MediaPlan,
    options: &CodecOptions<'a>,
) -> Json<'a> {
    let id = message.answered_id().to_owned();
    let mut fields: Fields<'a> = vec![
        ("type".into(), Json::text("tool_result")),
        ("tool_use_id".into(), Json::text(id)),
    ];
    if message.is_error {
        fields.push(("is_error".into(), json!(true).into()));
    }
    let blocks = blocks(message, plan, options);
    if !blocks.is_empty() {
        fields.push(("content".into(), Json::array(blocks)));
    }
    Json::object(fields)
}

fn blocks<'a>(
    message: &'a WireMessage<'a>,
    plan: &MediaPlan,
    options: &CodecOptions<'a>,
) -> Vec<Json<'a>> {
    let mut blocks = Vec::with_capacity(message.parts.len());
    for part in &message.parts {
        let cited = match part {
            WirePart::Text { text, data } => data.as_ref().and_then(|data| blocks_of(text, data)),
            _ => None,
        };
        match cited {
            Some(cited) => blocks.extend(cited.into_iter().map(Json::raw)),
            None => blocks.extend(self::block(part, plan, options)),
        }
    }
    blocks
}

fn block<'a>(
    part: &'a WirePart<'a>,
    plan: &MediaPlan,
    options: &CodecOptions<'a>,
) -> Option<Json<'a>> {
    match part {
        // Blocks of white space are refused.
        WirePart::Text { text, .. } if text.trim().is_empty() => None,
        WirePart::Text { text, .. } => Some(text_block(text.as_ref())),
        WirePart::Media { index, .. } => Some(Json::item(*index, media(*index, plan))),
        WirePart::Opaque {
            is_signed: true, ..
        } if options.unsigned => None,
        WirePart::Opaque { item, .. } => Some(Json::raw(item.get())),
        WirePart::Call(call) => Some(Json::object([
            ("type", Json::text("tool_use")),
            ("id", Json::text(call.id.as_ref())),
            ("name", Json::text(&call.call.name)),
            ("input", arguments(call.call).into()),
        ])),
    }
}

fn text_block<'a>(text: impl Into<Cow<'a, str>>) -> Json<'a> {
    Json::object([("type", Json::text("text")), ("text", Json::text(text))])
}

fn media<'a>(index: usize, plan: &MediaPlan) -> Json<'a> {
    let Some((content, form)) = plan.get(index) else {
        return text_block("[media]");
    };
    if let MediaForm::Omitted(omitted) = form {
        return text_block(omitted.text());
    }
    let kind = match kind_of(content, form) {
        MediaType::Image => "image",
        MediaType::Document => "document",
        _ => return text_block(unsupported(content)),
    };
    let source = match form {
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
        _ => return text_block(unsupported(content)),
    };
    let mut fields: Fields<'a> = vec![("type".into(), Json::text(kind)), ("source".into(), source)];
    if kind == "document"
        && let Some(name) = content.filename()
    {
        fields.push(("title".into(), Json::text(name.to_owned())));
    }
    Json::object(fields)
}
