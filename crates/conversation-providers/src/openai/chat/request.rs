//! The JSON of a chat completions request.

use std::borrow::Cow;

use conversation_types::{Role, ToolChoice, ToolDefinition};
use media_types::{MediaType, Mime};
use serde_json::{Map, Value, json};

use super::super::names::NAME;
use crate::answer::JsonPath;
use crate::answer::Step::{DataUri, Each, Key};
use crate::codec::{
    CodecOptions, Fields, FormatSpec, arguments_text, document_name, kind_of, unsupported,
};
use crate::format::ApiFormat;
use crate::media::{MediaForm, MediaPlan};
use crate::request::{ProviderRequest, ResponseMode};
use crate::template::Json;
use crate::transcript::{
    CallIds, SpokenAudio, Transcript, TranscriptRules, WireCall, WireMessage, WirePart,
};

impl ApiFormat {
    /// Chat completions, by OpenAI and compatible servers: `POST /v1/chat/completions`.
    pub const OPENAI_CHAT: Self = Self::new(&CHAT);
}

/// The JSON of chat completions.
static CHAT: FormatSpec = FormatSpec {
    capability_name: "openai.chat",
    rules: TranscriptRules {
        family: NAME,
        system_is_message: true,
        takes_opaque_items: false,
        call_ids: CallIds::Any,
        names_audio: true,
        media_in_results: |_| false,
        media_in_answers: |_| false,
    },
    media: MEDIA,
    render,
};

const MEDIA: &[JsonPath] = &[
    &[
        Key("choices"),
        Each,
        Key("message"),
        Key("audio"),
        Key("data"),
    ],
    // Images beside the text, or among its parts, as gateways give them.
    &[
        Key("choices"),
        Each,
        Key("message"),
        Key("images"),
        Each,
        Key("image_url"),
        DataUri("url"),
    ],
    &[
        Key("choices"),
        Each,
        Key("delta"),
        Key("images"),
        Each,
        Key("image_url"),
        DataUri("url"),
    ],
    &[
        Key("choices"),
        Each,
        Key("message"),
        Key("content"),
        Each,
        Key("image_url"),
        DataUri("url"),
    ],
    &[
        Key("choices"),
        Each,
        Key("delta"),
        Key("content"),
        Each,
        Key("image_url"),
        DataUri("url"),
    ],
];

/// Parameters that are not the caller's to set: they are the request itself, or ask for more
/// answers than there is use for.
const RESERVED: [&str; 6] = [
    "model",
    "messages",
    "tools",
    "stream",
    "stream_options",
    "n",
];

fn render<'a>(
    request: &'a ProviderRequest<'a>,
    transcript: &'a Transcript<'a>,
    plan: &MediaPlan,
    options: &CodecOptions<'a>,
) -> Json<'a> {
    let mut fields: Fields<'a> = vec![("model".into(), Json::text(options.model))];
    if !request.tools.is_empty() {
        let tools = request.tools.iter().map(tool);
        fields.push(("tools".into(), Json::array(tools)));
    }
    for (name, value) in parameters(request, options) {
        fields.push((name.into(), value.into()));
    }
    if request.mode == ResponseMode::Streaming {
        fields.push(("stream".into(), json!(true).into()));
        if options.stream_usage && !options.refuses("stream_options") {
            let usage = json!({"include_usage": true});
            fields.push(("stream_options".into(), usage.into()));
        }
    }
    // Last, so that the body of one turn begins the body of the next.
    let messages = transcript.messages.iter();
    let messages = messages.map(|message| render_message(message, plan, options.unsigned));
    fields.push(("messages".into(), Json::array(messages)));
    Json::object(fields)
}

fn parameters(request: &ProviderRequest<'_>, options: &CodecOptions<'_>) -> Map<String, Value> {
    let mut given = request.parameters.clone();
    given.retain(|name, value| !RESERVED.contains(&name.as_str()) && !value.is_null());
    let choice = match &request.tool_choice {
        ToolChoice::Required => Some(json!("required")),
        ToolChoice::None => Some(json!("none")),
        ToolChoice::Tool(name) => Some(json!({"type": "function", "function": {"name": name}})),
        _ => None,
    };
    if request.tools.is_empty() {
        for name in ["tool_choice", "parallel_tool_calls"] {
            given.remove(name);
        }
    } else if let Some(choice) = choice {
        given.insert("tool_choice".to_owned(), choice);
    }
    let mut adapted = options.capabilities.adapt_parameters(options.model, given);
    for name in options.refused {
        let value = adapted.remove(name);
        let other = match name.as_str() {
            "max_tokens" => "max_completion_tokens",
            "max_completion_tokens" => "max_tokens",
            _ => continue,
        };
        if let Some(value) = value
            && !options.refuses(other)
        {
            adapted.insert(other.to_owned(), value);
        }
    }
    adapted
}

fn tool(tool: &ToolDefinition) -> Json<'_> {
    let mut function: Fields<'_> = vec![("name".into(), Json::text(&tool.name))];
    if !tool.description.is_empty() {
        function.push(("description".into(), Json::text(&tool.description)));
    }
    // Without them the function takes none.
    if !tool.parameters.is_null() {
        let parameters = Json::from(&tool.parameters);
        function.push(("parameters".into(), parameters));
    }
    Json::object([
        ("type", Json::text("function")),
        ("function", Json::object(function)),
    ])
}

