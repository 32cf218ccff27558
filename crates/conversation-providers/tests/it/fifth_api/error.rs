//! Error bodies, and what they mean for the request.

use conversation_providers::api::{FailedResponse, HttpSettings, Refusal};
use conversation_providers::{ProviderError, ProviderErrorKind as Kind};
use serde_json::Value;

fn text<'a>(trouble: &'a Value, name: &str) -> Option<&'a str> {
    trouble.get(name).and_then(Value::as_str)
}

fn described(settings: &HttpSettings, error: ProviderError, trouble: &Value) -> ProviderError {
    settings.describe(error, text(trouble, "code"), text(trouble, "what"))
}

/// The error of an answer that was a success by its status.
pub(super) fn hidden(settings: &HttpSettings, trouble: &Value) -> ProviderError {
    described(settings, settings.error(Kind::Server), trouble)
}

pub(super) fn classify(settings: &HttpSettings, failed: &FailedResponse<'_>) -> Refusal {
    let body: Value = serde_json::from_slice(failed.body()).unwrap_or_default();
    let trouble = &body["trouble"];
    let error = |kind| described(settings, failed.error(settings, kind), trouble);
    match text(trouble, "code") {
        Some("no-credit") => Refusal::Final(error(Kind::Quota)),
        Some("unknown-field") => match text(trouble, "place") {
            Some(name) => Refusal::Parameter {
                name: name.to_owned(),
                error: error(Kind::InvalidRequest),
            },
            None => Refusal::Final(error(failed.kind())),
        },
        Some("bad-media") => {
            let place = text(trouble, "place").unwrap_or_default();
            let path: Vec<&str> = place.split('/').collect();
            Refusal::Media {
                suspects: failed.media_at(&path),
                certain: true,
                error: error(Kind::MediaRefused),
            }
        }
        _ => Refusal::Final(error(failed.kind())),
    }
}
