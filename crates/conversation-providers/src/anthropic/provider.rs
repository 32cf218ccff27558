//! The provider of Anthropic's Messages.

use std::time::Duration;

use super::decoder::MessageDecoder;
use super::error::classify;
use super::names::NAME;
use crate::files::ANTHROPIC_FILES_VERSION;
use crate::format::ApiFormat;
use crate::http::HttpSettings;
use crate::http_provider::{
    Api, Endpoint, FailedResponse, HttpProvider, Refusal, provider_over_http,
};
use crate::media::{MediaForm, MediaPlan};
use crate::request::ResponseMode;

/// The default base URL.
const BASE_URL: &str = "https://api.anthropic.com/v1";
/// The default version of the API.
const VERSION: &str = "2023-06-01";
/// The header that says it.
const VERSION_HEADER: &str = "anthropic-version";

/// Anthropic's Messages.
///
/// Media goes out as images and documents, also in results of tools; its base64 is streamed from
/// where the media is into the request. Signed thinking and blocks that only this API understands
/// are kept with the answer and sent back unchanged, in order.
///
/// A request that was not carried out is sent again where that can help: after a wait for rate
/// limits and overload; once more without media that the server refuses or that cannot be read
/// ([`Completion::omitted_media`](crate::Completion::omitted_media)); once more without thinking that
/// the server takes for that of another conversation.
///
/// ```
/// use conversation_providers::AnthropicProvider;
/// let provider = AnthropicProvider::new("sk-ant-...", "claude-sonnet-4-5");
/// assert!(!format!("{provider:?}").contains("sk-ant"));
/// ```
#[derive(Clone)]
pub struct AnthropicProvider(HttpProvider<MessagesApi>);

provider_over_http!(
    AnthropicProvider,
    MessagesApi,
    "`https://api.anthropic.com/v1`",
    "`anthropic.messages`"
);

impl AnthropicProvider {
    /// Creates a provider of a model, with the key of an account; an empty key sends none.
    pub fn new(key: impl AsRef<str>, model: impl Into<String>) -> Self {
        let provider = HttpProvider::new(MessagesApi, key, model);
        Self(provider.with_header(VERSION_HEADER, VERSION))
    }

    /// Sets the version of the API. Defaults to `2023-06-01`. A request that names an uploaded file is of
    /// `2026-10-21` at least, which is the first to know files.
    #[must_use]
    pub fn with_api_version(self, version: impl AsRef<str>) -> Self {
        // A later header of the same name replaces the earlier one.
        self.with_header(VERSION_HEADER, version)
    }
}

/// Anthropic's Messages as an API.
#[derive(Clone, Debug)]
struct MessagesApi;

impl Api for MessagesApi {
    type Decoder = MessageDecoder;

    const NAME: &'static str = NAME;

    const FORMAT: ApiFormat = ApiFormat::ANTHROPIC_MESSAGES;

    const BASE_URL: &'static str = BASE_URL;

    const KEY_HEADER: Option<&'static str> = Some("x-api-key");

    // As the official client: as long as the deadline allows.
    const MAX_RETRY_AFTER: Duration = Duration::MAX;

    fn endpoint(&self, _: &str, _: ResponseMode) -> Endpoint {
        Endpoint::new(["messages"])
    }

    fn headers(&self, settings: &HttpSettings, plan: &MediaPlan) -> Vec<(&'static str, String)> {
        let mut all = settings.headers.iter().rev();
        let own = all.find(|(name, _)| name.eq_ignore_ascii_case(VERSION_HEADER));
        // Versions are dates.
        let is_older = own.is_none_or(|(_, own)| own.expose() < ANTHROPIC_FILES_VERSION);
        let is_file = |index| matches!(plan.get(index), Some((_, MediaForm::ProviderFile(_))));
        let is_needed = is_older && (0..plan.len()).any(is_file);
        let version = is_needed.then(|| (VERSION_HEADER, ANTHROPIC_FILES_VERSION.to_owned()));
        version.into_iter().collect()
    }

    fn refusal(&self, settings: &HttpSettings, failed: &FailedResponse<'_>) -> Refusal {
        classify(settings, failed)
    }
}