fn render_message<'a>(message: &'a WireMessage<'a>, plan: &MediaPlan, unsigned: bool) -> Json<'a> {
    let audio = message.parts.iter().filter_map(audio_of).next();
    let audio = audio.filter(|_| !unsigned);
    let mut fields: Fields<'a> = vec![("role".into(), Json::text(role(message.role)))];
    let parts = content_parts(message, audio.is_some());
    // Audio says what its transcript says.
    if !parts.is_empty() || audio.is_none() {
        fields.push(("content".into(), content(message, &parts, plan)));
    }
    if let Some(audio) = audio {
        let id = Json::object([("id", Json::text(audio.id))]);
        fields.push(("audio".into(), id));
    }
    if let Some(call) = &message.answers {
        fields.push(("tool_call_id".into(), Json::text(call.id.as_ref())));
    }
    let calls: Vec<Json<'a>> = message.calls().map(|call| render_call(call)).collect();
    if !calls.is_empty() {
        fields.push(("tool_calls".into(), Json::array(calls)));
    }
    Json::object(fields)
}

fn role(role: Role) -> &'static str {
    match role {
        Role::System => "system",
        Role::Assistant => "assistant",
        Role::Tool => "tool",
        _ => "user",
    }
}

/// Audio that goes back by its id, in the place of its transcript.
fn audio_of(part: &WirePart<'_>) -> Option<SpokenAudio> {
    match part {
        WirePart::Text {
            data: Some(data), ..
        } => SpokenAudio::of(data),
        _ => None,
    }
}

/// Returns the parts that are content: this API has no place for opaque items, and calls have one of
/// their own. Where audio goes back, its transcript does not, which is also a text of the message.
fn content_parts<'a>(message: &'a WireMessage<'a>, is_spoken: bool) -> Vec<&'a WirePart<'a>> {
    let is_content =
        |part: &&WirePart<'a>| matches!(part, WirePart::Text { .. } | WirePart::Media { .. });
    let spoken: Vec<&str> = message
        .parts
        .iter()
        .filter(|part| audio_of(part).is_some())
        .filter_map(WirePart::as_text)
        .collect();
    let has_other = |text: &str| {
        let others = message.parts.iter().filter(|part| audio_of(part).is_none());
        others
            .filter_map(WirePart::as_text)
            .any(|other| other == text)
    };
    let goes_out = |part: &&WirePart<'a>| match part {
        WirePart::Text { text, .. } if audio_of(part).is_some() => {
            !is_spoken && !text.is_empty() && !has_other(text)
        }
        WirePart::Text { text, .. } => !(is_spoken && spoken.contains(&text.as_ref())),
        _ => true,
    };
    let parts = message.parts.iter().filter(is_content);
    parts.filter(goes_out).collect()
}

/// A plain string where it says the same: every server reads that.
fn content<'a>(
    message: &'a WireMessage<'a>,
    parts: &[&'a WirePart<'a>],
    plan: &MediaPlan,
) -> Json<'a> {
    match parts {
        [] => Json::text(""),
        [WirePart::Text { text, .. }] => Json::text(text.as_ref()),
        // Few servers accept arrays here.
        _ if message.role == Role::Tool => Json::text(message.joined_text()),
        parts => Json::array(parts.iter().filter_map(|p| part(p, plan))),
    }
}

fn render_call<'a>(call: &'a WireCall<'a>) -> Json<'a> {
    Json::object([
        ("id", Json::text(call.id.as_ref())),
        ("type", Json::text("function")),
        (
            "function",
            Json::object([
                ("name", Json::text(&call.call.name)),
                ("arguments", Json::text(arguments_text(call.call))),
            ]),
        ),
    ])
}

fn text_part<'a>(text: impl Into<Cow<'a, str>>) -> Json<'a> {
    Json::object([("type", Json::text("text")), ("text", Json::text(text))])
}

fn part<'a>(part: &'a WirePart<'a>, plan: &MediaPlan) -> Option<Json<'a>> {
    match part {
        WirePart::Text { text, .. } => Some(text_part(text.as_ref())),
        WirePart::Media { index, .. } => Some(Json::item(*index, media(*index, plan))),
        WirePart::Opaque { .. } | WirePart::Call(_) => None,
    }
}

fn media<'a>(index: usize, plan: &MediaPlan) -> Json<'a> {
    let Some((content, form)) = plan.get(index) else {
        return text_part("");
    };
    let image = |url: Json<'a>| {
        let mut fields: Fields<'a> = vec![("url".into(), url)];
        if let Some(detail) = content.detail() {
            fields.push(("detail".into(), Json::text(detail.as_str())));
        }
        Json::object([
            ("type", Json::text("image_url")),
            ("image_url", Json::object(fields)),
        ])
    };
    let file = |fields: Fields<'a>| {
        Json::object([("type", Json::text("file")), ("file", Json::object(fields))])
    };
    match (form, kind_of(content, form)) {
        (MediaForm::Omitted(omitted), _) => text_part(omitted.text()),
        (MediaForm::Url(url), MediaType::Image) => image(Json::text(url.as_str().to_owned())),
        (MediaForm::ProviderFile(id), _) => {
            file(vec![("file_id".into(), Json::text(id.id().to_owned()))])
        }
        (MediaForm::Base64 { mime, .. }, MediaType::Image) => {
            image(Json::base64(format!("data:{mime};base64,"), index))
        }
        (MediaForm::Base64 { mime, .. }, MediaType::Audio) => {
            let format = if *mime == Mime::AUDIO_MPEG {
                "mp3"
            } else {
                mime.extension()
            };
            let data = Json::base64("", index);
            let audio = Json::object([("data", data), ("format", Json::text(format))]);
            Json::object([("type", Json::text("input_audio")), ("input_audio", audio)])
        }
        (MediaForm::Base64 { mime, .. }, MediaType::Document) => {
            let data = Json::base64(format!("data:{mime};base64,"), index);
            file(vec![
                ("filename".into(), Json::text(document_name(content, mime))),
                ("file_data".into(), data),
            ])
        }
        _ => text_part(unsupported(content)),
    }
}
