//! What uploads are stored under.

use media_storage::MediaMetadata;
use media_types::{ConversationId, SessionId, ValueError};

/// What the ids of uploads begin with.
const PREFIX: &str = "upload-";

/// Returns metadata with the ids that stores sort media by. Uploads have no conversation: each has
/// an id of its own, in the place of session and conversation.
///
/// # Errors
/// Never: the id is one.
pub(crate) fn upload_owner() -> Result<MediaMetadata, ValueError> {
    let id = format!("{PREFIX}{}", uuid::Uuid::new_v4());
    Ok(MediaMetadata::new()
        .with_session(SessionId::new(&id)?)
        .with_conversation(ConversationId::new(&id)?))
}

/// Returns whether media is an upload, which expires by itself and which no state has to name.
pub(crate) fn is_upload(metadata: &MediaMetadata) -> bool {
    let (session, conversation) = (metadata.session(), metadata.conversation());
    session
        .zip(conversation)
        .is_some_and(|(session, conversation)| {
            session.as_str() == conversation.as_str() && session.as_str().starts_with(PREFIX)
        })
}
