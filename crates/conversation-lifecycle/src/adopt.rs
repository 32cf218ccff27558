//! Media that a user's message names by a reference.

use conversation_externalizer::PendingReferences;
use conversation_state::ConversationRecord;
use conversation_types::{Message, Part};
use media_storage::{RetrieveOptions, Scope};
use media_types::{MediaSource, StorageReference};

use crate::core::Core;
use crate::error::{LifecycleError, LifecycleErrorKind as Kind};
use crate::foreign::{ForeignSource, foreign_sources};
use crate::owner::media_owner;

/// Checks the references of a user's message: those in the scope stay, which is what the
/// conversation may read; uploads of the same user are copied into the conversation; everything else
/// is refused. Without a scope everything stays.
///
/// # Errors
/// `Media`: the message names media of another owner, media that is gone, or a file id of a
/// provider. `Storage`.
pub(crate) async fn adopt_uploads(
    core: &Core,
    record: &ConversationRecord,
    scope: Option<&Scope>,
    message: &mut Message,
    pending: &mut PendingReferences,
) -> Result<(), LifecycleError> {
    for (index, source) in foreign_sources(message) {
        let ForeignSource::Reference(reference) = source else {
            return Err(refused(
                "a file id of a provider is not allowed in a message",
            ));
        };
        if is_own(core, scope, &reference).await {
            continue;
        }
        let copy = adopt(core, record, &reference, pending).await?;
        match message.content.get_mut(index) {
            Some(Part::Media(media)) => {
                *media = media.clone().with_source(MediaSource::Stored(copy));
            }
            // Only media parts can name an upload.
            _ => return Err(refused("a part that is not media names stored media")),
        }
    }
    Ok(())
}

fn refused(detail: &'static str) -> LifecycleError {
    LifecycleError::new(Kind::Media).with_detail(detail)
}

/// Whether a reference is to media that the conversation may show to its model.
async fn is_own(core: &Core, scope: Option<&Scope>, reference: &StorageReference) -> bool {
    let Some(scope) = scope else {
        return true;
    };
    for store in core.stores.all() {
        let head = RetrieveOptions::new()
            .with_head()
            .with_expected_scope(scope.clone());
        if store.retrieve_opts(reference, head).await.is_ok() {
            return true;
        }
    }
    false
}

async fn adopt(
    core: &Core,
    record: &ConversationRecord,
    reference: &StorageReference,
    pending: &mut PendingReferences,
) -> Result<StorageReference, LifecycleError> {
    let externalizer = core.externalizer.as_ref().ok_or_else(|| {
        LifecycleError::new(Kind::Config)
            .with_detail("media cannot be copied without an externalizer")
    })?;
    // What its user uploaded, and what the conversation was given that it was started for.
    let user = record.user.clone().map(Scope::User);
    let parent = record.parent.clone().map(Scope::Conversation);
    let owner = media_owner(record);
    let mut error = refused("the media was not found");
    for scope in user.into_iter().chain(parent) {
        let copy = externalizer
            .duplicate_into(reference, scope, &owner, pending)
            .await;
        match copy {
            Ok(copy) => return Ok(copy),
            Err(failed) => error = refused("the media was not found").with_source(failed),
        }
    }
    Err(error)
}
