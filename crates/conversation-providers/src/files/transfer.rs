//! What the APIs for files share.

use std::sync::Arc;

use media_storage::Sha256Hasher;
use media_types::{MediaContent, Mime};
use reqwest::header::CONTENT_TYPE;
use serde_json::Value;

use crate::body::{Multipart, RequestBody};
use crate::capability::{ApiCapabilities, Capabilities};
use crate::error::{ProviderError, ProviderErrorKind as Kind};
use crate::http::{FailureSlot, HttpClient, HttpSettings, SendBody, SendProgress, transport_error};
use crate::media::{Encoding, MediaContext, MediaForm, MediaPlan};
use crate::template::{BodyTemplate, Segment};

/// Returns the account that settings lead to: the base URL without a query, and a fingerprint of the
/// key, enough to tell accounts apart and not enough to guess from.
pub(crate) fn account_of(settings: &HttpSettings) -> (&str, String) {
    let url = settings.base_url.split(['?', '#']).next();
    let digest = Sha256Hasher::digest(format!("account {}", settings.key.expose()).as_bytes());
    let fingerprint = digest.to_string().chars().take(16).collect();
    (url.unwrap_or_default().trim_end_matches('/'), fingerprint)
}

/// Longest answer about a file, in bytes.
const MAX_ANSWER: usize = 64 * 1024;

/// A client of an API for files.
#[derive(Clone, Debug)]
pub(super) struct FileClient {
    pub(super) http: HttpClient,
    provider: &'static str,
    capabilities: Arc<ApiCapabilities>,
}

impl FileClient {
    pub(super) fn new(http: HttpClient, capability_name: &str) -> Self {
        let capabilities = Capabilities::builtin().api(capability_name);
        Self {
            provider: http.settings.provider,
            http,
            capabilities: capabilities.unwrap_or_default(),
        }
    }

    pub(super) fn base_url(&self) -> &str {
        account_of(&self.http.settings).0
    }

    pub(super) fn account(&self) -> String {
        account_of(&self.http.settings).1
    }

    /// Writes an upload.
    ///
    /// # Errors
    /// `MediaRead`.
    pub(super) async fn body(
        &self,
        fields: Multipart,
        content: &MediaContent,
        media: &MediaContext,
    ) -> Result<RequestBody, ProviderError> {
        let body = fields.with_file("file", content.clone());
        body.into_body(self.provider, &self.capabilities, media)
            .await
    }

    /// Looks up media that is sent as it is.
    ///
    /// # Errors
    /// `MediaRead`.
    pub(super) async fn plain(
        &self,
        content: &MediaContent,
        media: &MediaContext,
    ) -> Result<(MediaPlan, Mime, u64), ProviderError> {
        let plan = media
            .plan(self.provider, &self.capabilities, [content])
            .await;
        let (mime, size) = match plan.get(0) {
            Some((_, MediaForm::Upload { mime, size })) => (mime.clone(), *size),
            Some((_, MediaForm::Omitted(omitted))) => {
                let error = self.http.settings.error(Kind::MediaRead);
                return Err(error.with_reason(omitted.detail.clone()));
            }
            _ => return Err(self.http.settings.error(Kind::MediaRead)),
        };
        Ok((plan, mime, size))
    }

    /// Sends a form with a file and reads the answer.
    ///
    /// # Errors
    /// Those of the provider.
    pub(super) async fn send(
        &self,
        request: reqwest::RequestBuilder,
        body: &RequestBody,
        media: &MediaContext,
    ) -> Result<Value, ProviderError> {
        let request = request.header(CONTENT_TYPE, body.content_type());
        let template = body.template().clone();
        self.send_template(request, template, body.plan(), media)
            .await
    }

    /// Sends media as it is and reads the answer.
    ///
    /// # Errors
    /// Those of the provider.
    pub(super) async fn send_plain(
        &self,
        request: reqwest::RequestBuilder,
        plan: &MediaPlan,
        media: &MediaContext,
    ) -> Result<Value, ProviderError> {
        let template = BodyTemplate::from_segments(vec![Segment::Media(0, Encoding::Plain)]);
        self.send_template(request, template, plan, media).await
    }

