//! Metadata of media.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use media_types::{ConversationId, RunId, SessionId, UserId};
use serde::Serialize;

use crate::error::{Operation, StorageError, StorageErrorKind};
use crate::retention::RetentionPolicy;

/// Largest number of tags of a media item.
pub const MAX_TAGS: usize = 32;

/// Largest length of the name of a tag, in bytes.
pub const MAX_TAG_NAME_LEN: usize = 64;

/// Largest length of the value of a tag, in bytes.
pub const MAX_TAG_VALUE_LEN: usize = 256;

/// Metadata that a caller gives when it stores media: to whom it belongs, its position in a conversation,
/// and how long it is kept. Everything is optional, but the organization of a store may require ids.
///
/// ```
/// use media_storage::{MediaMetadata, RetentionPolicy};
/// let metadata = MediaMetadata::new()
///     .with_session("session-1".parse()?)
///     .with_conversation("conv-1".parse()?)
///     .with_retention(RetentionPolicy::RetainDays(30));
/// assert_eq!(metadata.session().unwrap().as_str(), "session-1");
/// # Ok::<(), media_types::ValueError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct MediaMetadata {
    #[serde(rename = "conversation_id", skip_serializing_if = "Option::is_none")]
    pub(crate) conversation: Option<ConversationId>,
    #[serde(rename = "session_id", skip_serializing_if = "Option::is_none")]
    pub(crate) session: Option<SessionId>,
    #[serde(rename = "run_id", skip_serializing_if = "Option::is_none")]
    pub(crate) run: Option<RunId>,
    #[serde(rename = "user_id", skip_serializing_if = "Option::is_none")]
    pub(crate) user: Option<UserId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) message_index: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) content_index: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) created_at: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) filename: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) provider: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) retention: Option<RetentionPolicy>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) expires_at: Option<DateTime<Utc>>,
    #[serde(rename = "state_store_id", skip_serializing_if = "Option::is_none")]
    pub(crate) state_store: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) tags: BTreeMap<String, String>,
}

macro_rules! fields {
    ($($(#[$doc:meta])* $name:ident, $with:ident, $type:ty, $get:ty, $map:expr;)*) => {
        $(
            $(#[$doc])*
            pub fn $name(&self) -> Option<$get> {
                #[allow(clippy::redundant_closure_call)]
                ($map)(&self.$name)
            }

            #[doc = concat!("Sets [`", stringify!($name), "`](Self::", stringify!($name), "). Default: none.")]
            #[must_use]
            pub fn $with(mut self, $name: $type) -> Self {
                self.$name = Some($name);
                self
            }
        )*
    };
}

impl MediaMetadata {
    /// Creates empty metadata.
    pub fn new() -> Self {
        Self::default()
    }

    fields! {
        /// Returns the conversation that the media belongs to.
        conversation, with_conversation, ConversationId, &ConversationId, Option::as_ref;
        /// Returns the session that the media belongs to.
        session, with_session, SessionId, &SessionId, Option::as_ref;
        /// Returns the run that the media belongs to.
        run, with_run, RunId, &RunId, Option::as_ref;
        /// Returns the user that the media belongs to.
        user, with_user, UserId, &UserId, Option::as_ref;
        /// Returns the position of the message in the conversation, from 0.
        message_index, with_message_index, u64, u64, |field: &Option<u64>| *field;
        /// Returns the position of the part in the message, from 0.
        content_index, with_content_index, u64, u64, |field: &Option<u64>| *field;
        /// Returns when the media was created, according to the caller.
        created_at, with_created_at, DateTime<Utc>, DateTime<Utc>, |field: &Option<DateTime<Utc>>| *field;
        /// Returns the original file name. It is data, never a path.
        filename, with_filename, String, &str, Option::as_deref;
        /// Returns the model provider that created the media.
        provider, with_provider, String, &str, Option::as_deref;
        /// Returns how long the media is kept, or `None` for the default of the store.
        retention, with_retention, RetentionPolicy, RetentionPolicy, |field: &Option<RetentionPolicy>| *field;
        /// Returns when the media expires at the latest, whatever its retention is and is changed to. Stored media does not report it
        /// here but as [`StoredMedia::expires_at`](crate::StoredMedia::expires_at).
        expires_at, with_expires_at, DateTime<Utc>, DateTime<Utc>, |field: &Option<DateTime<Utc>>| *field;
        /// The id of the state store that keeps the conversation of the media. Whoever reconciles
        /// media with state touches only the media of their own state store.
        state_store, with_state_store, String, &str, Option::as_deref;
    }

    /// Returns the tags: names and values of the caller, for [`Scope::tag`](crate::Scope::tag).
    pub fn tags(&self) -> &BTreeMap<String, String> {
        &self.tags
    }

    /// Sets a tag, in place of the one with this name. Stores refuse more than [`MAX_TAGS`], a name that
    /// is not 1 to [`MAX_TAG_NAME_LEN`] bytes, and a value above [`MAX_TAG_VALUE_LEN`] bytes. Default:
    /// none.
    #[must_use]
    pub fn with_tag(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.tags.insert(name.into(), value.into());
        self
    }

    /// Removes all tags.
    #[must_use]
    pub fn without_tags(mut self) -> Self {
        self.tags.clear();
        self
    }

    /// Removes the file name.
    #[must_use]
    pub fn without_filename(mut self) -> Self {
        self.filename = None;
        self
    }

    /// Returns the metadata of a copy of stored media.
    ///
    /// Ids and positions are those of `self`. File name, provider, creation time, retention and tags are
    /// taken from the source where `self` does not set them, and the copy expires no later than the
    /// source.
    #[must_use]
    pub fn for_copy_of(mut self, source: &Self, expires_at: Option<DateTime<Utc>>) -> Self {
        self.created_at = self.created_at.or(source.created_at);
        self.filename = self.filename.or_else(|| source.filename.clone());
        self.provider = self.provider.or_else(|| source.provider.clone());
        self.retention = self.retention.or(source.retention);
        for (name, value) in &source.tags {
            let tag = self.tags.entry(name.clone());
            tag.or_insert_with(|| value.clone());
        }
        self.expires_at = earlier(self.expires_at, expires_at);
        self
    }
}

/// Returns the earlier of two times, where `None` is never.
pub(crate) fn earlier(
    one: Option<DateTime<Utc>>,
    other: Option<DateTime<Utc>>,
) -> Option<DateTime<Utc>> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

/// Checks the limits of tags.
///
/// # Errors
/// `InvalidInput` for too many tags, an empty or long name, or a long value.
pub fn check_tags(tags: &BTreeMap<String, String>) -> Result<(), StorageError> {
    let refuse = |reason| {
        Err(StorageError::new(StorageErrorKind::InvalidInput, Operation::Store).with_reason(reason))
    };
    if tags.len() > MAX_TAGS {
        return refuse("the metadata has more than 32 tags");
    }
    let is_allowed = |(name, value): (&String, &String)| {
        (1..=MAX_TAG_NAME_LEN).contains(&name.len()) && value.len() <= MAX_TAG_VALUE_LEN
    };
    if !tags.iter().all(is_allowed) {
        return refuse("the name of a tag is not 1 to 64 bytes, or its value is above 256 bytes");
    }
    Ok(())
}
