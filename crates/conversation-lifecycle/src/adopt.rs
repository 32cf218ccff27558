//! Media that messages of users and answers of tools name by a reference.

use std::collections::BTreeMap;
use std::time::Duration;

use conversation_externalizer::{ExternalizeError, PendingReferences};
use conversation_state::{
    ConversationRecord, LoadOptions, MediaStoreName, ReferenceKey, Window, references_of,
    replace_references,
};
use conversation_types::{Message, OmissionReason, OmittedMedia, Part, Role};
use media_storage::{RetrieveOptions, Scope, StorageErrorKind};
use media_types::readable::causes;
use media_types::{MediaSource, StorageReference};

use crate::core::Core;
use crate::error::{LifecycleError, LifecycleErrorKind as Kind};
use crate::foreign::{ForeignSource, foreign_sources};
use crate::owner::media_owner;
use crate::upload_slots::erased;
use crate::user_check::is_erased;

/// How often, in one batch, media is asked for again where a store did not say whose it is.
const RETRIES: u32 = 3;
/// The wait before the first of them.
const FIRST_WAIT: Duration = Duration::from_millis(100);

/// Checks the references of a user's message: those in the scope stay, which is what the
/// conversation may read; media of the same user, as uploads are, and of the conversation's parent is
/// copied into the conversation; everything else is refused. Without a scope everything stays.
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
        // Without a scope it may show everything.
        let is_own = match scope {
            Some(scope) => is_in(core, scope, &reference).await?,
            None => true,
        };
        if is_own {
            continue;
        }
        let owners = owners_of(record);
        let copy = adopt(core, record, owners, &reference, pending).await?;
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

/// Replaces references to media of other conversations in what tools answered, since the state names
/// none: media of the same user, and of the conversation's parent and children, is copied into the
/// conversation. Other media, and media that is gone, is omitted; nothing else is lost. Those in the
/// scope stay, and so does media that was received and is not stored yet.
///
/// Where the stores do not say whose media it is, also when they are asked again, it stays if earlier
/// messages name it, and is omitted else. Returns what was omitted for that reason.
///
/// # Errors
/// `Config` without an externalizer.
pub(crate) async fn adopt_results(
    core: &Core,
    record: &ConversationRecord,
    scope: Option<&Scope>,
    earlier: &[&Message],
    messages: &mut [Message],
    pending: &mut PendingReferences,
) -> Result<Vec<OmittedMedia>, LifecycleError> {
    let (mut lost, mut retries, mut is_checked) = (Vec::new(), 0, false);
    let Some(scope) = scope else { return Ok(lost) };
    let results = messages
        .iter_mut()
        .filter(|message| message.role == Role::Tool);
    for message in results {
        let mut copies = BTreeMap::new();
        for (_, source) in foreign_sources(message) {
            let ForeignSource::Reference(reference) = source else {
                continue;
            };
            let key = ReferenceKey::from(&reference);
            if copies.contains_key(&key) || !is_ours(core, &reference) {
                continue;
            }
            if !std::mem::replace(&mut is_checked, true)
                && is_erased(core, record.user.as_ref()).await
            {
                return Err(erased());
            }
            let adopted = loop {
                match adopted_result(core, record, scope, &reference, pending).await {
                    Err(error) if is_unclear(&error) && retries < RETRIES => {
                        tokio::time::sleep(FIRST_WAIT * 2_u32.pow(retries)).await;
                        retries += 1;
                    }
                    adopted => break adopted,
                }
            };
            match adopted {
                Ok(Some(copy)) => drop(copies.insert(key, Some(copy))),
                Ok(None) => {}
                Err(error) if error.kind() == Kind::Config => return Err(error),
                Err(error) if is_unclear(&error) && is_named(earlier, &key) => {}
                Err(error) => {
                    tracing::warn!(error = %causes(&error), media = reference.file_name(), "media of a tool's answer is omitted");
                    if is_unclear(&error) {
                        lost.extend(omit(message, &key));
                    }
                    copies.insert(key, None);
                }
            }
        }
        if !copies.is_empty() {
            replace_references(message, &copies);
        }
    }
    Ok(lost)
}

/// Whether a failure says nothing of the media: the stores may say more of it later.
fn is_unclear(error: &LifecycleError) -> bool {
    !matches!(error.kind(), Kind::Config | Kind::Media)
}

