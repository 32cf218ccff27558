//! Request bodies as values, for those who bring their own transport.
//!
//! Four APIs are spoken: [`WireForm`]. A [`RequestBody`] is written but for its media, which is read
//! from where it is while the body is sent: memory does not depend on its size, and the length is
//! known before the first byte. The same body can be sent again; its media is then read again.
//!
//! ```
//! use conversation_sdk::provider::wire::{RequestBody, WireForm};
//! use conversation_sdk::provider::{Capabilities, ProviderRequest};
//! use conversation_sdk::{MediaContext, Message};
//! use futures_util::TryStreamExt;
//!
//! # async fn run(media: MediaContext) -> Result<(), Box<dyn std::error::Error>> {
//! let messages = [Message::user("What do you see?")];
//! let request = ProviderRequest::new(&messages).with_system(Some("Be brief."));
//! let form = WireForm::AnthropicMessages;
//! let api = Capabilities::builtin().api(form.api()).unwrap_or_default();
//! let body = RequestBody::new(form, "claude-sonnet-4-5", &request, &api, &media).await?;
//! println!("content-type: {}", body.content_type());
//! println!("content-length: {}", body.len());
//! let mut pieces = body.stream();
//! while let Some(piece) = pieces.try_next().await? {
//!     // Onto the connection. On an error the connection is closed: the request is not whole.
//! #   let _ = piece;
//! }
//! # Ok(())
//! # }
//! ```
//!
//! The same history gives the same text, byte for byte, as long as the store signs the same
//! addresses for it (stores do within a window) and its media is there; messages come last, so
//! that the body of one turn, but for its closing brackets, begins the body of the next.
//!
//! [`Multipart`] bodies carry uploads: files for providers that give ids for them, pictures to be
//! edited.
//!
//! # Map
//! - `transcript`: the conversation in the order that an API wants, its media by number
//! - `chat`, `responses`, `anthropic`, `gemini`: the JSON of each API
//! - [`RequestBody`] (`body`), [`Multipart`] (`multipart`)

use std::borrow::Cow;

use media_types::MediaContent;
use serde_json::{Map, Value};

use super::ProviderRequest;
use super::capability::ApiCapabilities;
use super::media::MediaPlan;
use super::note::{MediaNote, NoteCause};
use super::skeleton::Json;
use crate::message::ToolCall;

mod anthropic;
mod body;
pub(crate) mod chat;
mod gemini;
mod multipart;
mod responses;
mod transcript;

#[cfg(feature = "provider-http")]
pub(crate) use body::pieces;
pub use body::{BodyPieces, RequestBody};
pub use multipart::Multipart;
pub(crate) use transcript::Transcript;
#[cfg(feature = "openai")]
pub(crate) use transcript::WirePart;

/// The JSON of an API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WireForm {
    /// Chat completions, by OpenAI and all who speak the same: `POST /v1/chat/completions`.
    OpenAiChat,
    /// OpenAI's Responses: `POST /v1/responses`.
    OpenAiResponses,
    /// Anthropic's Messages: `POST /v1/messages`. Bedrock and Vertex take the same without the
    /// model and with a version: set `anthropic_version` as a parameter and give an empty model.
    AnthropicMessages,
    /// Gemini's contents: `POST /v1beta/models/<model>:generateContent`, or
    /// `:streamGenerateContent`. The model is in the address and not in the body.
    GeminiContents,
}

impl WireForm {
    /// Whose files ([`ProviderFile`](media_types::ProviderFile)) can be named in such a request.
    pub fn provider(self) -> &'static str {
        match self {
            Self::OpenAiChat | Self::OpenAiResponses => "openai",
            Self::AnthropicMessages => "anthropic",
            Self::GeminiContents => "gemini",
        }
    }

    /// The entry of [`Capabilities`](super::Capabilities) that says what the API takes.
    pub fn api(self) -> &'static str {
        match self {
            Self::OpenAiChat => "openai.chat",
            Self::OpenAiResponses => "openai.responses",
            Self::AnthropicMessages => "anthropic.messages",
            Self::GeminiContents => "gemini.generate_content",
        }
    }

    fn render<'a>(
        self,
        request: &'a ProviderRequest<'a>,
        transcript: &'a Transcript<'a>,
        plan: &MediaPlan,
        options: &Options<'a>,
    ) -> Json<'a> {
        match self {
            Self::OpenAiChat => chat::render(request, transcript, plan, options),
            Self::OpenAiResponses => responses::render(request, transcript, plan, options),
            Self::AnthropicMessages => anthropic::render(request, transcript, plan, options),
            Self::GeminiContents => gemini::render(request, transcript, plan, options),
        }
    }
}

/// What a request is made of beside its messages.
#[derive(Debug)]
pub(crate) struct Options<'a> {
    pub(crate) model: &'a str,
    pub(crate) capabilities: &'a ApiCapabilities,
    /// Whether a stream is asked to tell its usage, where that is to be asked for.
    pub(crate) stream_usage: bool,
    /// Parameters that the server has refused.
    pub(crate) refused: &'a [String],
}

impl Options<'_> {
    /// The parameters of a request but for those that are the request itself, as the model wants
    /// them.
    fn parameters(&self, request: &ProviderRequest<'_>, reserved: &[&str]) -> Map<String, Value> {
        let mut given = request.parameters.clone();
        given.retain(|name, value| !reserved.contains(&name.as_str()) && !value.is_null());
        let mut adapted = self.capabilities.adapt(self.model, given);
        adapted.retain(|name, _| !self.refused.iter().any(|refused| refused == name));
        adapted
    }
}

type Fields<'a> = Vec<(Cow<'a, str>, Json<'a>)>;

/// What is said of media that a data file promises and the API has no word for.
fn unsupported(content: &MediaContent) -> String {
    let reason = "this provider does not take it in this form";
    MediaNote::about(content, NoteCause::Unsupported, reason).text(content)
}

/// The arguments of a call, for APIs that take nothing but an object.
fn arguments(call: &ToolCall) -> Value {
    match serde_json::from_str(&call.arguments) {
        Ok(arguments @ Value::Object(_)) => arguments,
        _ if call.arguments.trim().is_empty() => Value::Object(Map::new()),
        // The model sees again what it wrote.
        _ => serde_json::json!({"arguments": call.arguments}),
    }
}

/// Gives a parameter the name that an API has for it.
fn rename(parameters: &mut Map<String, Value>, from: &str, to: &str) {
    if let Some(value) = parameters.remove(from) {
        parameters.entry(to).or_insert(value);
    }
}
