//! The provider of chat completions.

use super::super::names::{BASE_URL, NAME};
use super::super::refusal::classify;
use super::decoder::ChatDecoder;
use crate::format::ApiFormat;
use crate::http::HttpSettings;
use crate::http_provider::{
    Api, Endpoint, FailedResponse, HttpProvider, Refusal, provider_over_http,
};
use crate::request::ResponseMode;

/// Chat completions of OpenAI, or of a compatible server.
///
/// Media goes out as images, audio (`wav`, `mp3`) and files (PDF). Its base64 is streamed from
/// where the media is into the request: memory does not depend on its size. Media of tools and of
/// the model's own messages follows in a user message, since other roles accept text only. Audio in
/// an answer, and images that gateways put beside its text, are decoded as they arrive and go to the
/// [sink](crate::sink) of the request.
///
/// A request that was not carried out is sent again where that can help: after a wait for rate
/// limits and overload; once more without media that the server refuses or that cannot be read
/// ([`Completion::omitted_media`](crate::Completion::omitted_media)); without a tuning parameter
/// that the model does not accept (as reasoning models refuse `temperature`). Refused media and
/// parameters are remembered for an hour.
///
/// ```
/// use conversation_providers::OpenAiProvider;
/// let provider = OpenAiProvider::new("sk-...", "gpt-4o");
/// assert!(!format!("{provider:?}").contains("sk-..."));
/// ```
#[derive(Clone)]
pub struct OpenAiProvider(HttpProvider<ChatApi>);

provider_over_http!(
    OpenAiProvider,
    ChatApi,
    "`https://api.openai.com/v1`",
    "`openai.chat`"
);

impl OpenAiProvider {
    /// Creates a provider of a model, with the key of an account; an empty key sends none.
    pub fn new(key: impl AsRef<str>, model: impl Into<String>) -> Self {
        Self(HttpProvider::new(ChatApi, key, model))
    }

    /// Sets the organization that requests are billed to. Defaults to the key's.
    #[must_use]
    pub fn with_organization(self, id: impl AsRef<str>) -> Self {
        self.with_header("openai-organization", id)
    }

    /// Sets the project that requests are billed to. Defaults to the key's.
    #[must_use]
    pub fn with_project(self, id: impl AsRef<str>) -> Self {
        self.with_header("openai-project", id)
    }

    /// Sets whether a streamed answer is asked to report its usage; some older compatible servers
    /// refuse that. Defaults to true.
    #[must_use]
    pub fn with_stream_usage(mut self, ask: bool) -> Self {
        self.0.stream_usage = ask;
        self
    }
}

/// Chat completions as an API.
#[derive(Clone, Debug)]
struct ChatApi;

impl Api for ChatApi {
    type Decoder = ChatDecoder;

    const NAME: &'static str = NAME;

    const FORMAT: ApiFormat = ApiFormat::OPENAI_CHAT;

    const BASE_URL: &'static str = BASE_URL;

    fn endpoint(&self, _: &str, _: ResponseMode) -> Endpoint {
        Endpoint::new(["chat", "completions"])
    }

    fn refusal(&self, settings: &HttpSettings, failed: &FailedResponse<'_>) -> Refusal {
        classify(settings, failed)
    }
}
