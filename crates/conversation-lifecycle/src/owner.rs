//! Whom the media of a conversation belongs to.

use conversation_externalizer::MediaOwner;
use conversation_state::ConversationRecord;
use media_storage::MediaMetadata;

/// Returns what is stored with the media of a conversation about its owner.
pub fn owner_metadata(record: &ConversationRecord) -> MediaMetadata {
    let mut metadata = MediaMetadata::new().with_conversation(record.id.clone());
    if let Some(session) = &record.session {
        metadata = metadata.with_session(session.clone());
    }
    if let Some(run) = &record.run {
        metadata = metadata.with_run(run.clone());
    }
    if let Some(user) = &record.user {
        metadata = metadata.with_user(user.clone());
    }
    metadata
}

/// Returns the owner of the media of a conversation, as the externalizer takes it.
pub fn media_owner(record: &ConversationRecord) -> MediaOwner {
    let mut owner = MediaOwner::new(record.id.clone());
    owner.session = record.session.clone();
    owner.run = record.run.clone();
    owner.user = record.user.clone();
    // What a later version may have written is no reason to store nothing.
    let retention = record.media_retention.as_deref();
    owner.retention = retention.and_then(|text| text.parse().ok());
    owner
}
