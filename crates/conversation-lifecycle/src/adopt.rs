//! Media that a user's message names by a reference.

use conversation_externalizer::{ExternalizeError, PendingReferences};
use conversation_state::ConversationRecord;
use conversation_types::{Message, Part};
use media_storage::{RetrieveOptions, Scope, StorageErrorKind};
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
        if is_own(core, scope, &reference).await? {
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
///
/// # Errors
/// `Storage`: a store is not available, and may have it.
async fn is_own(
    core: &Core,
    scope: Option<&Scope>,
    reference: &StorageReference,
) -> Result<bool, LifecycleError> {
    let Some(scope) = scope else {
        return Ok(true);
    };
    let mut failure = None;
    for store in core.stores.all() {
        let head = RetrieveOptions::new()
            .with_head()
            .with_expected_scope(scope.clone());
        match store.retrieve_opts(reference, head).await {
            Ok(_) => return Ok(true),
            Err(error) if error.is_retryable() => failure = Some(error),
            Err(_) => {}
        }
    }
    match failure {
        Some(error) => Err(error.into()),
        None => Ok(false),
    }
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
            Err(failed) if is_missing(&failed) => {
                error = refused("the media was not found").with_source(failed);
            }
            // The same message may be sent again.
            Err(failed) => return Err(LifecycleError::new(Kind::Storage).with_source(failed)),
        }
    }
    Err(error)
}

/// Whether media could not be copied because it is gone, or not what it was. Everything else says
/// something about the stores.
fn is_missing(error: &ExternalizeError) -> bool {
    match (error.storage_error(), error.load_error()) {
        (Some(error), _) => matches!(
            error.kind(),
            StorageErrorKind::NotFound | StorageErrorKind::InvalidRef | StorageErrorKind::Corrupted
        ),
        (None, Some(error)) => !error.is_retryable(),
        (None, None) => true,
    }
}
