//! Files of the Gemini API.

use std::time::Duration;

use async_trait::async_trait;
use chrono::DateTime;
use media_types::MediaContent;
use media_types::readable::causes;
use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::service::{FileService, UploadedFile};
use super::transfer::FileClient;
use crate::error::{ProviderError, ProviderErrorKind as Kind};
use crate::http::{HttpClient, HttpSettings, KeyHeader};
use crate::media::MediaContext;

const BASE_URL: &str = "https://generativelanguage.googleapis.com";
const VERSION: &str = "v1";
/// Longest time in which a file is made ready.
const READY: Duration = Duration::from_secs(120);
/// The wait between two questions whether it is.
const PAUSE: Duration = Duration::from_millis(500);

/// The files of a Gemini account. The provider deletes them after two days.
#[derive(Clone, Debug)]
pub(super) struct GeminiFiles(FileClient);

impl GeminiFiles {
    pub(super) fn new(key: &str, base_url: Option<&str>) -> Self {
        let mut settings = HttpSettings::new("gemini", key, base_url.unwrap_or(BASE_URL));
        settings.key_header = KeyHeader::Named("x-goog-api-key".to_owned());
        Self(FileClient::new(HttpClient::new(settings), "gemini.files"))
    }

    async fn ready(&self, mut file: Value) -> Result<Value, ProviderError> {
        let end = Instant::now() + READY;
        loop {
            match file.pointer("/state").and_then(Value::as_str) {
                Some("FAILED") => {
                    let error = self.0.http.settings.error(Kind::MediaRefused);
                    return Err(error.with_reason("the provider could not process the file"));
                }
                Some("PROCESSING") if Instant::now() < end => {}
                Some("PROCESSING") => {
                    return Err(self.0.invalid("the file was not made ready in time"));
                }
                _ => return Ok(file),
            }
            sleep(PAUSE).await;
            let name = self.0.text(&file, "/name")?.to_owned();
            let request = self
                .0
                .http
                .request(Method::GET, &path_of(&name), None)
                .await?;
            file = self.0.answer(request).await?;
        }
    }
}

impl GeminiFiles {
    /// Waits for a file, and returns what it is named by.
    async fn uploaded(&self, file: Value) -> Result<UploadedFile, ProviderError> {
        let file = self.ready(file).await?;
        let mut uploaded = UploadedFile::new(self.0.text(&file, "/uri")?);
        self.0.text(&file, "/name")?.clone_into(&mut uploaded.name);
        let end = file.pointer("/expirationTime").and_then(Value::as_str);
        let end = end.and_then(|end| DateTime::parse_from_rfc3339(end).ok());
        uploaded.expires_at = end.map(|end| end.to_utc());
        Ok(uploaded)
    }
}

/// The path of a file: its name is `files/<id>`.
fn path_of(name: &str) -> Vec<&str> {
    std::iter::once(VERSION).chain(name.split('/')).collect()
}

fn says_gone(error: &ProviderError) -> bool {
    let message = error.message().unwrap_or_default();
    message.contains("may not exist")
}

#[async_trait]
impl FileService for GeminiFiles {
    fn provider(&self) -> &'static str {
        "gemini"
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
        _: Duration,
    ) -> Result<UploadedFile, ProviderError> {
        let client = &self.0;
        let (plan, mime, size) = client.plain(content, media).await?;
        let name = content.filename().unwrap_or("media");
        let about = json!({"file": {
            "display_name": name, "mime_type": mime.as_str(), "size_bytes": size
        }});
        let request = client
            .http
            .post(&["upload", VERSION, "files"], None)
            .await?;
        let request = request
            .header("x-goog-upload-protocol", "resumable")
            .header("x-goog-upload-command", "start")
            .header("x-goog-upload-header-content-length", size)
            .header("x-goog-upload-header-content-type", mime.as_str())
            .header(CONTENT_TYPE, "application/json")
            .body(about.to_string());
        let started = client.respond(request).await?;
        let session = started.headers().get("x-goog-upload-url");
        let session = session.and_then(|url| url.to_str().ok());
        let session = session.ok_or_else(|| client.invalid("the upload has no URL"))?;
        let request = client.http.post_within(session).await?;
        let request = request
            .header("x-goog-upload-command", "upload, finalize")
            .header("x-goog-upload-offset", 0);
        let answer = client.send_plain(request, &plan, media).await?;
        let file = answer.get("file").cloned().unwrap_or(answer);
        let name = self.0.text(&file, "/name")?.to_owned();
        let uploaded = self.uploaded(file).await;
        // It is at the provider, where nothing would name it.
        if uploaded.is_err()
            && let Err(error) = self.delete(&name).await
        {
            tracing::warn!(error = %causes(&error), "a file that cannot be used is left");
        }
        uploaded
    }

    async fn delete(&self, name: &str) -> Result<bool, ProviderError> {
        match self.0.delete(&path_of(name)).await {
            // What is gone looks to this API like what belongs to others.
            Err(error) if error.status() == Some(403) && says_gone(&error) => Ok(false),
            other => other,
        }
    }
}
