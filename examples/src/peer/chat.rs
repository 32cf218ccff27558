//! `POST /v1/chat/completions`.

mod call;
mod message;
mod outcome;
mod part;
mod reply;
mod seen;
mod stream;
mod transcript;

use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::refusal::Refusal;
use super::response::json_response;
use reply::Reply;
use transcript::Transcript;

/// How the names of the chat models of today begin.
const MODEL_FAMILIES: [&str; 4] = ["gpt-4o", "gpt-4.1", "gpt-5", "o4-mini"];

/// How the names of the models for audio begin, which take no images and no documents.
const AUDIO_MODELS: &str = "gpt-audio";

/// A finished answer, to be sent whole or in pieces.
#[derive(Debug)]
pub struct Completion {
    id: String,
    model: String,
    created: u64,
    reply: Reply,
    prompt_tokens: u64,
    stream: Option<StreamOptions>,
}

#[derive(Clone, Copy, Debug)]
struct StreamOptions {
    include_usage: bool,
}

/// Answers a request's body.
///
/// # Errors
/// What the service refuses: unknown models, parameters that the model does not take, messages out of order, tool
/// results with images, images that are none.
pub fn complete(request: &Value) -> Result<Completion, Refusal> {
    let model = request
        .get("model")
        .and_then(Value::as_str)
        .ok_or_else(|| {
            Refusal::invalid("you must provide a model parameter").with_param("model")
        })?;
    check_model(model)?;
    check_parameters(request, model)?;
    let transcript = Transcript::read(request)?;
    check_media(&transcript, model)?;
    let reply = Reply::to(&transcript)?;
    Ok(Completion {
        id: format!("chatcmpl-{}", uuid::Uuid::new_v4().simple()),
        model: model.to_owned(),
        created: super::unix_seconds(),
        prompt_tokens: transcript.tokens(),
        reply,
        stream: stream_options(request),
    })
}

fn check_model(model: &str) -> Result<(), Refusal> {
    if super::images::is_image_model(model) {
        let message =
            "This is not a chat model and thus not supported in the v1/chat/completions endpoint.";
        return Err(Refusal::invalid(message).with_param("model"));
    }
    if MODEL_FAMILIES
        .iter()
        .chain([&AUDIO_MODELS])
        .any(|family| model.starts_with(family))
    {
        Ok(())
    } else {
        Err(Refusal::unknown_model(model))
    }
}

/// Audio goes to models for audio, and nothing else does.
fn check_media(transcript: &Transcript, model: &str) -> Result<(), Refusal> {
    let all = || {
        let messages = transcript.messages.iter();
        messages.flat_map(|message| &message.attachments)
    };
    let hears = model.starts_with(AUDIO_MODELS);
    if all().any(|one| one.is_recording() != hears) {
        let message = match hears {
            true => "Invalid content type. This model takes text and input_audio only.",
            false => "Invalid content type. This model does not support input_audio.",
        };
        return Err(Refusal::invalid(message)
            .with_code("invalid_value")
            .with_param("messages"));
    }
    if hears && all().next().is_none() {
        let message =
            "This model requires that either input content or output modality contain audio.";
        return Err(Refusal::invalid(message)
            .with_code("invalid_value")
            .with_param("model"));
    }
    Ok(())
}

fn check_parameters(request: &Value, model: &str) -> Result<(), Refusal> {
    let takes_old_limit = model.starts_with("gpt-4") || model.starts_with(AUDIO_MODELS);
    if !takes_old_limit
        && request
            .get("max_tokens")
            .is_some_and(|value| !value.is_null())
    {
        let message = "Unsupported parameter: 'max_tokens' is not supported with this model. \
                       Use 'max_completion_tokens' instead.";
        return Err(Refusal::invalid(message)
            .with_code("unsupported_parameter")
            .with_param("max_tokens"));
    }
    if request
        .get("n")
        .and_then(Value::as_u64)
        .is_some_and(|n| n != 1)
    {
        return Err(Refusal::invalid("This local peer gives one choice only.").with_param("n"));
    }
    Ok(())
}

fn stream_options(request: &Value) -> Option<StreamOptions> {
    let include_usage = request
        .pointer("/stream_options/include_usage")
        .and_then(Value::as_bool)
        .unwrap_or(false);
    (request.get("stream").and_then(Value::as_bool) == Some(true))
        .then_some(StreamOptions { include_usage })
}

impl Completion {
    fn usage(&self) -> Value {
        let output = self.reply.tokens();
        json!({
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": output,
            "total_tokens": self.prompt_tokens + output,
            "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
            "completion_tokens_details": {
                "reasoning_tokens": 0, "audio_tokens": 0, "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0
            },
        })
    }

    fn whole(&self) -> Value {
        let mut message = json!({"role": "assistant", "content": self.reply.text(), "refusal": null, "annotations": []});
        if let (Some(call), Some(fields)) = (self.reply.call(), message.as_object_mut()) {
            let function = json!({"name": call.name, "arguments": call.arguments});
            fields.insert(
                "tool_calls".into(),
                json!([{"id": call.id, "type": "function", "function": function}]),
            );
        }
        let choice = json!({"index": 0, "message": message, "logprobs": null, "finish_reason": self.reply.finish_reason()});
        json!({
            "id": self.id,
            "object": "chat.completion",
            "created": self.created,
            "model": self.model,
            "choices": [choice],
            "usage": self.usage(),
            "service_tier": "default",
        })
    }
}

impl IntoResponse for Completion {
    fn into_response(self) -> Response {
        match self.stream {
            Some(options) => stream::response(&self, options.include_usage),
            None => json_response(self.whole().to_string()),
        }
    }
}
