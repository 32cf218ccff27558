//! Errors as responses.

use std::error::Error;
use std::time::Duration;

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
    retry_after: Option<Duration>,
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

    pub(crate) fn forbidden(message: &str) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", message)
    }

    pub(crate) fn too_many_uploads(retry_after: Duration) -> Self {
        let status = StatusCode::TOO_MANY_REQUESTS;
        let message = "too many uploads were announced; wait, or upload through the service";
        Self {
            retry_after: Some(retry_after),
            ..Self::new(status, "too_many_uploads", message)
        }
    }

    pub(crate) fn not_found(message: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", message)
    }

    /// Returns the response for a failure of this service, which is logged with its causes.
    pub(crate) fn unavailable(error: &dyn Error, message: &str) -> Self {
        tracing::warn!(error = causes(error), "a request failed");
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", message)
    }

    /// Returns the response for an upload that the manager did not take: what the store below said decides.
    pub(crate) fn of_upload(error: ConversationError) -> Self {
        match kind_of(&error) {
            Some(kind) => Self::of_storage(kind, &error),
            None => error.into(),
        }
    }

    fn of_storage(kind: StorageErrorKind, error: &dyn Error) -> Self {
        use StorageErrorKind::{InvalidInput, NotFound, QuotaExceeded, TooLarge, Unsupported};
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
            QuotaExceeded => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "quota_exceeded",
                "your quota for media is used up; delete something first",
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
        if status.is_server_error() {
            tracing::warn!(error = causes(error), "a request failed");
        }
        Self::new(status, name, message)
    }

    fn new(status: StatusCode, kind: &str, message: &str) -> Self {
        let body = json!({"error": {"kind": kind, "message": message}});
        Self {
            status,
            body,
            retry_after: None,
        }
    }
}

impl From<ConversationError> for ApiError {
    fn from(error: ConversationError) -> Self {
        if error.http_status() >= 500 {
            tracing::warn!(error = causes(&error), "a request failed");
        }
        let status = StatusCode::from_u16(error.http_status());
        Self {
            status: status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            body: json!({ "error": error }),
            retry_after: None,
        }
    }
}

impl From<StorageError> for ApiError {
    fn from(error: StorageError) -> Self {
        Self::of_storage(error.kind(), &error)
    }
}

/// Returns an error and what caused it.
fn causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

/// Returns the kind of the store's error below an error of the manager.
pub(crate) fn kind_of(error: &ConversationError) -> Option<StorageErrorKind> {
    let mut source = error.source();
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
        let mut response = (self.status, headers, self.body.to_string()).into_response();
        if let Some(wait) = self.retry_after {
            let seconds = HeaderValue::from(wait.as_secs().max(1));
            response.headers_mut().insert(header::RETRY_AFTER, seconds);
        }
        response
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use media_storage::Operation;

    use super::*;

    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl Write for Log {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// Returns status and log of the conversion of a store's error.
    fn converted(kind: StorageErrorKind) -> (StatusCode, String) {
        let log = Log::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .finish();
        let error = StorageError::new(kind, Operation::Sign)
            .with_source(std::io::Error::other("the cable is cut"));
        let error = tracing::subscriber::with_default(subscriber, || ApiError::from(error));
        let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        (error.status, text)
    }

    #[test]
    fn failures_of_the_store_are_logged_with_their_cause_and_those_of_clients_are_not() {
        let (status, log) = converted(StorageErrorKind::Unavailable);
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(log.contains("the cable is cut"), "{log}");
        let (status, log) = converted(StorageErrorKind::TooLarge);
        assert_eq!((status, log.as_str()), (StatusCode::PAYLOAD_TOO_LARGE, ""));
        let (status, log) = converted(StorageErrorKind::QuotaExceeded);
        assert_eq!((status, log.as_str()), (StatusCode::PAYLOAD_TOO_LARGE, ""));
    }
}
