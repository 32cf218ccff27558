//! Files of Anthropic.

use std::time::Duration;

use async_trait::async_trait;
use chrono::DateTime;
use media_types::MediaContent;

use super::service::{FileService, UploadedFile};
use super::transfer::FileClient;
use crate::body::Multipart;
use crate::error::ProviderError;
use crate::http::{HttpClient, HttpSettings, KeyHeader, Secret};
use crate::media::MediaContext;

const BASE_URL: &str = "https://api.anthropic.com/v1";
/// The version from which files need no beta header: of requests about files, and of those that name one.
pub(crate) const VERSION: &str = "2026-10-21";

/// The files of an Anthropic account.
#[derive(Clone, Debug)]
pub(super) struct AnthropicFiles(FileClient);

impl AnthropicFiles {
    pub(super) fn new(key: &str, base_url: Option<&str>) -> Self {
        let mut settings = HttpSettings::new("anthropic", key, base_url.unwrap_or(BASE_URL));
        settings.key_header = KeyHeader::Named("x-api-key".to_owned());
        let version = ("anthropic-version".to_owned(), Secret::new(VERSION));
        settings.headers.push(version);
        settings.max_retry_after = Duration::MAX;
        Self(FileClient::new(
            HttpClient::new(settings),
            "anthropic.files",
        ))
    }
}

#[async_trait]
impl FileService for AnthropicFiles {
    fn provider(&self) -> &'static str {
        "anthropic"
    }

    fn base_url(&self) -> &str {
        self.0.base_url()
    }

    fn account(&self) -> String {
        self.0.account()
    }

    async fn upload(
        &self,
        content: &MediaContent,
        media: &MediaContext,
        keep_for: Duration,
    ) -> Result<UploadedFile, ProviderError> {
        let seconds = keep_for.as_secs().to_string();
        let fields = Multipart::new().with_field("expires_in_seconds", seconds);
        let body = self.0.body(fields, content, media).await?;
        let request = self.0.http.post(&["files"], None).await?;
        let answer = self.0.send(request, &body, media).await?;
        let mut file = UploadedFile::new(self.0.text(&answer, "/id")?);
        let end = answer
            .pointer("/expires_at")
            .and_then(serde_json::Value::as_str);
        let end = end.and_then(|end| DateTime::parse_from_rfc3339(end).ok());
        file.expires_at = end.map(|end| end.to_utc());
        Ok(file)
    }

    async fn delete(&self, name: &str) -> Result<bool, ProviderError> {
        self.0.delete(&["files", name]).await
    }
}