fn is_named(messages: &[&Message], key: &ReferenceKey) -> bool {
    messages
        .iter()
        .any(|message| references_of(message).contains(key))
}

/// Omits the media parts of a message that name some media; returns what stands for them.
fn omit(message: &mut Message, key: &ReferenceKey) -> Vec<OmittedMedia> {
    let mut omitted = Vec::new();
    for part in &mut message.content {
        let Some(media) = part.as_media() else {
            continue;
        };
        if media.reference().map(ReferenceKey::from).as_ref() != Some(key) {
            continue;
        }
        let mut item = OmittedMedia::new(media, OmissionReason::StorageFailed, "");
        // It may be another conversation's.
        item.reference = None;
        omitted.push(item.clone());
        *part = item.into();
    }
    omitted
}

/// Returns the copy of media that a tool named, or nothing where the media is the conversation's.
async fn adopted_result(
    core: &Core,
    record: &ConversationRecord,
    scope: &Scope,
    reference: &StorageReference,
    pending: &mut PendingReferences,
) -> Result<Option<StorageReference>, LifecycleError> {
    if is_in(core, scope, reference).await? {
        return Ok(None);
    }
    let mut owners = owners_of(record);
    let unclear = match child_of(core, record, reference).await {
        Ok(child) => {
            owners.extend(child);
            None
        }
        Err(error) => Some(error),
    };
    match adopt(core, record, owners, reference, pending).await {
        // It may be a child's.
        Err(error) if error.kind() == Kind::Media => Err(unclear.unwrap_or(error)),
        adopted => adopted.map(Some),
    }
}

/// The scope of the child that has some media, if one of a conversation does.
///
/// # Errors
/// `Storage` and `State`: it is not known whose it is.
async fn child_of(
    core: &Core,
    record: &ConversationRecord,
    reference: &StorageReference,
) -> Result<Option<Scope>, LifecycleError> {
    let mut failure = None;
    for store in core.stores.bare() {
        let head = RetrieveOptions::new().with_head();
        let stored = match store.retrieve_opts(reference, head).await {
            Ok(stored) => stored,
            Err(error) => {
                failure = Some(error).filter(|error| error.is_retryable()).or(failure);
                continue;
            }
        };
        let Some(owner) = stored.metadata.conversation() else {
            continue;
        };
        let options = LoadOptions::new(Window::MetadataOnly);
        let loaded = core.state.load(owner, options).await?;
        let parent = loaded.and_then(|loaded| loaded.record.parent);
        if parent.as_ref() == Some(&record.id) {
            return Ok(Some(Scope::Conversation(owner.clone())));
        }
    }
    failure.map_or(Ok(None), |error| Err(error.into()))
}

/// Whether a reference leads to a store of the manager. Others are the loader's.
fn is_ours(core: &Core, reference: &StorageReference) -> bool {
    core.stores
        .named(&MediaStoreName::from(reference))
        .is_some()
}

/// Whose media a conversation may take over: that of its user, and of the conversation that it was
/// started for.
fn owners_of(record: &ConversationRecord) -> Vec<Scope> {
    let user = record.user.clone().map(Scope::User);
    let parent = record.parent.clone().map(Scope::Conversation);
    user.into_iter().chain(parent).collect()
}

fn refused(detail: &'static str) -> LifecycleError {
    LifecycleError::new(Kind::Media).with_detail(detail)
}

/// Whether a store has the media of a reference in a scope.
///
/// # Errors
/// `Storage`: a store is not available, and may have it.
async fn is_in(
    core: &Core,
    scope: &Scope,
    reference: &StorageReference,
) -> Result<bool, LifecycleError> {
    let mut failure = None;
    for store in core.stores.bare() {
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
    owners: Vec<Scope>,
    reference: &StorageReference,
    pending: &mut PendingReferences,
) -> Result<StorageReference, LifecycleError> {
    let externalizer = core.externalizer.as_ref().ok_or_else(|| {
        LifecycleError::new(Kind::Config)
            .with_detail("media cannot be copied without an externalizer")
    })?;
    let owner = media_owner(record);
    let mut error = refused("the media was not found");
    for scope in owners {
        // Other stores are the loader's, which alone can ask them.
        if is_ours(core, reference) && !is_in(core, &scope, reference).await? {
            continue;
        }
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
