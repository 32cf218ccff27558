//! The provider of Gemini's contents.

use super::decoder::ContentsDecoder;
use super::error::classify;
use super::request::NAME;
use crate::format::ApiFormat;
use crate::http::HttpSettings;
use crate::http_provider::{
    Api, Endpoint, FailedResponse, HttpProvider, Refusal, provider_over_http,
};
use crate::request::ResponseMode;

/// The default base URL.
const BASE_URL: &str = "https://generativelanguage.googleapis.com";
/// The default version of the API.
const VERSION: &str = "v1";

/// Gemini's contents: `generateContent` and `streamGenerateContent`.
///
/// Media goes out as images, audio, video and documents, for models since Gemini 3 also in results
/// of tools; its base64 is streamed from where the media is into the request. Images and audio of an
/// answer are decoded as they arrive and go to the [sink](crate::sink) of the request. Signatures of
/// thoughts are kept with the text, image or call that they belong to, and sent back with it. Images of
/// thoughts come as [previews](crate::PartialImage).
///
/// What the API delivers by URI (`delivery: URI`) is not fetched: the answer names the file, which the API
/// keeps for two days. Ask for inline delivery where media is to be stored.
///
/// A request that was not carried out is sent again where that can help: after a wait for rate
/// limits and overload; once more without media that the server refuses or that cannot be read
/// ([`Completion::omitted_media`](crate::Completion::omitted_media)); once more without signatures
/// that the server does not take for its own.
///
/// ```
/// use conversation_providers::GeminiProvider;
/// let provider = GeminiProvider::new("AIza...", "gemini-3-pro").with_api_version("v1beta");
/// assert!(!format!("{provider:?}").contains("AIza"));
/// ```
#[derive(Clone)]
pub struct GeminiProvider(HttpProvider<ContentsApi>);

provider_over_http!(
    GeminiProvider,
    ContentsApi,
    "`https://generativelanguage.googleapis.com`",
    "`gemini.generate_content`"
);

impl GeminiProvider {
    /// Creates a provider of a model, with the key of an account; an empty key sends none.
    pub fn new(key: impl AsRef<str>, model: impl Into<String>) -> Self {
        let api = ContentsApi {
            version: VERSION.to_owned(),
        };
        Self(HttpProvider::new(api, key, model))
    }

    /// Sets the version of the API, which is the first part of the path: `v1` or `v1beta`; an empty
    /// one has no part, for gateways that have it in their base URL. Defaults to `v1`.
    #[must_use]
    pub fn with_api_version(mut self, version: impl Into<String>) -> Self {
        self.0.api.version = version.into();
        self
    }
}

/// Contents as an API.
#[derive(Clone, Debug)]
struct ContentsApi {
    version: String,
}

impl Api for ContentsApi {
    type Decoder = ContentsDecoder;

    const NAME: &'static str = NAME;

    const FORMAT: ApiFormat = ApiFormat::GEMINI_CONTENTS;

    const BASE_URL: &'static str = BASE_URL;

    const KEY_HEADER: Option<&'static str> = Some("x-goog-api-key");

    fn endpoint(&self, model: &str, mode: ResponseMode) -> Endpoint {
        let (method, query) = match mode {
            ResponseMode::Streaming => ("streamGenerateContent", Some(("alt", "sse"))),
            _ => ("generateContent", None),
        };
        let mut path = Vec::new();
        if !self.version.is_empty() {
            path.push(self.version.clone());
        }
        // Tuned models and those of a publisher are named with their collection.
        if !model.contains('/') {
            path.push("models".to_owned());
        }
        path.extend(model.split('/').map(str::to_owned));
        if let Some(last) = path.last_mut() {
            last.push(':');
            last.push_str(method);
        }
        Endpoint { path, query }
    }

    fn refusal(&self, settings: &HttpSettings, failed: &FailedResponse<'_>) -> Refusal {
        classify(settings, failed)
    }
}
