//! The provider of Anthropic's Messages.

use std::fmt;

use async_trait::async_trait;

use super::messages_api::MessagesApi;
use super::names::{BASE_URL, NAME, VERSION};
use crate::capability::Capabilities;
use crate::error::ProviderError;
use crate::http::{HttpClient, HttpSettings, KeyHeader, Secret, http_setters};
use crate::http_provider::HttpProvider;
use crate::media::MediaContext;
use crate::price::PriceTable;
use crate::provider::Provider;
use crate::request::ProviderRequest;
use crate::response::ProviderResponse;

/// Anthropic's Messages.
///
/// Media goes out as images and documents, also in results of tools; its base64 is streamed from
/// where the media is into the request. Signed thinking and blocks that only this API understands
/// are kept with the answer and sent back unchanged, in order.
///
/// A request that was not carried out is sent again where that can help: after a wait for rate
/// limits and overload, and once more without media that the server refuses or that cannot be read
/// ([`Completion::omitted_media`](crate::Completion::omitted_media)).
///
/// ```
/// use conversation_providers::AnthropicProvider;
/// let provider = AnthropicProvider::new("sk-ant-...", "claude-sonnet-4-5");
/// assert!(!format!("{provider:?}").contains("sk-ant"));
/// ```
#[derive(Clone)]
pub struct AnthropicProvider(HttpProvider<MessagesApi>);

impl AnthropicProvider {
    /// Creates a provider of a model, with the key of an account; an empty key sends none.
    pub fn new(key: impl AsRef<str>, model: impl Into<String>) -> Self {
        let mut settings = HttpSettings::new(NAME, key.as_ref(), BASE_URL);
        settings.key_header = KeyHeader::Named("x-api-key");
        let version = ("anthropic-version".to_owned(), Secret::new(VERSION));
        settings.headers.push(version);
        Self(HttpProvider::new(MessagesApi, settings, model.into()))
    }

    http_setters!("https://api.anthropic.com/v1");

    fn http_mut(&mut self) -> &mut HttpClient {
        &mut self.0.http
    }

    /// Sets the version of the API. Defaults to `2023-06-01`.
    #[must_use]
    pub fn with_api_version(self, version: impl AsRef<str>) -> Self {
        // A later header of the same name replaces the earlier one.
        self.with_header("anthropic-version", version)
    }

    /// Sets the prices for [`Completion::cost`](crate::Completion::cost). Defaults to the built-in
    /// table.
    #[must_use]
    pub fn with_price_table(mut self, prices: PriceTable) -> Self {
        self.0.prices = prices;
        self
    }

    /// Sets what the API accepts, by its entry `anthropic.messages`; without that entry no media is
    /// sent. Defaults to the built-in file.
    #[must_use]
    pub fn with_capabilities(mut self, capabilities: &Capabilities) -> Self {
        self.0.set_capabilities(capabilities);
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
impl Provider for AnthropicProvider {
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

impl fmt::Debug for AnthropicProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnthropicProvider")
            .field("model", &self.0.model)
            .field("settings", &self.0.http.settings)
            .finish_non_exhaustive()
    }
}
