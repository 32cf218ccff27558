//! Copies of messages whose media belongs to another conversation.

use std::collections::BTreeMap;

use conversation_events::{ConversationError, ConversationErrorKind as Kind};
use conversation_lifecycle::{owner_metadata, reference_of};
use conversation_state::{
    ConversationRecord, MediaStoreName, ReferenceKey, references_of, replace_references,
};
use conversation_types::Message;
use media_storage::{DuplicateOptions, Scope, StorageErrorKind};
use media_types::StorageReference;

use crate::core::Core;

/// The copy of each reference; nothing where the media is not there any more.
type Copies = BTreeMap<ReferenceKey, Option<StorageReference>>;

/// Copies a message, with media of its own. Media that is gone becomes an omitted part.
///
/// # Errors
/// `Storage`: some media may have been duplicated.
pub(super) async fn copy_message(
    core: &Core,
    message: &Message,
    scope: Option<&Scope>,
    target: &ConversationRecord,
) -> Result<Message, ConversationError> {
    let keys = references_of(message);
    if keys.is_empty() {
        return Ok(message.clone());
    }
    let mut copies = Copies::new();
    for key in keys {
        let copy = duplicate(core, &key, scope, target).await?;
        copies.insert(key, copy);
    }
    let mut copied = message.clone();
    replace_references(&mut copied, &copies);
    let left = references_of(&copied);
    match left.iter().any(|key| copies.contains_key(key)) {
        false => Ok(copied),
        true => Err(ConversationError::new(Kind::Other)
            .with_detail("a message names media in a way that cannot be copied")),
    }
}

async fn duplicate(
    core: &Core,
    key: &ReferenceKey,
    scope: Option<&Scope>,
    target: &ConversationRecord,
) -> Result<Option<StorageReference>, ConversationError> {
    let name = MediaStoreName::new(key.backend.clone(), key.store.clone());
    let (Some(store), Some(original)) = (core.stores.named(&name), reference_of(key)) else {
        return Ok(None);
    };
    let mut options = DuplicateOptions::new(owner_metadata(target));
    if let Some(scope) = scope {
        options = options.with_expected_scope(scope.clone());
    }
    match store.duplicate(&original, options).await {
        Ok(copy) => Ok(Some(copy)),
        Err(error)
            if matches!(
                error.kind(),
                StorageErrorKind::NotFound | StorageErrorKind::InvalidRef
            ) =>
        {
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}
