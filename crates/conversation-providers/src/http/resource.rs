//! Small requests about what a provider keeps: files, answers.

use std::time::Duration;

use reqwest::Method;
use serde_json::Value;

use super::client::HttpClient;
use super::read::read_error_body;
use super::status::{kind_of_status, transport_error, with_headers};
use crate::error::{ProviderError, ProviderErrorKind as Kind, TimeoutPhase};

/// Longest time of a deletion.
const DELETE_TIME: Duration = Duration::from_secs(60);

impl HttpClient {
    /// Waits for a request and what is read of its answer, until the deadline of the settings.
    ///
    /// # Errors
    /// `Timeout`; those of the request.
    pub(crate) async fn in_time<T>(
        &self,
        answer: impl Future<Output = Result<T, ProviderError>>,
    ) -> Result<T, ProviderError> {
        let settings = &self.settings;
        let answer = tokio::time::timeout(settings.deadline, answer).await;
        let phase = TimeoutPhase::BeforeFirstByte;
        answer.unwrap_or_else(|_| Err(settings.error(Kind::Timeout(phase))))
    }

    /// Sends a request and waits for the head of its answer.
    ///
    /// # Errors
    /// Those of the provider.
    pub(crate) async fn respond(
        &self,
        request: reqwest::RequestBuilder,
    ) -> Result<reqwest::Response, ProviderError> {
        self.in_time(self.respond_at_last(request)).await
    }

    async fn respond_at_last(
        &self,
        request: reqwest::RequestBuilder,
    ) -> Result<reqwest::Response, ProviderError> {
        let settings = &self.settings;
        let sent = request.send().await;
        let mut response = sent.map_err(|error| transport_error(settings.provider, error))?;
        let status = response.status().as_u16();
        if response.status().is_success() {
            return Ok(response);
        }
        let body = read_error_body(&mut response).await;
        let error = settings.error(kind_of_status(status)).with_status(status);
        let error = with_headers(error, response.headers());
        let said = serde_json::from_slice::<Value>(&body).ok();
        let message = said
            .as_ref()
            .and_then(|said| said.pointer("/error/message"));
        Err(settings.describe(error, None, message.and_then(Value::as_str)))
    }

    /// Deletes what is at a path. Returns whether it was there.
    ///
    /// # Errors
    /// Those of the provider.
    pub(crate) async fn delete(&self, path: &[&str]) -> Result<bool, ProviderError> {
        let request = self.request(Method::DELETE, path, None).await?;
        match self.respond(request.timeout(DELETE_TIME)).await {
            Err(error) if error.status() == Some(404) => Ok(false),
            other => other.map(|_| true),
        }
    }
}
