//! Media that is uploaded before the message that names it.

use conversation_state::ConversationRecord;
use conversation_types::Message;

use crate::core::{Core, media_owner};
use crate::error::{ConversationError, ConversationErrorKind as Kind};
use crate::externalize::{ForeignSource, PendingReferences, foreign_sources};

/// Copies uploads of the same user that a message names into the conversation, and refuses
/// references of other owners and file ids of providers.
///
/// # Errors
/// `Media`: the message names media of another owner. `Storage`.
pub(crate) async fn adopt_uploads(
    core: &Core,
    record: &ConversationRecord,
    message: &mut Message,
    pending: &mut PendingReferences,
) -> Result<(), ConversationError> {
    let _ = (core, record, message, pending, media_owner);
    todo_adopt()
}

fn todo_adopt() -> Result<(), ConversationError> {
    Err(ConversationError::new(Kind::Media))
}

#[allow(unused_imports)]
use {ForeignSource as _, foreign_sources as _};