    async fn send_template(
        &self,
        request: reqwest::RequestBuilder,
        template: BodyTemplate,
        plan: &MediaPlan,
        media: &MediaContext,
    ) -> Result<Value, ProviderError> {
        let slot = FailureSlot::default();
        let body = SendBody::new(template, plan, media, slot.clone(), SendProgress::new());
        let answer = self.answer(request.body(reqwest::Body::wrap(body))).await;
        match (answer, slot.take()) {
            (Err(_), Some(failed)) => Err(self
                .http
                .settings
                .error(Kind::MediaRead)
                .with_source(failed)),
            (answer, _) => answer,
        }
    }

    /// Sends a request and reads its answer.
    ///
    /// # Errors
    /// Those of the provider.
    pub(super) async fn answer(
        &self,
        request: reqwest::RequestBuilder,
    ) -> Result<Value, ProviderError> {
        // Others wait for the same file.
        self.http.in_time(self.read_answer(request)).await
    }

    async fn read_answer(&self, request: reqwest::RequestBuilder) -> Result<Value, ProviderError> {
        let mut response = self.respond(request).await?;
        let mut bytes = Vec::new();
        let lost = |error| transport_error(self.provider, error);
        while let Some(chunk) = response.chunk().await.map_err(lost)? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > MAX_ANSWER {
                return Err(self.invalid("the answer about a file is too long"));
            }
        }
        serde_json::from_slice(&bytes).map_err(|error| {
            self.invalid("the answer about a file is not JSON")
                .with_source(error)
        })
    }

    /// Sends a request and waits for its answer.
    ///
    /// # Errors
    /// Those of the provider.
    pub(super) async fn respond(
        &self,
        request: reqwest::RequestBuilder,
    ) -> Result<reqwest::Response, ProviderError> {
        self.http.respond(request).await
    }

    /// Deletes what is at a path. Returns whether it was there.
    ///
    /// # Errors
    /// Those of the provider.
    pub(super) async fn delete(&self, path: &[&str]) -> Result<bool, ProviderError> {
        self.http.delete(path).await
    }

    pub(super) fn invalid(&self, reason: &'static str) -> ProviderError {
        self.http
            .settings
            .error(Kind::InvalidResponse)
            .with_reason(reason)
    }

    /// Returns the text of a field.
    ///
    /// # Errors
    /// `InvalidResponse`.
    pub(super) fn text<'v>(&self, value: &'v Value, at: &str) -> Result<&'v str, ProviderError> {
        let text = value.pointer(at).and_then(Value::as_str);
        text.filter(|text| !text.is_empty())
            .ok_or_else(|| self.invalid("the answer about a file does not name it"))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::error::TimeoutPhase;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[tokio::test]
    async fn an_answer_that_never_ends_is_a_timeout() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = tokio::spawn(async move {
            let mut open = Vec::new();
            for status in ["200 OK", "500 X"] {
                let (mut socket, _) = listener.accept().await.unwrap();
                let mut request = [0; 4096];
                while !request.ends_with(b"\r\n\r\n") {
                    request.rotate_left(1);
                    socket.read_exact(&mut request[4095..]).await.unwrap();
                }
                let head = format!("HTTP/1.1 {status}\r\ncontent-length: 100\r\n\r\n{{");
                socket.write_all(head.as_bytes()).await.unwrap();
                open.push(socket);
            }
            std::future::pending::<()>().await;
        });
        let mut settings = HttpSettings::new("openai", "key", &url);
        settings.deadline = Duration::from_millis(300);
        let client = FileClient::new(HttpClient::new(settings), "openai.files");
        for _ in 0..2 {
            let request = client.http.post(&["files"], None).await.unwrap();
            let error = client.answer(request).await.unwrap_err();
            let phase = TimeoutPhase::BeforeFirstByte;
            assert_eq!(error.kind(), Kind::Timeout(phase));
        }
        server.abort();
    }
}
