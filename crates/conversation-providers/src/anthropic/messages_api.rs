//! Messages as an API.

use super::decoder::MessageDecoder;
use super::error::classify;
use super::names::NAME;
use crate::format::ApiFormat;
use crate::http::HttpSettings;
use crate::http_provider::{Api, Endpoint, FailedResponse, Refusal};
use crate::request::ResponseMode;

/// Anthropic's Messages.
#[derive(Clone, Debug)]
pub(super) struct MessagesApi;

impl Api for MessagesApi {
    type Decoder = MessageDecoder;

    const NAME: &'static str = NAME;

    const FORMAT: ApiFormat = ApiFormat::AnthropicMessages;

    fn endpoint(&self, _: &str, _: ResponseMode) -> Endpoint {
        Endpoint {
            path: vec!["messages".to_owned()],
            query: None,
        }
    }

    fn refusal(&self, settings: &HttpSettings, failed: &FailedResponse<'_>) -> Refusal {
        classify(settings, failed)
    }
}
