//! Errors as responses.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use conversation_sdk::ConversationError;
use media_storage::{StorageError, StorageErrorKind};
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

    pub(crate) fn not_found(message: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", message)
    }

    /// Returns the response for an upload that the manager did not take: what the store below said decides.
    pub(crate) fn of_upload(error: ConversationError) -> Self {
        match kind_of(&error) {
            Some(kind) => Self::of_storage(kind),
            None => error.into(),
        }
    }

    fn of_storage(kind: StorageErrorKind) -> Self {
        use StorageErrorKind::{InvalidInput, NotFound, TooLarge, Unsupported};
        let (status, name, message) = match kind {
            NotFound => (
                StatusCode::NOT_FOUND,
                "not_found",
                "there is no such upload",
            ),
            TooLarge => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "too_large",
                "the upload is larger than it may be",
            ),
            InvalidInput | Unsupported => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_type",
                "the upload is not what was announced, or may not be uploaded",
            ),
            _ => (
                StatusCode::SERVICE_UNAVAILABLE,
                "unavailable",
                "the media store cannot be reached",
            ),
        };
        Self::new(status, name, message)
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

impl From<StorageError> for ApiError {
    fn from(error: StorageError) -> Self {
        Self::of_storage(error.kind())
    }
}

/// Returns the kind of the store's error below an error of the manager.
pub(crate) fn kind_of(error: &ConversationError) -> Option<StorageErrorKind> {
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        if let Some(error) = cause.downcast_ref::<StorageError>() {
            return Some(error.kind());
        }
        source = cause.source();
    }
    None
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let json = HeaderValue::from_static("application/json");
        let headers = [(header::CONTENT_TYPE, json)];
        (self.status, headers, self.body.to_string()).into_response()
    }
}
