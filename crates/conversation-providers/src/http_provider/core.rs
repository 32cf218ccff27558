//! The provider over HTTP.

use std::sync::Arc;

use super::api::Api;
use super::rejections::RejectionCache;
use crate::capability::{ApiCapabilities, Capabilities};
use crate::http::{HttpClient, HttpSettings};
use crate::price::PriceTable;

/// The default limit of an answer in bytes.
const MAX_ANSWER: usize = 64 * 1024 * 1024;

/// A model behind an API over HTTP.
#[derive(Clone, Debug)]
pub(crate) struct HttpProvider<A> {
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
}

impl<A: Api> HttpProvider<A> {
    pub(crate) fn new(api: A, settings: HttpSettings, model: String) -> Self {
        let mut provider = Self {
            api,
            http: HttpClient::new(settings),
            model,
            capabilities: Arc::default(),
            prices: PriceTable::builtin(),
            rejections: RejectionCache::default(),
            stream_usage: true,
            max_answer: MAX_ANSWER,
        };
        provider.set_capabilities(&Capabilities::builtin());
        provider
    }

    /// Sets what the API accepts, by its entry.
    pub(crate) fn set_capabilities(&mut self, capabilities: &Capabilities) {
        let api = capabilities.api(A::FORMAT.capability_name);
        self.capabilities = api.unwrap_or_default();
    }
}
