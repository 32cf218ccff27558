//! The provider and its API.

use std::sync::Arc;

use conversation_providers::api::{
    Api, Endpoint, FailedResponse, HttpProvider, HttpSettings, Refusal,
};
use conversation_providers::{ApiCapabilities, ApiFormat, Capabilities, ResponseMode};

use super::decoder::TalkDecoder;
use super::error::classify;
use super::request::ACME_TALK;

/// What the API accepts: an entry of its own, beside the built-in file.
const ACCEPTS: &str = r#"{"format_version": 1, "revised": "2026-12-01", "apis": {"acme.talk": {
    "max_items": 3, "media": [{"mime": ["image/*"], "forms": ["base64"], "max_item_bytes": 1000000}]
}}}"#;

#[derive(Clone, Debug)]
pub(super) struct TalkApi;

impl Api for TalkApi {
    type Decoder = TalkDecoder;

    const NAME: &'static str = "acme";

    const FORMAT: ApiFormat = ACME_TALK;

    const BASE_URL: &'static str = "https://api.acme.example/v2";

    const KEY_HEADER: Option<&'static str> = Some("x-acme-key");

    fn endpoint(&self, model: &str, _: ResponseMode) -> Endpoint {
        Endpoint::new(["models", model, "talk"]).with_query("v", "2")
    }

    fn capabilities(&self) -> Arc<ApiCapabilities> {
        let file = Capabilities::from_json(ACCEPTS);
        file.ok().and_then(|file| file.api("acme.talk")).unwrap()
    }

    fn refusal(&self, settings: &HttpSettings, failed: &FailedResponse<'_>) -> Refusal {
        classify(settings, failed)
    }
}

pub(super) fn acme(key: &str, model: &str) -> HttpProvider<TalkApi> {
    HttpProvider::new(TalkApi, key, model)
}
