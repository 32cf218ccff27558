//! The trait of an API for files.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use media_types::MediaContent;

use crate::error::ProviderError;
use crate::media::MediaContext;

/// A file that was uploaded.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UploadedFile {
    /// What requests name it by: an id, or a URI.
    pub id: String,
    /// What it is deleted by.
    pub name: String,
    /// When the provider deletes it; `None` for never, or unknown.
    pub expires_at: Option<DateTime<Utc>>,
}

impl UploadedFile {
    /// Creates a file that is named by its id everywhere and never deleted by the provider.
    pub fn new(id: impl Into<String>) -> Self {
        let id = id.into();
        Self {
            name: id.clone(),
            id,
            expires_at: None,
        }
    }
}

/// The API of a provider for files.
#[async_trait]
pub trait FileService: fmt::Debug + Send + Sync + 'static {
    /// Returns the provider: `openai`, `anthropic`, `gemini`.
    fn provider(&self) -> &'static str;

    /// Returns the base URL.
    fn base_url(&self) -> &str;

    /// Returns a fingerprint of the account: it distinguishes accounts and gives no key away.
    fn account(&self) -> String;

    /// Uploads media, read while it is sent, to be kept for so long where that can be said.
    ///
    /// # Errors
    /// `MediaRead` where the media cannot be read; those of the provider.
    async fn upload(
        &self,
        content: &MediaContent,
        media: &MediaContext,
        keep_for: Duration,
    ) -> Result<UploadedFile, ProviderError>;

    /// Deletes a file by its name. Returns whether it was there.
    ///
    /// # Errors
    /// Those of the provider.
    async fn delete(&self, name: &str) -> Result<bool, ProviderError>;
}
