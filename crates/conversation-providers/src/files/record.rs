//! A file and its key.

use chrono::{DateTime, Utc};
use media_types::Sha256;
use serde::{Deserialize, Serialize};

/// What a file is found by: the account that it belongs to, and its content.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FileKey {
    /// The provider: `openai`, `anthropic`, `gemini`.
    pub provider: String,
    /// The base URL, without credentials and query.
    pub base_url: String,
    /// A fingerprint of the account: ids of one account are nothing to another.
    pub account: String,
    /// The SHA-256 of the content.
    pub sha256: Sha256,
}

impl FileKey {
    /// Creates a key.
    pub fn new(
        provider: impl Into<String>,
        base_url: impl Into<String>,
        account: impl Into<String>,
        sha256: Sha256,
    ) -> Self {
        Self {
            provider: provider.into(),
            base_url: base_url.into(),
            account: account.into(),
            sha256,
        }
    }
}

/// A file that a provider keeps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FileRecord {
    /// What the file is found by.
    pub key: FileKey,
    /// What the provider names it in requests: an id, or a URI.
    pub id: String,
    /// What the provider names it when it is to be deleted.
    pub name: String,
    /// The size in bytes; 0 where it is not known.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub bytes: u64,
    /// When the provider deletes it; `None` for never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<DateTime<Utc>>,
}

fn is_zero(bytes: &u64) -> bool {
    *bytes == 0
}

impl FileRecord {
    /// Creates a record of a file that requests and deletions name by one id.
    pub fn new(key: FileKey, id: impl Into<String>) -> Self {
        let id = id.into();
        Self {
            key,
            name: id.clone(),
            id,
            bytes: 0,
            expires_at: None,
        }
    }

    /// Returns whether the provider has deleted the file by then.
    pub fn is_over(&self, now: DateTime<Utc>) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }
}
