//! The JSON of an OpenAI Responses request.

use std::borrow::Cow;

use conversation_types::{Role, ToolChoice, ToolDefinition};
use media_types::{MediaContent, MediaType};
use serde_json::{Value, json};

use super::super::names::NAME;
use super::answer::{answer_items, plain, render_call};
use crate::answer::JsonPath;
use crate::answer::Step::{Each, Key};
#[cfg(feature = "openai")]
use crate::answer::Step::{Preview, Unwanted};
use crate::codec::{CodecOptions, Fields, FormatSpec, document_name, kind_of, rename, unsupported};
use crate::format::ApiFormat;
use crate::media::{MediaForm, MediaPlan};
use crate::request::{ProviderRequest, ResponseMode};
use crate::template::Json;
use crate::transcript::{CallIds, Transcript, TranscriptRules, WireMessage, WirePart};

impl ApiFormat {
    /// OpenAI's Responses: `POST /v1/responses`.
    pub const OPENAI_RESPONSES: Self = Self::new(&RESPONSES);
}

/// The JSON of Responses.
static RESPONSES: FormatSpec = FormatSpec {
    capability_name: "openai.responses",
    rules: TranscriptRules {
        family: NAME,
        system_is_message: false,
        takes_opaque_items: true,
        call_ids: CallIds::Plain,
        names_audio: false,
        media_in_results: |_| true,
        media_in_answers: |item| item.is_some_and(|item| item.get().contains(IMAGE)),
    },
    media: MEDIA,
    render,
};

/// The type of the item in which an image of the model stands.
const IMAGE: &str = "image_generation_call";

const MEDIA: &[JsonPath] = &[
    &[Key("output"), Each, Key("result")],
    &[Key("response"), Key("output"), Each, Key("result")],
    &[Key("item"), Key("result")],
    &[Key("partial_image_b64")],
];

/// Where a stream has media as long as no item has come: a server may send all of them at its end.
#[cfg(feature = "openai")]
pub(super) const MEDIA_AT_START: &[JsonPath] = &[
    &[Key("response"), Key("output"), Each, Key("result")],
    &[Key("item"), Key("result")],
    &[Preview("partial_image_b64")],
];

/// Where a stream has media that has not come before.
#[cfg(feature = "openai")]
pub(super) const MEDIA_ONCE: &[JsonPath] = &[
    &[Key("response"), Key("output"), Each, Unwanted("result")],
    &[Key("item"), Key("result")],
    &[Preview("partial_image_b64")],
];

/// Parameters that are the request itself.
const RESERVED: [&str; 4] = ["model", "input", "instructions", "stream"];

fn render<'a>(
    request: &'a ProviderRequest<'a>,
    transcript: &'a Transcript<'a>,
    plan: &MediaPlan,
    options: &CodecOptions<'a>,
) -> Json<'a> {
    let mut fields: Fields<'a> = vec![("model".into(), Json::text(options.model))];
    if let Some(system) = request.system {
        fields.push(("instructions".into(), Json::text(system)));
    }
    let mut parameters = options.parameters(request, &RESERVED);
    for name in ["max_tokens", "max_completion_tokens"] {
        rename(&mut parameters, name, "max_output_tokens");
    }
    let mut tools: Vec<Json<'a>> = request.tools.iter().map(tool).collect();
    // Tools that run at the provider are given as they are.
    if let Some(Value::Array(hosted)) = parameters.remove("tools") {
        tools.extend(hosted.into_iter().map(Json::from));
    }
    if tools.is_empty() {
        parameters.remove("tool_choice");
        parameters.remove("parallel_tool_calls");
    } else {
        fields.push(("tools".into(), Json::array(tools)));
        let choice = match &request.tool_choice {
            ToolChoice::Required => Some(json!("required")),
            ToolChoice::None => Some(json!("none")),
            ToolChoice::Tool(name) => Some(json!({"type": "function", "name": name})),
            _ => None,
        };
        if let Some(choice) = choice {
            parameters.insert("tool_choice".to_owned(), choice);
        }
    }
    let parameters_have_stream_options = parameters.contains_key("stream_options");
    for (name, value) in parameters {
        fields.push((name.into(), value.into()));
    }
    if request.mode == ResponseMode::Streaming {
        fields.push(("stream".into(), json!(true).into()));
        // Noise that hides the lengths of pieces, and costs as much as they do.
        if options.stream_usage
            && !options.refuses("stream_options")
            && !parameters_have_stream_options
        {
            let obfuscation = json!({"include_obfuscation": false});
            fields.push(("stream_options".into(), obfuscation.into()));
        }
    }
    let messages = transcript.messages.iter();
    let items = messages.flat_map(|message| items(message, plan, options));
    fields.push(("input".into(), Json::array(items)));
    Json::object(fields)
}

