//! Reading records, including damaged ones and those of later versions.

use chrono::{DateTime, Utc};
use media_types::{Mime, Sha256};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::record::{MAX_SIDECAR_LEN, SIDECAR_VERSION, Sidecar};
use crate::error::{Operation, StorageError, StorageErrorKind};
use crate::metadata::MediaMetadata;
use crate::retention::RetentionPolicy;

/// What a stored record turns out to be.
#[derive(Debug)]
#[non_exhaustive]
pub enum ParsedSidecar {
    /// A valid record.
    Valid(Box<Sidecar>),
    /// A record that a later version wrote: its version or its retention is unknown. It must be left
    /// alone. The error is `Corrupted`.
    Later(StorageError),
    /// Not a valid record. The error is `Corrupted`.
    Damaged(StorageError),
}

/// What a damaged record still says.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct SalvagedSidecar {
    /// MIME type.
    pub mime: Option<Mime>,
    /// SHA-256 of the media.
    pub sha256: Option<Sha256>,
    /// Ids, positions, names and retention.
    pub metadata: MediaMetadata,
    /// When the media was stored.
    pub stored_at: Option<DateTime<Utc>>,
    /// When the media expires.
    pub expires_at: Option<DateTime<Utc>>,
    /// Whether the media is, or may be, on hold.
    pub hold: bool,
    /// Fields that this version does not know.
    pub unknown: Map<String, Value>,
}

fn corrupted(reason: &'static str) -> StorageError {
    StorageError::new(StorageErrorKind::Corrupted, Operation::Retrieve).with_reason(reason)
}

impl Sidecar {
    /// Reads a record.
    ///
    /// # Errors
    /// `Corrupted` for anything but a record of version 1 and at most 64 KiB.
    pub fn from_json(json: &[u8]) -> Result<Self, StorageError> {
        match Self::parse(json, SIDECAR_VERSION) {
            ParsedSidecar::Valid(sidecar) => Ok(*sidecar),
            ParsedSidecar::Later(error) | ParsedSidecar::Damaged(error) => Err(error),
        }
    }

    /// Reads a record up to a version that the store supports, and distinguishes records of later
    /// versions from damaged ones.
    pub fn parse(json: &[u8], supported: u32) -> ParsedSidecar {
        if json.len() as u64 > MAX_SIDECAR_LEN {
            return ParsedSidecar::Damaged(corrupted("the sidecar is larger than 64 KiB"));
        }
        match serde_json::from_slice::<Self>(json) {
            Ok(sidecar) if sidecar.format_version == 0 => {
                ParsedSidecar::Damaged(corrupted("the sidecar has format version 0"))
            }
            Ok(sidecar) if sidecar.format_version <= supported => {
                ParsedSidecar::Valid(Box::new(sidecar))
            }
            Ok(_) => ParsedSidecar::Later(later(supported)),
            Err(error) if is_later(json, supported) => {
                ParsedSidecar::Later(later(supported).with_source(error))
            }
            Err(error) => {
                ParsedSidecar::Damaged(corrupted("the sidecar is not valid").with_source(error))
            }
        }
    }

    /// Returns what a damaged record of a media file still says, field by field. Returns `None` if
    /// it is not JSON, or is the record of another file.
    pub fn salvage(json: &[u8], file_name: &str) -> Option<SalvagedSidecar> {
        let Ok(Value::Object(mut fields)) = serde_json::from_slice(json) else {
            return None;
        };
        let id: Option<String> = take(&mut fields, "id");
        if id.is_some_and(|id| id.rsplit('/').next() != Some(file_name)) {
            return None;
        }
        let hold = match fields.remove("hold") {
            None | Some(Value::Bool(false)) => false,
            Some(_) => true,
        };
        let mut salvaged = SalvagedSidecar {
            mime: take(&mut fields, "mime_type"),
            sha256: take(&mut fields, "sha256"),
            metadata: MediaMetadata {
                conversation: take(&mut fields, "conversation_id"),
                session: take(&mut fields, "session_id"),
                run: take(&mut fields, "run_id"),
                user: take(&mut fields, "user_id"),
                state_store: take(&mut fields, "state_store_id"),
                message_index: take(&mut fields, "message_index"),
                content_index: take(&mut fields, "content_index"),
                created_at: take(&mut fields, "created_at"),
                filename: take(&mut fields, "filename"),
                provider: take(&mut fields, "provider"),
                retention: take(&mut fields, "retention"),
                expires_at: take(&mut fields, "expires_by"),
                tags: take(&mut fields, "tags").unwrap_or_default(),
            },
            stored_at: take(&mut fields, "stored_at"),
            expires_at: take(&mut fields, "expires_at"),
            hold,
            unknown: Map::new(),
        };
        for known in ["format_version", "size_bytes", "rebuilt"] {
            fields.remove(known);
        }
        salvaged.unknown = fields;
        Some(salvaged)
    }
}

/// Removes a field and returns its value if it is valid.
fn take<T: DeserializeOwned>(fields: &mut Map<String, Value>, name: &str) -> Option<T> {
    serde_json::from_value(fields.remove(name)?).ok()
}

fn later(supported: u32) -> StorageError {
    let reason = format!(
        "the sidecar was written by a later version, this store supports up to {supported}"
    );
    StorageError::new(StorageErrorKind::Corrupted, Operation::Retrieve).with_reason(reason)
}

/// Whether a record that is not valid for this version was written by a later one.
fn is_later(json: &[u8], supported: u32) -> bool {
    let Ok(Value::Object(fields)) = serde_json::from_slice(json) else {
        return false;
    };
    let version = fields.get("format_version").and_then(Value::as_u64);
    if version.is_some_and(|version| version > u64::from(supported)) {
        return true;
    }
    fields
        .get("retention")
        .and_then(Value::as_str)
        .is_some_and(|word| word.parse::<RetentionPolicy>().is_err())
}
