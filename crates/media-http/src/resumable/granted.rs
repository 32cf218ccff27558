//! How the metadata of a grant is kept in a record.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use media_storage::{MediaMetadata, RetentionPolicy};
use media_types::{ConversationId, RunId, SessionId, UserId};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The fields of [`MediaMetadata`], under the names that it is written with.
#[derive(Deserialize)]
struct Fields {
    conversation_id: Option<ConversationId>,
    session_id: Option<SessionId>,
    run_id: Option<RunId>,
    user_id: Option<UserId>,
    message_index: Option<u64>,
    content_index: Option<u64>,
    created_at: Option<DateTime<Utc>>,
    filename: Option<String>,
    provider: Option<String>,
    retention: Option<RetentionPolicy>,
    expires_at: Option<DateTime<Utc>>,
    state_store_id: Option<String>,
    #[serde(default)]
    tags: BTreeMap<String, String>,
}

pub(super) fn serialize<S: Serializer>(
    metadata: &Option<MediaMetadata>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    metadata.serialize(serializer)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<MediaMetadata>, D::Error> {
    Ok(Option::<Fields>::deserialize(deserializer)?.map(Fields::into_metadata))
}

impl Fields {
    fn into_metadata(self) -> MediaMetadata {
        /// Applies a setter where there is a value.
        fn set<T>(
            metadata: MediaMetadata,
            value: Option<T>,
            with: impl FnOnce(MediaMetadata, T) -> MediaMetadata,
        ) -> MediaMetadata {
            match value {
                Some(value) => with(metadata, value),
                None => metadata,
            }
        }
        let metadata = MediaMetadata::new();
        let metadata = set(
            metadata,
            self.conversation_id,
            MediaMetadata::with_conversation,
        );
        let metadata = set(metadata, self.session_id, MediaMetadata::with_session);
        let metadata = set(metadata, self.run_id, MediaMetadata::with_run);
        let metadata = set(metadata, self.user_id, MediaMetadata::with_user);
        let metadata = set(
            metadata,
            self.message_index,
            MediaMetadata::with_message_index,
        );
        let metadata = set(
            metadata,
            self.content_index,
            MediaMetadata::with_content_index,
        );
        let metadata = set(metadata, self.created_at, MediaMetadata::with_created_at);
        let metadata = set(metadata, self.filename, MediaMetadata::with_filename);
        let metadata = set(metadata, self.provider, MediaMetadata::with_provider);
        let metadata = set(metadata, self.retention, MediaMetadata::with_retention);
        let metadata = set(metadata, self.expires_at, MediaMetadata::with_expires_at);
        let metadata = set(
            metadata,
            self.state_store_id,
            MediaMetadata::with_state_store,
        );
        self.tags
            .into_iter()
            .fold(metadata, |metadata, (name, value)| {
                metadata.with_tag(name, value)
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Holder {
        #[serde(default, with = "super")]
        metadata: Option<MediaMetadata>,
    }

    #[test]
    fn every_field_comes_back() {
        let full = MediaMetadata::new()
            .with_conversation("conv-1".parse().unwrap())
            .with_session("session-1".parse().unwrap())
            .with_run("run-1".parse().unwrap())
            .with_user("user-1".parse().unwrap())
            .with_message_index(3)
            .with_content_index(4)
            .with_created_at(DateTime::UNIX_EPOCH)
            .with_filename("photo.png".into())
            .with_provider("provider-1".into())
            .with_retention(RetentionPolicy::RetainDays(30))
            .with_expires_at(DateTime::UNIX_EPOCH)
            .with_state_store("state-1".into())
            .with_tag("team", "blue");
        for metadata in [None, Some(MediaMetadata::new()), Some(full)] {
            let holder = Holder { metadata };
            let text = serde_json::to_string(&holder).unwrap();
            let read: Holder = serde_json::from_str(&text).unwrap();
            assert_eq!(read, holder, "{text}");
        }
        let older: Holder = serde_json::from_str("{}").unwrap();
        assert_eq!(older.metadata, None);
    }
}
