//! Ending conversations: media that goes with them is deleted, the history stays.

use std::sync::Arc;

use conversation_state::{
    ConversationRecord, ConversationStatus, Fence, LoadOptions, LoadedConversation, RecordUpdate,
    ReferenceKey, StateErrorKind, StateWrite, TurnStatus, Window,
};
use futures_util::StreamExt;
use media_storage::{
    DeleteOptions, Inventory, MediaStorage, RetentionPolicy, RetrieveOptions, Scope,
    StorageErrorKind,
};
use media_types::{ConversationId, StorageReference};

use crate::core::Core;
use crate::error::{LifecycleError, LifecycleErrorKind as Kind};
use crate::lease::WorkLease;
use crate::media::reference_of;
use crate::on_task::on_task;

/// How many references are read and deleted at a time.
const PAGE: usize = 256;
/// How often a status is written again after another change came first.
const MAX_CONFLICTS: usize = 32;

/// Ends a conversation.
pub(crate) async fn end_conversation(
    core: &Arc<Core>,
    known: &ConversationRecord,
) -> Result<(), LifecycleError> {
    let (task_core, known) = (Arc::clone(core), known.clone());
    let steps = async move {
        if set_status(&task_core, &known, ConversationStatus::Ending).await? {
            finish(&task_core, &known).await?;
        }
        Ok(())
    };
    on_task(core, steps).await
}

/// Deletes the media of a conversation that is ending, and notes that it has ended. Does nothing
/// where another node is at it.
///
/// # Errors
/// `Storage`, `State`. It may be repeated.
pub(crate) async fn finish(
    core: &Core,
    record: &ConversationRecord,
) -> Result<bool, LifecycleError> {
    let Some(lease) = WorkLease::take(core, format!("end/{}", record.id)).await? else {
        return Ok(false);
    };
    let finished = async {
        for (store, bare) in core.stores.all().zip(core.stores.bare()) {
            match store.inventory() {
                Some(inventory) => delete_listed(store, inventory, &record.id).await?,
                None => delete_named(core, (store, bare), &record.id).await?,
            }
        }
        set_status(core, record, ConversationStatus::Ended).await
    };
    let finished = finished.await;
    lease.release().await;
    finished
}

/// Writes a status, unless the conversation has it already or is being deleted. Returns whether the
/// conversation has the status now.
async fn set_status(
    core: &Core,
    known: &ConversationRecord,
    status: ConversationStatus,
) -> Result<bool, LifecycleError> {
    for _ in 0..MAX_CONFLICTS {
        let options = LoadOptions::new(Window::MetadataOnly);
        let loaded = core.state.load(&known.id, options).await?;
        let loaded = loaded
            .filter(|loaded| loaded.record.incarnation == known.incarnation)
            .ok_or_else(|| LifecycleError::new(Kind::NotFound))?;
        match loaded.record.status {
            held if held == status => return Ok(true),
            ConversationStatus::Deleting => return Err(LifecycleError::new(Kind::NotFound)),
            ConversationStatus::Ended => return Ok(false),
            _ => {}
        }
        refuse_running(&loaded)?;
        // The version, so that no turn begins between the look and the write.
        let fence = Fence::Version(loaded.record.version);
        let update = RecordUpdate::new().with_status(status);
        let write = StateWrite::new(&loaded.record, fence).with_record(update);
        match core.state.apply(write).await {
            Err(error) if error.kind() == StateErrorKind::Conflict => {}
            Err(error) => return Err(error.into()),
            Ok(_) => return Ok(true),
        }
    }
    Err(LifecycleError::new(Kind::Conflict))
}

fn refuse_running(loaded: &LoadedConversation) -> Result<(), LifecycleError> {
    let Some(turn) = loaded.current_turn() else {
        return Ok(());
    };
    let until = turn.lease.as_ref().map(|lease| lease.expires_at);
    match turn.status == TurnStatus::Running && until.is_some_and(|until| until > loaded.now) {
        false => Ok(()),
        true => Err(LifecycleError::new(Kind::Busy).with_turn(turn.id.clone(), until)),
    }
}

async fn delete_listed(
    store: &Arc<dyn MediaStorage>,
    inventory: &dyn Inventory,
    id: &ConversationId,
) -> Result<(), LifecycleError> {
    let mut entries = inventory.list(Scope::Conversation(id.clone()));
    let mut due = Vec::new();
    loop {
        let entry = entries.next().await.transpose()?;
        let is_end = entry.is_none();
        if let Some(entry) = entry
            && entry.metadata.retention() == Some(RetentionPolicy::Delete)
        {
            due.push(entry.reference);
        }
        if due.len() >= PAGE || is_end {
            delete_all(store, &std::mem::take(&mut due), id).await?;
        }
        if is_end {
            return Ok(());
        }
    }
}

/// `bare` is the store without what reports to listeners: what has expired is not missing.
async fn delete_named(
    core: &Core,
    (store, bare): (&Arc<dyn MediaStorage>, &Arc<dyn MediaStorage>),
    id: &ConversationId,
) -> Result<(), LifecycleError> {
    let mut after: Option<ReferenceKey> = None;
    loop {
        let keys = core.state.referenced_by(id, after.as_ref(), PAGE).await?;
        let mut due = Vec::new();
        for reference in keys.iter().filter_map(reference_of) {
            let head = RetrieveOptions::new()
                .with_head()
                .with_expected_scope(Scope::Conversation(id.clone()));
            match bare.retrieve_opts(&reference, head).await {
                Ok(media) if media.metadata.retention() == Some(RetentionPolicy::Delete) => {
                    due.push(reference);
                }
                Ok(_) => {}
                Err(error) if is_elsewhere(error.kind()) => {}
                Err(error) => return Err(error.into()),
            }
        }
        delete_all(store, &due, id).await?;
        if keys.len() < PAGE {
            return Ok(());
        }
        after = keys.into_iter().next_back();
    }
}

async fn delete_all(
    store: &Arc<dyn MediaStorage>,
    references: &[StorageReference],
    id: &ConversationId,
) -> Result<(), LifecycleError> {
    let options = DeleteOptions::new().with_expected_scope(Scope::Conversation(id.clone()));
    for result in store.delete_many(references, options).await {
        match result {
            Ok(()) => {}
            Err(error) if is_elsewhere(error.kind()) || error.kind() == StorageErrorKind::Held => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Whether media is gone, or in another store.
fn is_elsewhere(kind: StorageErrorKind) -> bool {
    matches!(
        kind,
        StorageErrorKind::NotFound | StorageErrorKind::InvalidRef
    )
}
