//! What is known of an upload beside its bytes.

use chrono::{DateTime, Utc};
use media_storage::MediaMetadata;
use media_types::{Mime, StorageReference, UserId};
use serde::{Deserialize, Serialize};

/// The version of the format.
pub(super) const VERSION: u32 = 1;

/// The state of an upload, as it is kept in a file beside the bytes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct UploadRecord {
    pub(super) version: u32,
    /// The user that began it; uploads without a user belong to whoever knows their name.
    pub(super) owner: Option<UserId>,
    /// Announced size, in bytes.
    pub(super) length: u64,
    /// `Upload-Metadata`, as the client sent it.
    pub(super) metadata: String,
    /// Metadata of the grant that the upload began with; records of 0.2.0 have none.
    #[serde(default, with = "super::granted")]
    pub(super) granted: Option<MediaMetadata>,
    pub(super) expires_at: DateTime<Utc>,
    /// What the bytes became; the file with the bytes is gone then.
    pub(super) stored: Option<StoredItem>,
}

/// Media that an upload became.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct StoredItem {
    pub(super) reference: StorageReference,
    pub(super) mime_type: Mime,
    pub(super) size: u64,
    pub(super) filename: Option<String>,
}

impl UploadRecord {
    pub(super) fn is_expired(&self, now: DateTime<Utc>) -> bool {
        self.expires_at <= now
    }

    /// Bytes that the upload may take on the disk.
    pub(super) fn reserved(&self) -> u64 {
        match self.stored {
            Some(_) => 0,
            None => self.length,
        }
    }
}
