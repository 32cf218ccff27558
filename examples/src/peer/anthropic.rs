//! `POST /v1/messages`: text about the media that was sent, at once or as a stream. No tools.

mod request;
mod stream;

use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use super::attachment::{Attachment, list};
use super::refusal::Refusal;
use super::response::json_response;
use super::text_tokens;
use request::MessagesRequest;

/// What the service counts for an image or a document, roughly.
const MEDIA_TOKENS: u64 = 1500;

/// A finished answer, to be sent whole or in pieces.
#[derive(Debug)]
pub struct Answer {
    id: String,
    model: String,
    text: String,
    input_tokens: u64,
    is_streamed: bool,
}

/// Answers a request's body.
///
/// # Errors
/// What the service refuses: unknown models, no limit of tokens, messages without content, media that is not what it
/// is declared as.
pub fn answer(request: &Map<String, Value>) -> Result<Answer, Refusal> {
    let request = MessagesRequest::read(request)?;
    let media: Vec<&Attachment> = request.media.iter().collect();
    let text = match media.is_empty() {
        true => format!(
            "I have nothing to look at. You said: {}",
            request.newest_text
        ),
        false => {
            let lines: Vec<String> = media.iter().map(|one| one.describe()).collect();
            list(&media, lines)
        }
    };
    Ok(Answer {
        id: format!("msg_{}", uuid::Uuid::new_v4().simple()),
        model: request.model,
        text,
        input_tokens: request.text_tokens + MEDIA_TOKENS * request.media.len() as u64,
        is_streamed: request.is_streamed,
    })
}

/// The answer to a request that is not served, in the form of this API.
#[must_use]
pub fn refuse(refusal: Refusal) -> Response {
    let kind = match refusal.status().as_u16() {
        401 => "authentication_error",
        404 => "not_found_error",
        413 => "request_too_large",
        500.. => "api_error",
        _ => "invalid_request_error",
    };
    let error = json!({"type": kind, "message": refusal.message()});
    let id = format!("req_{}", uuid::Uuid::new_v4().simple());
    let body = json!({"type": "error", "error": error, "request_id": id});
    (
        refusal.status(),
        [(header::CONTENT_TYPE, "application/json")],
        body.to_string(),
    )
        .into_response()
}

impl Answer {
    /// The message with this content, as it stands at the beginning of a stream and in an answer at once.
    fn message(&self, content: &Value, stop: Option<&str>, output_tokens: u64) -> Value {
        json!({
            "id": self.id,
            "type": "message",
            "role": "assistant",
            "model": self.model,
            "content": content,
            "stop_reason": stop,
            "stop_sequence": null,
            "usage": {"input_tokens": self.input_tokens, "output_tokens": output_tokens},
        })
    }

    fn output_tokens(&self) -> u64 {
        text_tokens(&self.text)
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        if self.is_streamed {
            return stream::response(&self);
        }
        let content = json!([{"type": "text", "text": self.text}]);
        let message = self.message(&content, Some("end_turn"), self.output_tokens());
        json_response(message.to_string())
    }
}
