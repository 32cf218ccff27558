//! Files of OpenAI.

use std::time::Duration;

use async_trait::async_trait;
use chrono::DateTime;
use media_types::{MediaContent, MediaType};

use super::service::{FileService, UploadedFile};
use super::transfer::FileClient;
use crate::body::Multipart;
use crate::error::ProviderError;
use crate::http::{HttpClient, HttpSettings};
use crate::media::MediaContext;

const BASE_URL: &str = "https://api.openai.com/v1";

/// The files of an OpenAI account.
#[derive(Clone, Debug)]
pub(super) struct OpenAiFiles(FileClient);

impl OpenAiFiles {
    pub(super) fn new(key: &str, base_url: Option<&str>) -> Self {
        let settings = HttpSettings::new("openai", key, base_url.unwrap_or(BASE_URL));
        Self(FileClient::new(HttpClient::new(settings), "openai.files"))
    }
}

#[async_trait]
impl FileService for OpenAiFiles {
    fn provider(&self) -> &'static str {
        "openai"
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
        let purpose = match content.media_type() {
            MediaType::Image => "vision",
            _ => "user_data",
        };
        let fields = Multipart::new()
            .with_field("purpose", purpose)
            .with_field("expires_after[anchor]", "created_at")
            .with_field("expires_after[seconds]", keep_for.as_secs().to_string());
        let body = self.0.body(fields, content, media).await?;
        let request = self.0.http.post(&["files"], None).await?;
        let answer = self.0.send(request, &body, media).await?;
        let mut file = UploadedFile::new(self.0.text(&answer, "/id")?);
        let end = answer
            .pointer("/expires_at")
            .and_then(serde_json::Value::as_i64);
        file.expires_at = end.and_then(|end| DateTime::from_timestamp(end, 0));
        Ok(file)
    }

    async fn delete(&self, name: &str) -> Result<bool, ProviderError> {
        self.0.delete(&["files", name]).await
    }
}
