//! Storing media that messages hold inline, when no turn runs.

use chrono::{DateTime, Utc};
use conversation_state::{
    ConversationFilter, ConversationRecord, ConversationStatus, Fence, ListOrder, LoadOptions,
    RecordUpdate, StateErrorKind, StateWrite, Window,
};
use conversation_types::Message;

use crate::core::{Core, media_owner};
use crate::error::ConversationError;
use crate::turn::{StateWriter, WriteOutcome};

/// How many conversations are listed at a time.
const PAGE: usize = 100;
/// How many messages are read and written at a time.
const STEP: u64 = 16;

/// Stores inline media of all conversations that changed since a time. Returns the number of
/// messages that were written, and the time from which the next call may go on.
///
/// # Errors
/// Those of the state store.
pub(super) async fn backfill(
    core: &Core,
    since: Option<DateTime<Utc>>,
) -> Result<(u64, DateTime<Utc>), ConversationError> {
    let started = core.state.now().await?;
    let mut written = 0;
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
                written += backfill_one(core, record).await?;
            }
        }
        // Later pages hold what changed even earlier, and then what this pass has changed itself.
        match page.next {
            Some(next) if !is_old => filter = filter.with_cursor(Some(next)),
            _ => return Ok((written, started)),
        }
    }
}

async fn backfill_one(core: &Core, listed: &ConversationRecord) -> Result<u64, ConversationError> {
    let writer = StateWriter::new(core.state.clone(), core.config.state_retry_time());
    let mut from = listed.externalized_through;
    let mut written = 0;
    loop {
        let window = Window::Range(from..from + STEP);
        let loaded = core
            .state
            .load(&listed.id, LoadOptions::new(window))
            .await?;
        let Some(loaded) = loaded else {
            return Ok(written);
        };
        let record = &loaded.record;
        let is_idle = record.current_turn.is_none() && record.status == ConversationStatus::Active;
        if !is_idle || record.externalized_through != from || from >= record.message_count {
            return Ok(written);
        }
        let mut messages: Vec<Message> = loaded
            .messages
            .iter()
            .map(|stored| stored.message.clone())
            .collect();
        let mut pending = core.pending_references();
        let progress = core
            .externalizer
            .externalize_history(&media_owner(record), from, &mut messages, &mut pending)
            .await;
        if progress.done == 0 {
            return Ok(written);
        }
        let changed = progress.changed.iter();
        let replaced: Vec<Message> = changed
            .filter_map(|index| messages.get(*index).cloned())
            .collect();
        let count = replaced.len() as u64;
        let next = from + progress.done as u64;
        // The version: a turn that has begun since makes this a conflict, and the media goes back.
        let mut update = RecordUpdate::new().with_externalized_through(next);
        if count > 0 {
            update = update.with_media_stores(core.stores.primary().map(crate::core::name_of));
        }
        let write = StateWrite::new(record, Fence::Version(record.version))
            .with_replace(replaced)
            .with_record(update);
        pending.begin_write();
        match writer.write(write).await {
            WriteOutcome::Committed(_) => pending.commit(),
            WriteOutcome::NotCommitted(error) => {
                pending.rollback().await;
                return match error.kind() {
                    StateErrorKind::Conflict | StateErrorKind::NotFound => Ok(written),
                    _ => Err(error.into()),
                };
            }
            WriteOutcome::Indeterminate(error) => {
                pending.keep();
                return Err(error.into());
            }
        }
        written += count;
        if progress.done < messages.len() {
            return Ok(written);
        }
        from = next;
    }
}
