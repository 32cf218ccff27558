//! Errors as responses.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use conversation_sdk::ConversationError;
use serde_json::{Value, json};

/// An error as a client gets it: `{"error": {"kind", "message", "turn"}}`.
#[derive(Debug)]
pub(crate) struct ApiError {
    status: StatusCode,
    body: Value,
}

impl ApiError {
    pub(crate) fn signed_out() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "signed_out",
            "open the page first",
        )
    }

    pub(crate) fn bad_request(message: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_input", message)
    }

    fn new(status: StatusCode, kind: &str, message: &str) -> Self {
        let body = json!({"error": {"kind": kind, "message": message}});
        Self { status, body }
    }
}

impl From<ConversationError> for ApiError {
    fn from(error: ConversationError) -> Self {
        if error.http_status() >= 500 {
            tracing::warn!(%error, "a request failed");
        }
        let status = StatusCode::from_u16(error.http_status());
        Self {
            status: status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            body: json!({ "error": error }),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let json = HeaderValue::from_static("application/json");
        let headers = [(header::CONTENT_TYPE, json)];
        (self.status, headers, self.body.to_string()).into_response()
    }
}
