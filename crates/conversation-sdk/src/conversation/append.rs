//! Adding messages without asking a model.

use std::sync::Arc;

use conversation_events::{ConversationError, ConversationErrorKind as Kind};
use conversation_externalizer::{Batch, BatchKind, PendingReferences};
use conversation_lifecycle::{MediaSlot, media_owner, name_of};
use conversation_providers::RESPONSE_ID;
use conversation_state::{
    ConversationRecord, Fence, LoadOptions, RecordUpdate, StateWrite, Window, WriteOutcome,
};
use conversation_types::{Message, MessageId};

use super::handle::Conversation;
use crate::core::Core;
use crate::policy::ForeignMedia;
use crate::turn;

impl Conversation {
    /// Adds messages to the history without asking a model: of a history that was kept elsewhere,
    /// or of a person who takes over. Their media is stored as in a turn. They belong to no turn,
    /// and go with later requests. What a provider keeps of answers among them is not theirs: it
    /// stays when this conversation is deleted.
    ///
    /// All are added or none; goes on when the future is dropped. Returns their ids.
    ///
    /// # Errors
    /// Nothing was added: `Busy` while a turn is open, `Conflict` where another writer came first,
    /// `NotFound`, `Ended`, `Media`, `Storage`, `InvalidInput`, `State`; those of the middleware. It
    /// is unknown: `StateOutcomeUnknown`, `LeaseLost`.
    pub async fn append(
        &self,
        messages: impl IntoIterator<Item = Message> + Send,
    ) -> Result<Vec<MessageId>, ConversationError> {
        let messages: Vec<Message> = messages
            .into_iter()
            .map(|mut message| {
                message.turn = None;
                message.metadata.remove(RESPONSE_ID);
                message
            })
            .collect();
        let (core, known) = (Arc::clone(&self.core), Arc::clone(&self.known));
        let steps = async move { append(&core, &known, messages).await };
        self.core.on_task(steps).await
    }
}

async fn append(
    core: &Core,
    known: &ConversationRecord,
    mut messages: Vec<Message>,
) -> Result<Vec<MessageId>, ConversationError> {
    core.check_open()?;
    let options = LoadOptions::new(Window::MetadataOnly);
    let loaded = turn::load_idle(core, known, &options).await?;
    turn::before_save(core, &mut messages).await?;
    // An erasure waits for whatever stores media of its user. Code of the application never runs under a slot.
    let slot = match &loaded.record.user {
        Some(user) => core.lifecycle.take_upload_slot(user).await?.into(),
        None => MediaSlot::default(),
    };
    let mut pending = core.pending_references();
    let storing = async {
        let stored = store(core, &loaded.record, &mut messages, &mut pending).await;
        if stored.is_err() {
            pending.rollback().await;
        }
        stored
    };
    let ((), slot) = slot.storing(Box::pin(storing)).await?;
    let writing = Box::pin(write(core, &loaded.record, messages, pending));
    slot.writing(writing).await
}

/// Stores the media of messages. What was stored before an error is pending.
async fn store(
    core: &Core,
    record: &ConversationRecord,
    messages: &mut [Message],
    pending: &mut PendingReferences,
) -> Result<(), ConversationError> {
    if core.config.foreign_media() == ForeignMedia::Refuse {
        for message in &mut *messages {
            core.adopt_uploads(record, message, pending).await?;
        }
    }
    let owner = media_owner(record);
    let batch = Batch::new(&owner, record.message_count, BatchKind::User);
    let externalizing = core.externalizer.externalize(&batch, messages, pending);
    externalizing.await?;
    Ok(())
}

async fn write(
    core: &Core,
    record: &ConversationRecord,
    messages: Vec<Message>,
    mut pending: PendingReferences,
) -> Result<Vec<MessageId>, ConversationError> {
    let ids = messages.iter().map(|message| message.id.clone()).collect();
    let stores = core.stores.primary().map(name_of);
    let fence = Fence::Head {
        head: record.head,
        turn: None,
    };
    let write = StateWrite::new(record, fence)
        .with_append(messages)
        .with_record(RecordUpdate::new().with_media_stores(stores));
    pending.begin_write();
    let writer = core.writer();
    match writer.write(write).await {
        WriteOutcome::Committed(_) => {
            pending.commit();
            Ok(ids)
        }
        WriteOutcome::NotCommitted(error) => {
            pending.rollback().await;
            Err(error.into())
        }
        WriteOutcome::Indeterminate(error) => {
            pending.keep();
            Err(ConversationError::new(Kind::StateOutcomeUnknown).with_source(error))
        }
    }
}
