//! Copies of messages whose media belongs to another conversation.

use std::collections::BTreeMap;

use conversation_events::{ConversationError, ConversationErrorKind as Kind};
use conversation_lifecycle::{owner_metadata, reference_of};
use conversation_state::{ConversationRecord, MediaStoreName, ReferenceKey, references_of};
use conversation_types::{Message, OmissionReason, OmittedMedia, OpaqueData, Part, ProviderData};
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
    let mut copied = renamed(message, &copies)?;
    for part in std::mem::take(&mut copied.content) {
        copied.content.extend(without_missing(part, &copies));
    }
    for call in &mut copied.tool_calls {
        call.provider_data = data_without_missing(&call.provider_data, &copies);
    }
    // Whatever else names an original, in a way that is not known here, is not the copy's to name.
    if names_any(&copied, &copies) {
        copied.metadata.clear();
        let bare = |part: &Part| Message::new(message.role, vec![part.clone()]);
        copied
            .content
            .retain(|part| !names_any(&bare(part), &copies));
    }
    match names_any(&copied, &copies) {
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

/// Puts the ids of the copies in the place of those of the originals: a copy differs from its
/// original in nothing else. Done in the JSON text, so that everything else keeps its bytes.
fn renamed(message: &Message, copies: &Copies) -> Result<Message, ConversationError> {
    let failed = |error: serde_json::Error| ConversationError::new(Kind::Other).with_source(error);
    let mut json = serde_json::to_string(message).map_err(failed)?;
    for (original, copy) in copies {
        if let Some(copy) = copy {
            let old = serde_json::to_string(&original.id).map_err(failed)?;
            let new = serde_json::to_string(copy.id()).map_err(failed)?;
            json = json.replace(&old, &new);
        }
    }
    let renamed: Message = serde_json::from_str(&json).map_err(failed)?;
    let mut renamed = renamed.with_id(message.id.clone());
    renamed.turn.clone_from(&message.turn);
    Ok(renamed)
}

fn is_original(reference: Option<&StorageReference>, copies: &Copies) -> bool {
    reference.is_some_and(|reference| copies.contains_key(&ReferenceKey::from(reference)))
}

fn names_any(message: &Message, copies: &Copies) -> bool {
    references_of(message)
        .iter()
        .any(|key| copies.contains_key(key))
}

/// The part without references to media that is gone, which are those of originals that are left.
fn without_missing(part: Part, copies: &Copies) -> Option<Part> {
    let gone = |data: &OpaqueData| is_original(data.reference(), copies);
    Some(match part {
        Part::Media(media) if is_original(media.reference(), copies) => {
            let mut omitted = OmittedMedia::new(&media, OmissionReason::Unavailable, "");
            omitted.reference = None;
            omitted.into()
        }
        Part::Omitted(mut omitted) if is_original(omitted.reference.as_ref(), copies) => {
            omitted.reference = None;
            omitted.into()
        }
        Part::Opaque { item, .. } if gone(&item) => return None,
        Part::Reasoning { text, opaque, .. } if opaque.as_ref().is_some_and(|o| gone(&o.1)) => {
            Part::reasoning(text, None)
        }
        Part::Text(mut text) => {
            text.provider_data = data_without_missing(&text.provider_data, copies);
            Part::Text(text)
        }
        other => other,
    })
}

fn data_without_missing(data: &ProviderData, copies: &Copies) -> ProviderData {
    let kept = data
        .iter()
        .filter(|(_, item)| !is_original(item.reference(), copies));
    kept.fold(ProviderData::new(), |data, (api, item)| {
        data.with(api, item.clone())
    })
}
