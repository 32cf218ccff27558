//! Deleting conversations in steps that any node can take up again.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use conversation_state::{
    ConversationRecord, ConversationStatus, Fence, LoadOptions, LoadedConversation, RecordUpdate,
    StateErrorKind, StateWrite, Window,
};
use media_types::ConversationId;
use media_types::readable::causes;

use crate::core::Core;
use crate::error::LifecycleError;
use crate::lease::WorkLease;
use crate::on_task::on_task;
use crate::receipt::{DeletionReceipt, DeletionStatus, Obstacle};
use crate::{family, media};

/// How often media is looked for before it counts as still arriving.
const MAX_PASSES: usize = 4;
/// How long turns of this process, which are stopped, are waited for.
const STOP_TIME: Duration = Duration::from_secs(30);
/// How often a change of the parent is tried.
const PARENT_ATTEMPTS: usize = 5;

/// Deletes a conversation with its media, as far as it can be done now. What has to wait for a turn
/// on another node goes on in the background.
pub(crate) async fn delete_conversation(
    core: &Arc<Core>,
    id: &ConversationId,
) -> Result<DeletionReceipt, LifecycleError> {
    let (task_core, task_id) = (Arc::clone(core), id.clone());
    let steps = async move { delete(&task_core, &task_id).await };
    let receipt = on_task(core, steps).await?;
    go_on_later(core, id, &receipt).await?;
    Ok(receipt)
}

/// Takes the deletion up again when the last lease is over, unless the manager is gone by then: any
/// other node finds the tombstone.
async fn go_on_later(
    core: &Arc<Core>,
    id: &ConversationId,
    receipt: &DeletionReceipt,
) -> Result<(), LifecycleError> {
    let Some(until) = receipt.leased_until() else {
        return Ok(());
    };
    let pause = (until - core.state.now().await?)
        .to_std()
        .unwrap_or_default();
    let (weak, id) = (Arc::downgrade(core), id.clone());
    core.tasks.spawn_background(async move {
        tokio::time::sleep(pause).await;
        let Some(core) = weak.upgrade() else { return };
        match delete(&core, &id).await {
            Ok(receipt) => tracing::debug!(conversation = %id, ?receipt, "a deletion went on"),
            Err(error) => tracing::warn!(conversation = %id, error = %causes(&error), "a deletion is unfinished"),
        }
    });
    Ok(())
}

/// Deletes a conversation: tombstones first, its descendants' and its own; then media and state of
/// each, children before their parents.
///
/// # Errors
/// Those of the state store.
pub(crate) async fn delete(
    core: &Arc<Core>,
    id: &ConversationId,
) -> Result<DeletionReceipt, LifecycleError> {
    let mut receipt = DeletionReceipt::new(id.clone());
    let family = family::tombstone(core, id).await?;
    for record in family.iter().rev() {
        delete_one(core, record, &mut receipt).await?;
    }
    if receipt.obstacles.is_empty() {
        receipt.status = DeletionStatus::Complete;
    }
    if let Some(parent) = family.first().and_then(|root| root.parent.as_ref())
        && receipt.is_complete()
    {
        forget_child(core, parent, id).await?;
    }
    Ok(receipt)
}

async fn delete_one(
    core: &Core,
    record: &ConversationRecord,
    receipt: &mut DeletionReceipt,
) -> Result<(), LifecycleError> {
    let id = &record.id;
    let other_node = || Obstacle::OtherNode {
        conversation: id.clone(),
    };
    let Some(lease) = WorkLease::take(core, format!("delete/{id}")).await? else {
        receipt.obstacles.push(other_node());
        return Ok(());
    };
    // Its next write conflicts, and it takes its media back.
    let _ = tokio::time::timeout(STOP_TIME, core.turns.ended(id)).await;
    let outcome = passes(core, record, &lease, receipt).await;
    match outcome {
        Ok(true) => {}
        Ok(false) => receipt.obstacles.push(other_node()),
        Err(error) => {
            lease.release().await;
            return Err(error);
        }
    }
    lease.release().await;
    Ok(())
}

/// Removes media until a pass finds none, then the state. Returns whether the lease was kept.
async fn passes(
    core: &Core,
    record: &ConversationRecord,
    lease: &WorkLease,
    receipt: &mut DeletionReceipt,
) -> Result<bool, LifecycleError> {
    for _ in 0..MAX_PASSES {
        if !lease.renew().await? {
            return Ok(false);
        }
        // Read before the pass: media of a turn that ends during the pass may come behind it.
        let options = LoadOptions::new(Window::MetadataOnly);
        let Some(loaded) = core.state.load(&record.id, options).await? else {
            return Ok(true);
        };
        let leased = leased_until(core, &loaded);
        let removal = media::remove_of_conversation(core, &loaded.record).await?;
        let found = removal.found();
        for place in removal.places {
            place.add_to(&mut receipt.places);
        }
        for place in removal.copies {
            place.add_to(&mut receipt.copies);
        }
        if !removal.obstacles.is_empty() {
            receipt.obstacles.extend(removal.obstacles);
            return Ok(true);
        }
        if found > 0 {
            continue;
        }
        if let Some(until) = leased {
            let conversation = record.id.clone();
            receipt.obstacles.push(Obstacle::TurnLeased {
                conversation,
                until,
            });
            return Ok(true);
        }
        // A parent names its children, so it stays until they are gone.
        if receipt.obstacles.is_empty() {
            core.state.purge(&record.id).await?;
            receipt.conversations += 1;
        }
        return Ok(true);
    }
    receipt.obstacles.push(Obstacle::StillArriving {
        conversation: Some(record.id.clone()),
    });
    Ok(true)
}

/// Returns until when a turn somewhere may still store media.
fn leased_until(core: &Core, loaded: &LoadedConversation) -> Option<DateTime<Utc>> {
    let lease = loaded.current_turn()?.lease.as_ref()?;
    let ended_here = lease.owner == core.node.as_str() && !core.turns.is_running(&loaded.record.id);
    (lease.expires_at > loaded.now && !ended_here).then_some(lease.expires_at)
}

/// Removes a conversation from the list of its parent, where that is still there.
pub(crate) async fn forget_child(
    core: &Core,
    parent: &ConversationId,
    child: &ConversationId,
) -> Result<(), LifecycleError> {
    for _ in 0..PARENT_ATTEMPTS {
        let options = LoadOptions::new(Window::MetadataOnly);
        let loaded = core.state.load(parent, options).await?;
        let Some(loaded) = loaded else { return Ok(()) };
        if loaded.record.status == ConversationStatus::Deleting {
            return Ok(());
        }
        let mut update = RecordUpdate::new();
        update.remove_children.push(child.clone());
        let fence = Fence::Version(loaded.record.version);
        let write = StateWrite::new(&loaded.record, fence).with_record(update);
        match core.state.apply(write).await {
            Err(error) if error.kind() == StateErrorKind::Conflict => {}
            Err(error) if error.kind() != StateErrorKind::NotFound => return Err(error.into()),
            _ => return Ok(()),
        }
    }
    Ok(())
}
