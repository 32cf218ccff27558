//! The record.

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat, Utc};
use media_types::{ConversationId, Mime, RunId, SessionId, Sha256, StorageReference, UserId};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value};

use crate::error::{Operation, StorageError, StorageErrorKind};
use crate::inventory::Entry;
use crate::metadata::{MediaMetadata, check_tags, earlier};
use crate::options::MetadataPatch;
use crate::retention::RetentionPolicy;
use crate::scope::{Ownership, Scope};

/// Largest size of a sidecar, in bytes.
pub const MAX_SIDECAR_LEN: u64 = 64 * 1024;

/// Version of the format that is written, unless the record needs a later one.
pub const SIDECAR_VERSION: u32 = 1;

/// Latest version of the format. Version 2 marks records that programs which know only version 1 must
/// not act on, such as those of media on hold. A store decides up to which version it supports them.
pub const MAX_SIDECAR_VERSION: u32 = 2;

/// The record that a store keeps beside media, as JSON. Stores decide by it, not by what a reference
/// says.
///
/// Fields that this version does not know are kept. `docs/format.md` specifies the format.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Sidecar {
    /// Version of the format.
    pub format_version: u32,
    /// Id of the reference in the store.
    pub id: String,
    /// MIME type.
    pub mime_type: Mime,
    /// Size in bytes.
    pub size_bytes: u64,
    /// Hash of the bytes.
    pub sha256: Sha256,
    /// Conversation that the media belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conversation_id: Option<ConversationId>,
    /// Session that the media belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_id: Option<SessionId>,
    /// Run that the media belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run_id: Option<RunId>,
    /// User that the media belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<UserId>,
    /// Id of the state store that keeps the conversation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_store_id: Option<String>,
    /// Position of the message in the conversation, from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message_index: Option<u64>,
    /// Position of the part in the message, from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_index: Option<u64>,
    /// When the media was created, according to the caller.
    #[serde(serialize_with = "opt_millis", skip_serializing_if = "Option::is_none")]
    pub created_at: Option<DateTime<Utc>>,
    /// When the media was stored.
    #[serde(serialize_with = "millis")]
    pub stored_at: DateTime<Utc>,
    /// Original file name. It is data, never a path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filename: Option<String>,
    /// Model provider that created the media.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// How long the media is kept.
    pub retention: RetentionPolicy,
    /// When the media expires.
    #[serde(serialize_with = "opt_millis", skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<DateTime<Utc>>,
    /// When the media expires at the latest, whatever its retention is changed to.
    #[serde(
        default,
        serialize_with = "opt_millis",
        skip_serializing_if = "Option::is_none"
    )]
    pub expires_by: Option<DateTime<Utc>>,
    /// Whether the media is on hold: it is neither deleted nor swept.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub hold: bool,
    /// Whether the record was rebuilt after it was lost or damaged, so that ids may be missing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub rebuilt: bool,
    /// Tags of the caller.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// Fields of later versions.
    #[serde(flatten)]
    pub unknown: Map<String, Value>,
}

fn millis<S: Serializer>(time: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&time.to_rfc3339_opts(SecondsFormat::Millis, true))
}

#[allow(clippy::ref_option)]
fn opt_millis<S: Serializer>(
    time: &Option<DateTime<Utc>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => millis(time, serializer),
        None => serializer.serialize_none(),
    }
}

impl Sidecar {
    /// Creates the record of media that is stored at `stored_at`.
    pub fn new(
        id: impl Into<String>,
        mime: Mime,
        size: u64,
        sha256: Sha256,
        metadata: MediaMetadata,
        default_retention: RetentionPolicy,
        stored_at: DateTime<Utc>,
    ) -> Self {
        let retention = metadata.retention.unwrap_or(default_retention);
        Self {
            format_version: SIDECAR_VERSION,
            id: id.into(),
            mime_type: mime,
            size_bytes: size,
            sha256,
            conversation_id: metadata.conversation,
            session_id: metadata.session,
            run_id: metadata.run,
            user_id: metadata.user,
            state_store_id: metadata.state_store,
            message_index: metadata.message_index,
            content_index: metadata.content_index,
            created_at: metadata.created_at,
            stored_at,
            filename: metadata.filename,
            provider: metadata.provider,
            retention,
            expires_at: earlier(retention.expires_at(stored_at), metadata.expires_at),
            expires_by: metadata.expires_at,
            hold: false,
            rebuilt: false,
            tags: metadata.tags,
            unknown: Map::new(),
        }
    }

