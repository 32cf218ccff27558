//! The JSON of requests.

use conversation_providers::api::{
    CodecOptions, FormatSpec, Json, JsonPath, Step, Transcript, WireMessage, WirePart,
};
use conversation_providers::{ApiFormat, MediaForm, MediaPlan, ProviderRequest, ResponseMode};
use conversation_types::Role;
use serde_json::json;

/// Where answers and events have media.
const MEDIA: &[JsonPath] = &[&[Step::Key("reply"), Step::Each, Step::Key("show")]];

static TALK: FormatSpec = FormatSpec::new("acme", "acme.talk", render)
    .with_media_paths(MEDIA)
    .with_system_beside_messages();

pub(super) const ACME_TALK: ApiFormat = ApiFormat::new(&TALK);

fn render<'a>(
    request: &'a ProviderRequest<'a>,
    transcript: &'a Transcript<'a>,
    plan: &MediaPlan,
    options: &CodecOptions<'a>,
) -> Json<'a> {
    let mut fields = vec![("model".to_owned(), Json::text(options.model()))];
    if let Some(system) = request.system {
        fields.push(("rules".to_owned(), Json::text(system)));
    }
    for (name, value) in options.parameters(request, &["model", "turns", "live"]) {
        fields.push((name, value.into()));
    }
    let tools = request.tools.iter().map(|tool| {
        let needs = Json::from(&tool.parameters);
        Json::object([("tool", Json::text(&tool.name)), ("needs", needs)])
    });
    let live = request.mode == ResponseMode::Streaming;
    fields.push(("tools".to_owned(), Json::array(tools)));
    fields.push(("live".to_owned(), json!(live).into()));
    let turns = transcript
        .messages
        .iter()
        .map(|message| turn(message, plan));
    fields.push(("turns".to_owned(), Json::array(turns)));
    Json::object(fields)
}

fn turn<'a>(message: &'a WireMessage<'a>, plan: &MediaPlan) -> Json<'a> {
    let who = match message.role {
        Role::Assistant => "model",
        Role::Tool => "tool",
        _ => "user",
    };
    let parts = message.parts.iter().filter_map(|part| match part {
        WirePart::Text { text, .. } => Some(say(text.clone())),
        WirePart::Media { index, .. } => Some(Json::item(*index, show(*index, plan))),
        WirePart::Call(call) => Some(Json::object([
            ("call", Json::text(call.id.as_ref())),
            ("tool", Json::text(&call.call.name)),
            ("with", Json::raw(&call.call.arguments)),
        ])),
        _ => None,
    });
    let mut fields = vec![("who", Json::text(who)), ("parts", Json::array(parts))];
    if message.answers.is_some() {
        fields.push(("answers", Json::text(message.answered_id())));
    }
    Json::object(fields)
}

fn say<'a>(text: impl Into<std::borrow::Cow<'a, str>>) -> Json<'a> {
    Json::object([("say", Json::text(text))])
}

fn show<'a>(index: usize, plan: &MediaPlan) -> Json<'a> {
    match plan.get(index) {
        Some((_, MediaForm::Base64 { mime, .. })) => Json::object([
            ("as", Json::text(mime.to_string())),
            ("show", Json::base64("", index)),
        ]),
        Some((_, MediaForm::Omitted(omitted))) => say(omitted.text()),
        _ => say("[media]"),
    }
}
