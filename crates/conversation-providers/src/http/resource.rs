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
    /// Sends a request and waits for its answer.
    ///
    /// # Errors
    /// Those of the provider.
    pub(crate) async fn respond(
        &self,
        request: reqwest::RequestBuilder,
    ) -> Result<reqwest::Response, ProviderError> {
        let settings = &self.settings;
        let sent = tokio::time::timeout(settings.deadline, request.send()).await;
        let sent =
            sent.map_err(|_| settings.error(Kind::Timeout(TimeoutPhase::BeforeFirstByte)))?;
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
