//! The JSON of OpenAI's Responses.

use media_types::{MediaContent, MediaType};
use serde_json::{Value, json};

use super::transcript::{Transcript, WireMessage, WirePart};
use super::{Fields, Options, unsupported};
use crate::message::{Role, ToolCall};
use crate::pack::ToolChoice;
use crate::provider::media::{MediaForm, MediaPlan};
use crate::provider::skeleton::Json;
use crate::provider::{Delivery, ProviderRequest};
use crate::tool::ToolDefinition;

/// Parameters that are the request itself.
const RESERVED: [&str; 4] = ["model", "input", "instructions", "stream"];

pub(super) fn render<'a>(
    request: &'a ProviderRequest<'a>,
    transcript: &'a Transcript<'a>,
    plan: &MediaPlan,
    options: &Options<'a>,
) -> Json<'a> {
    let mut fields: Fields<'a> = vec![("model".into(), Json::text(options.model))];
    if let Some(system) = request.system {
        fields.push(("instructions".into(), Json::text(system)));
    }
    let mut parameters = options.parameters(request, &RESERVED);
    super::rename(&mut parameters, "max_tokens", "max_output_tokens");
    super::rename(
        &mut parameters,
        "max_completion_tokens",
        "max_output_tokens",
    );
    let mut tools: Vec<Json<'a>> = request.tools.iter().map(tool).collect();
    // Tools that run at the provider are given as they are.
    if let Some(Value::Array(hosted)) = parameters.remove("tools") {
        tools.extend(hosted.into_iter().map(Json::from));
    }
    if tools.is_empty() {
        parameters.remove("tool_choice");
        parameters.remove("parallel_tool_calls");
    } else {
        fields.push(("tools".into(), Json::Array(tools)));
        match request.tool_choice {
            ToolChoice::Required => {
                drop(parameters.insert("tool_choice".into(), json!("required")))
            }
            ToolChoice::None => drop(parameters.insert("tool_choice".into(), json!("none"))),
            ToolChoice::Auto => {}
        }
    }
    for (name, value) in parameters {
        fields.push((name.into(), value.into()));
    }
    if request.delivery == Delivery::Deltas {
        fields.push(("stream".into(), json!(true).into()));
    }
    let messages = transcript.messages.iter();
    let items = messages.flat_map(|message| items(message, plan));
    fields.push(("input".into(), Json::Array(items.collect())));
    Json::Object(fields)
}

fn tool(tool: &ToolDefinition) -> Json<'_> {
    let mut fields: Fields<'_> = vec![
        ("type".into(), Json::text("function")),
        ("name".into(), Json::text(&tool.name)),
    ];
    if !tool.description.is_empty() {
        fields.push(("description".into(), Json::text(&tool.description)));
    }
    let parameters = Json::Value(std::borrow::Cow::Borrowed(&tool.parameters));
    fields.push(("parameters".into(), parameters));
    // Strict is the default here, and refuses most schemas.
    fields.push(("strict".into(), json!(false).into()));
    Json::Object(fields)
}

fn items<'a>(message: &'a WireMessage<'a>, plan: &MediaPlan) -> Vec<Json<'a>> {
    let said = |role| {
        Json::object([
            ("role", Json::text(role)),
            ("content", Json::text(message.words())),
        ])
    };
    match message.role {
        Role::System => vec![said("system")],
        Role::User => vec![Json::object([
            ("role", Json::text("user")),
            ("content", parts(message, plan, Place::Message)),
        ])],
        Role::Assistant => {
            let mut items = Vec::new();
            if !message.parts.is_empty() || message.calls.is_empty() {
                items.push(said("assistant"));
            }
            items.extend(message.calls.iter().map(call));
            items
        }
        Role::Tool => vec![Json::object([
            ("type", Json::text("function_call_output")),
            ("call_id", Json::text(message.answers.unwrap_or_default())),
            ("output", output(message, plan)),
        ])],
    }
}

fn call(call: &ToolCall) -> Json<'_> {
    Json::object([
        ("type", Json::text("function_call")),
        ("call_id", Json::text(&call.id)),
        ("name", Json::text(&call.name)),
        ("arguments", Json::text(&call.arguments)),
    ])
}

/// Where a part stands.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    Message,
    Output,
}

fn output<'a>(message: &'a WireMessage<'a>, plan: &MediaPlan) -> Json<'a> {
    if message.parts.iter().all(|part| part.as_text().is_some()) {
        return Json::text(message.words());
    }
    parts(message, plan, Place::Output)
}

fn parts<'a>(message: &'a WireMessage<'a>, plan: &MediaPlan, place: Place) -> Json<'a> {
    let parts = message.parts.iter().map(|part| match part {
        WirePart::Text(said) => text(said.as_ref()),
        WirePart::Media(index) => media(*index, plan, place),
    });
    Json::Array(parts.collect())
}

fn text<'a>(text: impl Into<std::borrow::Cow<'a, str>>) -> Json<'a> {
    Json::object([
        ("type", Json::text("input_text")),
        ("text", Json::text(text)),
    ])
}

fn media<'a>(index: usize, plan: &MediaPlan, place: Place) -> Json<'a> {
    let Some((content, form)) = plan.get(index) else {
        return text("");
    };
    let kind = match form {
        MediaForm::Base64 { mime, .. } => mime.media_type(),
        _ => content.media_type(),
    };
    match (form, kind) {
        (MediaForm::Note { text: note, .. }, _) => text(note.clone()),
        (MediaForm::ProviderFile(file), MediaType::Image) => {
            image(content, "file_id", Json::text(file.id().to_owned()), place)
        }
        (MediaForm::ProviderFile(id), _) => file([("file_id", Json::text(id.id().to_owned()))]),
        (MediaForm::Url(url), MediaType::Image) => image(
            content,
            "image_url",
            Json::text(url.as_str().to_owned()),
            place,
        ),
        (MediaForm::Url(url), MediaType::Document) => {
            file([("file_url", Json::text(url.as_str().to_owned()))])
        }
        (MediaForm::Base64 { mime, .. }, MediaType::Image) => {
            let data = Json::base64(format!("data:{mime};base64,"), index);
            image(content, "image_url", data, place)
        }
        (MediaForm::Base64 { mime, .. }, MediaType::Document) => {
            let name = content.filename().map_or_else(
                || format!("document.{}", mime.extension()),
                ToOwned::to_owned,
            );
            let data = Json::base64(format!("data:{mime};base64,"), index);
            file([("filename", Json::text(name)), ("file_data", data)])
        }
        _ => text(unsupported(content)),
    }
}

fn image<'a>(content: &MediaContent, name: &'a str, value: Json<'a>, place: Place) -> Json<'a> {
    let mut fields: Fields<'a> = vec![
        ("type".into(), Json::text("input_image")),
        (name.into(), value),
    ];
    // Messages must say it, results of tools need not.
    let detail = content.detail().map(|detail| detail.as_str());
    let detail = detail.or_else(|| (place == Place::Message).then_some("auto"));
    if let Some(detail) = detail {
        fields.push(("detail".into(), Json::text(detail)));
    }
    Json::Object(fields)
}

fn file<'a, const N: usize>(fields: [(&'a str, Json<'a>); N]) -> Json<'a> {
    let head = [("type".into(), Json::text("input_file"))];
    let fields = fields.into_iter().map(|(name, value)| (name.into(), value));
    Json::Object(head.into_iter().chain(fields).collect())
}
