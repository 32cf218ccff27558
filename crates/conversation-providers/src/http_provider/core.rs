//! The provider over HTTP.

use std::sync::Arc;

use async_trait::async_trait;

use super::api::Api;
use super::facade::provider_setters;
use super::rejections::RejectionCache;
use super::unwanted::ForgetRule;
use crate::capability::{ApiCapabilities, Capabilities};
use crate::error::ProviderError;
use crate::http::{HttpClient, HttpSettings, KeyHeader};
use crate::media::MediaContext;
use crate::price::PriceTable;
use crate::provider::Provider;
use crate::request::ProviderRequest;
use crate::response::ProviderResponse;

/// The default limit of an answer in bytes.
const MAX_ANSWER: usize = 64 * 1024 * 1024;

/// A model behind an API over HTTP.
///
/// Sending and media, retries and waits, media and parameters that are refused, complete and streamed
/// answers, limits, prices and budgets are the same for every API; what differs is its [`Api`].
#[derive(Clone, Debug)]
pub struct HttpProvider<A> {
    pub(crate) api: A,
    pub(crate) http: HttpClient,
    pub(crate) model: String,
    pub(super) capabilities: Arc<ApiCapabilities>,
    pub(crate) prices: PriceTable,
    pub(super) rejections: RejectionCache,
    /// Whether a stream is asked to report its usage, where that has to be asked for.
    pub(crate) stream_usage: bool,
    /// Largest answer in bytes: of its media, decoded, and of the JSON around it.
    pub(crate) max_answer: usize,
    /// What forgets answers that the provider keeps.
    pub(crate) forget: ForgetRule,
}

impl<A: Api> HttpProvider<A> {
    /// Creates a provider of a model, with the key of an account; an empty key sends none.
    pub fn new(api: A, key: impl AsRef<str>, model: impl Into<String>) -> Self {
        let mut settings = HttpSettings::new(A::NAME, key.as_ref(), A::BASE_URL);
        if let Some(name) = A::KEY_HEADER {
            settings.key_header = KeyHeader::Named(name.to_owned());
        }
        settings.max_retry_after = A::MAX_RETRY_AFTER;
        Self {
            http: HttpClient::new(settings),
            model: model.into(),
            capabilities: api.capabilities(),
            prices: PriceTable::builtin(),
            rejections: RejectionCache::default(),
            stream_usage: true,
            max_answer: MAX_ANSWER,
            forget: ForgetRule::default(),
            api,
        }
    }

    /// Sets what the API accepts, by its entry.
    pub(crate) fn set_capabilities(&mut self, capabilities: &Capabilities) {
        let entry = capabilities.api(A::FORMAT.capability_name());
        self.capabilities = entry.unwrap_or_default();
    }

    provider_setters!("that of the API", "of the API");

    fn core_mut(&mut self) -> &mut Self {
        self
    }
}

#[async_trait]
impl<A: Api> Provider for HttpProvider<A> {
    fn name(&self) -> &str {
        A::NAME
    }

    fn model(&self) -> &str {
        &self.model
    }

    async fn complete(
        &self,
        request: ProviderRequest<'_>,
        media: &MediaContext,
    ) -> Result<ProviderResponse, ProviderError> {
        self.respond(&request, media).await
    }
}
