//! Ending and deleting conversations in steps that can be taken up again.

use std::future::Future;
use std::sync::Arc;

use futures_util::stream::{self, StreamExt};
use media_storage::{
    DeleteOptions, MediaStorage, RetentionPolicy, RetrieveOptions, Scope, StorageError,
    StorageErrorKind,
};
use media_types::{ConversationId, StorageReference};

use super::Core;
use crate::conversation::check_same;
use crate::error::{ConversationError, ConversationErrorKind};
use crate::externalize::references_of;
use crate::state::{ConversationFilter, ConversationRecord, ConversationStatus, Window};

/// How many messages are read at a time to find references.
const CHUNK: u64 = 32;
/// How many references are deleted at once.
const CONCURRENT_DELETES: usize = 8;

/// Runs steps to their end, also when the caller's future is dropped.
pub(super) async fn on_task<T: Send + 'static>(
    core: &Core,
    steps: impl Future<Output = Result<T, ConversationError>> + Send + 'static,
) -> Result<T, ConversationError> {
    core.tasks.spawn(steps).await.map_err(|error| {
        ConversationError::new(ConversationErrorKind::Cancelled).with_source(error)
    })?
}

pub(super) async fn delete_conversation(
    core: &Core,
    id: &ConversationId,
) -> Result<(), ConversationError> {
    let marked = core
        .state
        .set_status(id, ConversationStatus::Deleting)
        .await?;
    if marked.is_none() {
        return Ok(());
    }
    delete_references(core, id, Which::All).await?;
    core.state.delete(id).await?;
    Ok(())
}

/// Ends a conversation: media that was stored to go with it is deleted, the history stays.
pub(crate) async fn end_conversation(
    core: &Arc<Core>,
    known: &ConversationRecord,
) -> Result<(), ConversationError> {
    let (task_core, known) = (Arc::clone(core), known.clone());
    on_task(core, async move {
        let (core, id) = (task_core, &known.id);
        let Some(loaded) = core.state.load(id, Window::Record).await? else {
            return Ok(());
        };
        check_same(&known, &loaded.record)?;
        match loaded.record.status {
            ConversationStatus::Active | ConversationStatus::Ending => {
                core.state
                    .set_status(id, ConversationStatus::Ending)
                    .await?;
                finish_end(&core, id).await
            }
            _ => Ok(()),
        }
    })
    .await
}

async fn finish_end(core: &Core, id: &ConversationId) -> Result<(), ConversationError> {
    delete_references(core, id, Which::GoingWithTheConversation).await?;
    core.state.set_status(id, ConversationStatus::Ended).await?;
    Ok(())
}

pub(super) async fn finish_deletions(core: &Core) -> Result<usize, ConversationError> {
    let mut done = 0;
    let mut failure = None;
    for status in [ConversationStatus::Deleting, ConversationStatus::Ending] {
        let mut filter = ConversationFilter::new()
            .with_status(status)
            .with_limit(100);
        loop {
            let page = core.state.list(&filter).await?;
            let Some(last) = page.last() else { break };
            filter = filter.with_after(last);
            for record in &page {
                let finished = match status {
                    ConversationStatus::Deleting => delete_conversation(core, &record.id).await,
                    _ => finish_end(core, &record.id).await,
                };
                match finished {
                    Ok(()) => done += 1,
                    Err(error) => failure = failure.or(Some(error)),
                }
            }
        }
    }
    match failure {
        Some(error) => Err(error),
        None => Ok(done),
    }
}

#[derive(Clone, Copy)]
enum Which {
    All,
    GoingWithTheConversation,
}

/// Deletes the references that the history holds and that were stored for this conversation.
async fn delete_references(
    core: &Core,
    id: &ConversationId,
    which: Which,
) -> Result<(), ConversationError> {
    let mut position = 0;
    loop {
        let window = Window::Range(position..position + CHUNK);
        let Some(loaded) = core.state.load(id, window).await? else {
            return Ok(());
        };
        position = loaded.first + loaded.messages.len() as u64;
        let mut references = Vec::new();
        for message in &loaded.messages {
            references_of(message, &mut |reference| references.push(reference.clone()));
        }
        match &core.storage {
            Some(storage) => delete_some(core, storage, &references, id, which).await?,
            // Without its references the state would leave media behind that nobody finds again.
            None if !references.is_empty() => {
                return Err(ConversationError::new(ConversationErrorKind::Config)
                    .with_detail("the conversation has stored media, and there is no media store")
                    .with_hint("Give the manager the media store that the conversation used"));
            }
            None => {}
        }
        if position >= loaded.record.messages {
            return Ok(());
        }
    }
}

async fn delete_some(
    core: &Core,
    storage: &Arc<dyn MediaStorage>,
    references: &[StorageReference],
    id: &ConversationId,
    which: Which,
) -> Result<(), ConversationError> {
    let default = core.config.media_default_policy();
    let mut deletes = Vec::with_capacity(references.len());
    for reference in references {
        deletes.push(delete_reference(storage, reference, id, which, default));
    }
    let mut deletes = stream::iter(deletes).buffer_unordered(CONCURRENT_DELETES);
    let mut failure = None;
    while let Some(result) = deletes.next().await {
        failure = failure.or(result.err());
    }
    match failure {
        Some(error) => Err(error.into()),
        None => Ok(()),
    }
}

async fn delete_reference(
    storage: &Arc<dyn MediaStorage>,
    reference: &StorageReference,
    id: &ConversationId,
    which: Which,
    default: RetentionPolicy,
) -> Result<(), StorageError> {
    let scope = Scope::Conversation(id.clone());
    let delete = async {
        if matches!(which, Which::GoingWithTheConversation) {
            let head = RetrieveOptions::new()
                .with_head()
                .with_expected_scope(scope.clone());
            let media = storage.retrieve_opts(reference, head).await?;
            if media.metadata.retention().unwrap_or(default) != RetentionPolicy::Delete {
                return Ok(());
            }
        }
        let options = DeleteOptions::new().with_expected_scope(scope.clone());
        storage.delete_opts(reference, options).await
    };
    match delete.await {
        // Gone already, or someone else's: either way nothing of this conversation's.
        Err(error) if error.kind() == StorageErrorKind::NotFound => Ok(()),
        // Of a store that this manager does not have, or no reference at all.
        Err(error) if error.kind() == StorageErrorKind::InvalidRef => {
            tracing::warn!(%error, "a reference of the history names nothing in this media store");
            Ok(())
        }
        result => result,
    }
}
