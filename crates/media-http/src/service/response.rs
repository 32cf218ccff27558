//! Responses that are not media. Nobody keeps them.

use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Response, StatusCode};
use media_storage::StorageError;

use super::body::ResponseBody;

/// Returns a response without a body.
pub(crate) fn empty(status: StatusCode) -> Response<ResponseBody> {
    let mut response = Response::new(ResponseBody::empty());
    *response.status_mut() = status;
    let no_store = HeaderValue::from_static("no-store");
    response.headers_mut().insert(CACHE_CONTROL, no_store);
    response
}

/// Returns a response whose text is its status.
pub(crate) fn plain(status: StatusCode) -> Response<ResponseBody> {
    let text = status.canonical_reason().unwrap_or_default();
    with_text(status, "text/plain; charset=utf-8", text.to_owned())
}

/// Returns the response to `OPTIONS`.
pub(crate) fn methods(allowed: &'static str) -> Response<ResponseBody> {
    let mut response = empty(StatusCode::NO_CONTENT);
    let allowed = HeaderValue::from_static(allowed);
    response.headers_mut().insert(ALLOW, allowed);
    response
}

/// Returns a response with JSON.
#[cfg(feature = "upload")]
pub(crate) fn json(status: StatusCode, body: &serde_json::Value) -> Response<ResponseBody> {
    with_text(status, "application/json", body.to_string())
}

/// Returns a response that says why a request failed.
#[cfg(feature = "upload")]
pub(crate) fn describe(status: StatusCode, code: &str, message: &str) -> Response<ResponseBody> {
    let body = serde_json::json!({"error": {"code": code, "message": message}});
    json(status, &body)
}

/// Returns when a request can be repeated that a store failed.
pub(crate) fn retry_after(error: &StorageError) -> HeaderValue {
    let seconds = error
        .retry_after()
        .map_or(1, |after| after.as_secs().max(1));
    HeaderValue::from(seconds)
}

fn with_text(status: StatusCode, mime: &'static str, text: String) -> Response<ResponseBody> {
    let mut response = empty(status);
    *response.body_mut() = ResponseBody::text(text);
    let mime = HeaderValue::from_static(mime);
    response.headers_mut().insert(CONTENT_TYPE, mime);
    response
}
