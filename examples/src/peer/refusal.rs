//! Errors in the form that OpenAI's API gives them.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

/// A request that the peer does not serve, and why.
#[derive(Debug)]
pub struct Refusal {
    status: StatusCode,
    kind: &'static str,
    code: Option<&'static str>,
    param: Option<String>,
    message: String,
}

impl Refusal {
    fn new(status: StatusCode, kind: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            kind,
            code: None,
            param: None,
            message: message.into(),
        }
    }

    /// 400: the request cannot be meant like this.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request_error", message)
    }

    /// 400: a value that a field does not take.
    pub fn wrong_value(param: impl Into<String>, expected: &str) -> Self {
        let param = param.into();
        Self::invalid(format!("Invalid value for '{param}': expected {expected}."))
            .with_code("invalid_value")
            .with_param(param)
    }

    /// 400: a field that has to be there is not.
    pub fn missing(param: impl Into<String>) -> Self {
        let param = param.into();
        Self::invalid(format!("Missing required parameter: '{param}'."))
            .with_code("missing_required_parameter")
            .with_param(param)
    }

    /// 401: no key, or another one.
    #[must_use]
    pub fn unauthorized() -> Self {
        let message = "Incorrect API key provided. This local peer takes only the key of the program that started it.";
        Self::new(StatusCode::UNAUTHORIZED, "invalid_request_error", message)
            .with_code("invalid_api_key")
    }

    /// 404: a model that does not exist, or no more.
    #[must_use]
    pub fn unknown_model(model: &str) -> Self {
        let message = format!(
            "The model `{}` does not exist or you do not have access to it.",
            shortened(model)
        );
        Self::new(StatusCode::NOT_FOUND, "invalid_request_error", message)
            .with_code("model_not_found")
            .with_param("model")
    }

    /// 404: a path that is not served.
    #[must_use]
    pub fn unknown_path(method: &str, path: &str) -> Self {
        let message = format!("Invalid URL ({method} {})", shortened(path));
        Self::new(StatusCode::NOT_FOUND, "invalid_request_error", message)
    }

    /// 405: a path that is served for another method.
    #[must_use]
    pub fn wrong_method(method: &str, path: &str) -> Self {
        let message = format!("Not allowed to {method} on {}.", shortened(path));
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "invalid_request_error",
            message,
        )
        .with_code("method_not_supported")
    }

    /// 413: more bytes than the peer takes in one request.
    #[must_use]
    pub fn too_large(limit: usize) -> Self {
        let message = format!("The request is larger than {limit} bytes.");
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "invalid_request_error",
            message,
        )
        .with_code("request_too_large")
    }

    /// 500: the peer itself failed.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "server_error", message)
    }

    /// The machine-readable reason.
    #[must_use]
    pub fn with_code(mut self, code: &'static str) -> Self {
        self.code = Some(code);
        self
    }

    /// The field of the request that is to blame.
    #[must_use]
    pub fn with_param(mut self, param: impl Into<String>) -> Self {
        self.param = Some(param.into());
        self
    }

    /// The status of the answer.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// What is said about the reason.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What the body of the answer holds.
    #[must_use]
    pub fn body(&self) -> Value {
        json!({"error": {"message": self.message, "type": self.kind, "param": self.param, "code": self.code}})
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (
            self.status,
            [(header::CONTENT_TYPE, "application/json")],
            self.body().to_string(),
        )
            .into_response()
    }
}

/// Text of the caller as it may stand in a message: an image in the wrong field must not come back as its error.
fn shortened(text: &str) -> String {
    const LIMIT: usize = 80;
    let mut short: String = text.chars().take(LIMIT).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}
