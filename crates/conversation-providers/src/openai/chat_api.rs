//! Chat completions as an API.

use super::chat_decoder::ChatDecoder;
use super::names::NAME;
use super::refusal::classify;
use crate::format::ApiFormat;
use crate::http::HttpSettings;
use crate::http_provider::{Api, Endpoint, FailedResponse, Refusal};
use crate::request::ResponseMode;

/// Chat completions.
#[derive(Clone, Debug)]
pub(super) struct ChatApi;

impl Api for ChatApi {
    type Decoder = ChatDecoder;

    const NAME: &'static str = NAME;

    const FORMAT: ApiFormat = ApiFormat::OpenAiChat;

    fn endpoint(&self, _: &str, _: ResponseMode) -> Endpoint {
        Endpoint {
            path: vec!["chat".to_owned(), "completions".to_owned()],
            query: None,
        }
    }

    fn refusal(&self, settings: &HttpSettings, failed: &FailedResponse<'_>) -> Refusal {
        classify(settings, failed)
    }
}
