//! The provider of chat completions.

use std::fmt;

use async_trait::async_trait;

use super::chat_api::ChatApi;
use super::names::{BASE_URL, NAME};
use crate::capability::Capabilities;
use crate::error::ProviderError;
use crate::http::{HttpClient, HttpSettings, http_setters};
use crate::http_provider::HttpProvider;
use crate::media::MediaContext;
use crate::price::PriceTable;
use crate::provider::Provider;
use crate::request::ProviderRequest;
use crate::response::ProviderResponse;

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
/// parameters are remembered until the provider is dropped.
///
/// ```
/// use conversation_providers::OpenAiProvider;
/// let provider = OpenAiProvider::new("sk-...", "gpt-4o");
/// assert!(!format!("{provider:?}").contains("sk-..."));
/// ```
#[derive(Clone)]
pub struct OpenAiProvider(HttpProvider<ChatApi>);

impl OpenAiProvider {
    /// Creates a provider of a model, with the key of an account; an empty key sends none.
    pub fn new(key: impl AsRef<str>, model: impl Into<String>) -> Self {
        let settings = HttpSettings::new(NAME, key.as_ref(), BASE_URL);
        Self(HttpProvider::new(ChatApi, settings, model.into()))
    }

    http_setters!("https://api.openai.com/v1");

    fn http_mut(&mut self) -> &mut HttpClient {
        &mut self.0.http
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

    /// Sets the prices for [`Completion::cost`](crate::Completion::cost). Defaults to the built-in
    /// table.
    #[must_use]
    pub fn with_price_table(mut self, prices: PriceTable) -> Self {
        self.0.prices = prices;
        self
    }

    /// Sets what the API accepts, by its entry `openai.chat`; without that entry no media is sent.
    /// Defaults to the built-in file.
    #[must_use]
    pub fn with_capabilities(mut self, capabilities: &Capabilities) -> Self {
        self.0.set_capabilities(capabilities);
        self
    }

    /// Sets whether a streamed answer is asked to report its usage; some older compatible servers
    /// refuse that. Defaults to true.
    #[must_use]
    pub fn with_stream_usage(mut self, ask: bool) -> Self {
        self.0.stream_usage = ask;
        self
    }

    /// Sets the largest answer in bytes: of its media, decoded, and of the JSON around it, which
    /// may have 16 MiB at most. Defaults to 64 MiB.
    #[must_use]
    pub fn with_max_answer_bytes(mut self, bytes: usize) -> Self {
        self.0.max_answer = bytes;
        self
    }
}

#[async_trait]
impl Provider for OpenAiProvider {
    fn name(&self) -> &str {
        NAME
    }

    fn model(&self) -> &str {
        &self.0.model
    }

    async fn complete(
        &self,
        request: ProviderRequest<'_>,
        media: &MediaContext,
    ) -> Result<ProviderResponse, ProviderError> {
        self.0.complete(&request, media).await
    }
}

impl fmt::Debug for OpenAiProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenAiProvider")
            .field("model", &self.0.model)
            .field("settings", &self.0.http.settings)
            .finish_non_exhaustive()
    }
}