fn tool(tool: &ToolDefinition) -> Json<'_> {
    let mut fields: Fields<'_> = vec![
        ("type".into(), Json::text("function")),
        ("name".into(), Json::text(&tool.name)),
    ];
    if !tool.description.is_empty() {
        fields.push(("description".into(), Json::text(&tool.description)));
    }
    let parameters = Json::from(&tool.parameters);
    fields.push(("parameters".into(), parameters));
    // Strict is the default here, and refuses most schemas.
    fields.push(("strict".into(), json!(false).into()));
    Json::object(fields)
}

fn items<'a>(
    message: &'a WireMessage<'a>,
    plan: &MediaPlan,
    options: &CodecOptions<'a>,
) -> Vec<Json<'a>> {
    match message.role {
        Role::System => vec![plain("system", message.joined_text())],
        Role::Assistant => answer_items(message, plan, options.unsigned),
        Role::Tool => vec![Json::object([
            ("type", Json::text("function_call_output")),
            ("call_id", Json::text(message.answered_id().to_owned())),
            ("output", output(message, plan)),
        ])],
        _ => vec![Json::object([
            ("role", Json::text("user")),
            ("content", parts(message, plan, Place::Message)),
        ])],
    }
}

/// Where a part stands.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    Message,
    Output,
}

fn output<'a>(message: &'a WireMessage<'a>, plan: &MediaPlan) -> Json<'a> {
    if message.parts.iter().all(|part| part.as_text().is_some()) {
        return Json::text(message.joined_text());
    }
    parts(message, plan, Place::Output)
}

fn parts<'a>(message: &'a WireMessage<'a>, plan: &MediaPlan, place: Place) -> Json<'a> {
    let parts = message.parts.iter().map(|part| match part {
        WirePart::Text { text, .. } => input_text(text.as_ref()),
        WirePart::Media { index, .. } => Json::item(*index, media(*index, plan, place)),
        WirePart::Opaque { item, .. } => Json::raw(item.get()),
        WirePart::Call(call) => render_call(call, false),
    });
    Json::array(parts)
}

fn input_text<'a>(text: impl Into<Cow<'a, str>>) -> Json<'a> {
    Json::object([
        ("type", Json::text("input_text")),
        ("text", Json::text(text)),
    ])
}

fn media<'a>(index: usize, plan: &MediaPlan, place: Place) -> Json<'a> {
    let Some((content, form)) = plan.get(index) else {
        return input_text("");
    };
    let text = |text: &str| Json::text(text.to_owned());
    match (form, kind_of(content, form)) {
        (MediaForm::Omitted(omitted), _) => input_text(omitted.text()),
        (MediaForm::ProviderFile(file), MediaType::Image) => {
            image(content, "file_id", text(file.id()), place)
        }
        (MediaForm::ProviderFile(id), _) => file([("file_id", text(id.id()))]),
        (MediaForm::Url(url), MediaType::Image) => {
            image(content, "image_url", text(url.as_str()), place)
        }
        (MediaForm::Url(url), MediaType::Document) => file([("file_url", text(url.as_str()))]),
        (MediaForm::Base64 { mime, .. }, MediaType::Image) => {
            let data = Json::base64(format!("data:{mime};base64,"), index);
            image(content, "image_url", data, place)
        }
        (MediaForm::Base64 { mime, .. }, MediaType::Document) => {
            let name = Json::text(document_name(content, mime));
            let data = Json::base64(format!("data:{mime};base64,"), index);
            file([("filename", name), ("file_data", data)])
        }
        _ => input_text(unsupported(content)),
    }
}

fn image<'a>(content: &MediaContent, name: &'a str, value: Json<'a>, place: Place) -> Json<'a> {
    let mut fields: Fields<'a> = vec![
        ("type".into(), Json::text("input_image")),
        (name.into(), value),
    ];
    // Messages must state it, results of tools need not.
    let detail = content.detail().map(|detail| detail.as_str());
    let detail = detail.or_else(|| (place == Place::Message).then_some("auto"));
    if let Some(detail) = detail {
        fields.push(("detail".into(), Json::text(detail)));
    }
    Json::object(fields)
}

fn file<'a, const N: usize>(fields: [(&'a str, Json<'a>); N]) -> Json<'a> {
    let head = [("type", Json::text("input_file"))];
    Json::object(head.into_iter().chain(fields))
}
