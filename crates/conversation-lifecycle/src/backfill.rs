//! Storing media that messages hold inline, when no turn runs.

use chrono::{DateTime, Utc};
use conversation_externalizer::Externalizer;
use conversation_state::{
    ConversationFilter, ConversationRecord, ConversationStatus, Fence, ListOrder, LoadOptions,
    RecordUpdate, StateErrorKind, StateWrite, Window, WriteOutcome,
};
use conversation_types::Message;

use crate::core::Core;
use crate::error::{LifecycleError, LifecycleErrorKind as Kind};
use crate::media_slot::MediaSlot;
use crate::owner::media_owner;
use crate::stores::name_of;
use crate::upload_slots;

/// How many conversations are listed at a time.
const PAGE: usize = 100;
/// How many messages are read and written at a time.
const STEP: u64 = 16;

/// What was done for all conversations.
#[derive(Debug)]
pub(crate) struct Backfill {
    /// The number of messages that were written.
    pub(crate) written: u64,
    /// The time from which the next call may go on: the same as before where something is left.
    pub(crate) next: Option<DateTime<Utc>>,
    /// The first failure of one conversation. It keeps no other from being looked at.
    pub(crate) failure: Option<LifecycleError>,
}

/// Stores inline media of all conversations that changed since a time.
///
/// # Errors
/// Those of the state store, where conversations cannot be listed.
pub(crate) async fn backfill(
    core: &Core,
    externalizer: &Externalizer,
    since: Option<DateTime<Utc>>,
) -> Result<Backfill, LifecycleError> {
    let mut all = Backfill {
        written: 0,
        next: Some(core.state.now().await?),
        failure: None,
    };
    let mut filter = ConversationFilter::new()
        .with_order(ListOrder::Changed)
        .with_limit(PAGE);
    loop {
        let page = core.state.list(&filter).await?;
        let mut is_old = false;
        for record in &page.records {
            is_old |= since.is_some_and(|since| record.updated_at < since);
            let is_due = record.externalized_through < record.message_count;
            if is_due && !is_old {
                let mut done = Backfilled::default();
                let outcome = backfill_one(core, externalizer, record, &mut done).await;
                all.written += done.written;
                if done.is_outage || outcome.is_err() {
                    all.next = since;
                }
                all.failure = all.failure.or(outcome.err());
            }
        }
        // Later pages hold what changed even earlier, and then what this pass has changed itself.
        match page.next {
            Some(cursor) if !is_old => filter = filter.with_cursor(Some(cursor)),
            _ => return Ok(all),
        }
    }
}

/// What was done for one conversation.
#[derive(Debug, Default)]
struct Backfilled {
    written: u64,
    /// Whether something is left that the store may take later.
    is_outage: bool,
}

/// Stores inline media of one conversation, as far as no turn or other change comes between: what
/// changes a conversation makes it one of the next call.
async fn backfill_one(
    core: &Core,
    externalizer: &Externalizer,
    listed: &ConversationRecord,
    done: &mut Backfilled,
) -> Result<(), LifecycleError> {
    let slot = match &listed.user {
        None => MediaSlot::default(),
        // An erasure waits for whatever stores media of its user. Others do not wait for a user's uploads.
        Some(user) => match upload_slots::try_take(core, user).await {
            Ok(lease) => lease.into(),
            Err(error) if error.kind() == Kind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        },
    };
    let mut from = listed.externalized_through;
    let outcome = loop {
        match slot.renew().await {
            Ok(true) => {}
            Ok(false) => break Ok(()),
            Err(error) => break Err(error.into()),
        }
        match step(core, externalizer, listed, from, &slot, done).await {
            Ok(Some(next)) => from = next,
            Ok(None) => break Ok(()),
            Err(error) => break Err(error),
        }
    };
    slot.release().await;
    outcome
}

/// Stores inline media of some messages. Returns where to go on, if anywhere.
async fn step(
    core: &Core,
    externalizer: &Externalizer,
    listed: &ConversationRecord,
    from: u64,
    slot: &MediaSlot,
    done: &mut Backfilled,
) -> Result<Option<u64>, LifecycleError> {
    let window = Window::Range(from..from + STEP);
    let loaded = core
        .state
        .load(&listed.id, LoadOptions::new(window))
        .await?;
    let Some(loaded) = loaded else {
        return Ok(None);
    };
    let record = &loaded.record;
    let is_idle = record.current_turn.is_none() && record.status == ConversationStatus::Active;
    if !is_idle || record.externalized_through != from || from >= record.message_count {
        return Ok(None);
    }
    let mut messages: Vec<Message> = loaded
        .messages
        .iter()
        .map(|stored| stored.message.clone())
        .collect();
    let mut pending = core.pending_references();
    let owner = media_owner(record);
    let storing = async {
        let progress = externalizer.externalize_history(&owner, from, &mut messages, &mut pending);
        Ok::<_, LifecycleError>(progress.await)
    };
    let progress = slot.while_held(storing).await?;
    done.is_outage = progress.done < messages.len();
    if progress.done == 0 {
        return Ok(None);
    }
    let changed = progress.changed.iter();
    let replaced: Vec<Message> = changed
        .filter_map(|index| messages.get(*index).cloned())
        .collect();
    let count = replaced.len() as u64;
    let next = from + progress.done as u64;
    let mut update = RecordUpdate::new().with_externalized_through(next);
    if count > 0 {
        update = update.with_media_stores(core.stores.primary().map(name_of));
    }
    // The version: a turn that has begun since makes this a conflict, and the media goes back.
    let write = StateWrite::new(record, Fence::Version(record.version))
        .with_replace(replaced)
        .with_record(update);
    pending.begin_write();
    match slot.renewed(core.writer().write(write)).await {
        WriteOutcome::Committed(_) => pending.commit(),
        WriteOutcome::NotCommitted(error) => {
            pending.rollback().await;
            return match error.kind() {
                StateErrorKind::Conflict | StateErrorKind::NotFound => Ok(None),
                _ => Err(error.into()),
            };
        }
        WriteOutcome::Indeterminate(error) => {
            pending.keep();
            return Err(error.into());
        }
    }
    done.written += count;
    Ok((!done.is_outage).then_some(next))
}