    /// Creates the record of media that is imported with what the entry of another store says.
    #[must_use]
    pub fn imported(
        entry: &Entry,
        size: u64,
        sha256: Sha256,
        default_retention: RetentionPolicy,
    ) -> Self {
        let mut sidecar = Self::new(
            entry.reference.id(),
            entry.mime.clone(),
            size,
            sha256,
            entry.metadata.clone(),
            default_retention,
            entry.stored_at,
        );
        sidecar.expires_at = entry.expires_at;
        sidecar.expires_by = earlier(sidecar.expires_by, entry.expires_by);
        sidecar.with_hold(entry.hold)
    }

    /// Returns the record as JSON, indented by two spaces, with a final newline.
    ///
    /// # Errors
    /// `InvalidInput` if it would be larger than 64 KiB, or tags exceed their limits.
    pub fn to_json(&self) -> Result<Vec<u8>, StorageError> {
        let refuse = |reason: &'static str| {
            StorageError::new(StorageErrorKind::InvalidInput, Operation::Store).with_reason(reason)
        };
        check_tags(&self.tags)?;
        let mut json = serde_json::to_vec_pretty(self)
            .map_err(|error| refuse("the metadata cannot be written as JSON").with_source(error))?;
        json.push(b'\n');
        if json.len() as u64 > MAX_SIDECAR_LEN {
            return Err(refuse("the metadata is larger than 64 KiB"));
        }
        Ok(json)
    }

    /// Returns the metadata that the caller gave when it stored the media.
    pub fn metadata(&self) -> MediaMetadata {
        MediaMetadata {
            conversation: self.conversation_id.clone(),
            session: self.session_id.clone(),
            run: self.run_id.clone(),
            user: self.user_id.clone(),
            message_index: self.message_index,
            content_index: self.content_index,
            created_at: self.created_at,
            filename: self.filename.clone(),
            provider: self.provider.clone(),
            retention: Some(self.retention),
            expires_at: None,
            state_store: self.state_store_id.clone(),
            tags: self.tags.clone(),
        }
    }

    /// Returns the record, marked as rebuilt, and on hold if it was or may have been.
    #[must_use]
    pub fn into_rebuilt(mut self, hold: bool) -> Self {
        self.rebuilt = true;
        self.patched(&MetadataPatch::new().with_hold(hold))
    }

    /// Returns the record with a change applied.
    #[must_use]
    pub fn patched(mut self, patch: &MetadataPatch) -> Self {
        if let Some(retention) = patch.retention() {
            self.expires_by = self.latest_expiry();
            self.retention = retention;
            self.expires_at = earlier(retention.expires_at(self.stored_at), self.expires_by);
        }
        if let Some(user) = patch.user() {
            self.user_id = user.cloned();
        }
        match patch.hold() {
            Some(hold) => self.with_hold(hold),
            None => self,
        }
    }

    /// Returns the record of media that is on hold, or is not.
    #[must_use]
    pub fn with_hold(mut self, hold: bool) -> Self {
        self.hold = hold;
        if hold {
            self.format_version = self.format_version.max(2);
        }
        self
    }

    /// Returns when the media expires at the latest. A record without it has it in its expiry, if that is not
    /// the one of its retention.
    fn latest_expiry(&self) -> Option<DateTime<Utc>> {
        let by_retention = self.retention.expires_at(self.stored_at);
        let other = self.expires_at.filter(|at| Some(*at) != by_retention);
        earlier(self.expires_by, other)
    }

    /// Whether the media belongs to a scope.
    pub fn is_in(&self, scope: &Scope) -> bool {
        scope.owns(Ownership {
            run: self.run_id.as_ref(),
            session: self.session_id.as_ref(),
            conversation: self.conversation_id.as_ref(),
            user: self.user_id.as_ref(),
            tags: &self.tags,
        })
    }

    /// Whether the media may belong to a scope although the record does not say so, because it was rebuilt
    /// without an id of the scope.
    pub fn may_be_in(&self, scope: &Scope) -> bool {
        let lost = |scope: &Scope| match scope {
            Scope::Run(_) => self.run_id.is_none(),
            Scope::Session(_) => self.session_id.is_none(),
            Scope::Conversation(_) => self.conversation_id.is_none(),
            Scope::User(_) => self.user_id.is_none(),
            Scope::Tag { name, .. } => !self.tags.contains_key(name),
            _ => false,
        };
        let parts = scope.parts();
        self.rebuilt
            && parts.iter().any(|part| lost(part))
            && parts.iter().all(|part| lost(part) || self.is_in(part))
    }

    /// Whether the media has expired.
    pub fn is_expired(&self, now: DateTime<Utc>) -> bool {
        self.expires_at.is_some_and(|at| at <= now)
    }

    /// Decides whether a reference may read this media. All stores use this rule.
    ///
    /// # Errors
    /// `NotFound` if the media is outside of the expected scope or has expired, with the same text as
    /// for media that does not exist. `InvalidRef` if size or hash of the reference differ.
    pub fn admit(
        &self,
        reference: &StorageReference,
        expected_scope: Option<&Scope>,
        now: DateTime<Utc>,
        operation: Operation,
    ) -> Result<(), StorageError> {
        let refuse = |kind| StorageError::new(kind, operation).with_key(reference.id());
        if expected_scope.is_some_and(|scope| !self.is_in(scope)) || self.is_expired(now) {
            return Err(refuse(StorageErrorKind::NotFound));
        }
        let size_differs = reference.size().is_some_and(|size| size != self.size_bytes);
        let hash_differs = reference.sha256().is_some_and(|hash| hash != self.sha256);
        if size_differs || hash_differs {
            return Err(refuse(StorageErrorKind::InvalidRef)
                .with_reason("size or hash of the reference differ from those of the media"));
        }
        Ok(())
    }

    /// Decides whether a reference may change this media now. Media on hold may be changed after it has expired,
    /// so that it can be released.
    ///
    /// # Errors
    /// As [`admit`](Self::admit).
    pub fn admit_update(
        &self,
        reference: &StorageReference,
        expected_scope: Option<&Scope>,
    ) -> Result<(), StorageError> {
        let now = if self.hold {
            DateTime::<Utc>::MIN_UTC
        } else {
            Utc::now()
        };
        self.admit(reference, expected_scope, now, Operation::Update)
    }

    /// Decides whether a reference may delete this media. Expired media may still be deleted.
    ///
    /// # Errors
    /// As [`admit`](Self::admit), and `Held` for media on hold.
    pub fn admit_deletion(
        &self,
        reference: &StorageReference,
        expected_scope: Option<&Scope>,
    ) -> Result<(), StorageError> {
        let before_all = DateTime::<Utc>::MIN_UTC;
        self.admit(reference, expected_scope, before_all, Operation::Delete)?;
        if self.hold {
            return Err(StorageError::new(StorageErrorKind::Held, Operation::Delete)
                .with_key(reference.id())
                .with_reason("release the hold before deleting the media"));
        }
        Ok(())
    }

    /// Returns the reference to the media that this record describes.
    ///
    /// # Errors
    /// `Corrupted` if the id of the record is not valid.
    pub fn reference(
        &self,
        backend: &str,
        store_name: Option<&str>,
    ) -> Result<StorageReference, StorageError> {
        let mut builder = StorageReference::builder(backend, self.id.as_str())
            .with_size(self.size_bytes)
            .with_sha256(self.sha256)
            .with_created_at(self.stored_at);
        if let Some(name) = store_name {
            builder = builder.with_store_name(name);
        }
        builder.build().map_err(|error| {
            StorageError::new(StorageErrorKind::Corrupted, Operation::List).with_source(error)
        })
    }

    /// Returns the entry of an inventory for this record.
    ///
    /// # Errors
    /// `Corrupted` if the id of the record is not valid.
    pub fn entry(&self, backend: &str, store_name: Option<&str>) -> Result<Entry, StorageError> {
        let reference = self.reference(backend, store_name)?;
        let entry = Entry::new(
            reference,
            self.mime_type.clone(),
            self.metadata(),
            self.stored_at,
        );
        Ok(entry
            .with_expires_at(self.expires_at)
            .with_expires_by(self.latest_expiry())
            .with_hold(self.hold))
    }
}
