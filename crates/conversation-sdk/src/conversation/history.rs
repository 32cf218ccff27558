//! Changing the past: editing a message and cutting off the end.

use std::collections::BTreeSet;
use std::sync::Arc;

use conversation_events::{ConversationError, ConversationErrorKind as Kind, TurnEvents};
use conversation_state::{
    ConversationRecord, Fence, LoadOptions, ReferenceKey, StateWrite, Truncation, TruncationMode,
    Window, WriteOutcome, references_of,
};
use conversation_types::{Message, MessageId, Role, UserMessage};

use super::handle::Conversation;
use crate::core::Core;
use crate::options::TurnOptions;
use crate::turn::{self, Cut, TurnJob};

/// How many messages are read at a time to find references.
const STEP: u64 = 32;

impl Conversation {
    /// Sends another message in the place of one of the user, and of everything after it. What was
    /// there stays in the conversation under a branch number, out of the history and the view. The
    /// error of the events is `NotFound` where the history has no such message.
    pub fn edit_and_resend(
        &mut self,
        message: &MessageId,
        parts: impl Into<UserMessage>,
    ) -> TurnEvents {
        self.edit_and_resend_with(message, parts, TurnOptions::new())
    }

    /// Sends another message in the place of one of the user, with options.
    pub fn edit_and_resend_with(
        &mut self,
        message: &MessageId,
        parts: impl Into<UserMessage>,
        options: TurnOptions,
    ) -> TurnEvents {
        let parts: UserMessage = parts.into();
        let job = TurnJob::New {
            message: Box::new(Message::new(Role::User, parts.into_parts())),
            cut: Some(Cut {
                first: message.clone(),
                mode: TruncationMode::KeepAsBranch,
            }),
        };
        self.start(job, options)
    }

    /// Cuts off everything after a message. What is cut off stays in the conversation under a
    /// branch number, or goes at once, with its media where no other message names it. Goes on when
    /// the future is dropped.
    ///
    /// # Errors
    /// `NotFound` also where the history has no such message; `Busy` while a turn is open, `Ended`,
    /// `Conflict`, `State`, `StateOutcomeUnknown`.
    pub async fn truncate(
        &self,
        after: &MessageId,
        mode: TruncationMode,
    ) -> Result<(), ConversationError> {
        let (core, known) = (Arc::clone(&self.core), Arc::clone(&self.known));
        let after = after.clone();
        let steps = async move { truncate(&core, &known, after, mode).await };
        self.core.on_task(steps).await
    }
}

async fn truncate(
    core: &Core,
    known: &ConversationRecord,
    after: MessageId,
    mode: TruncationMode,
) -> Result<(), ConversationError> {
    core.check_open()?;
    let options = LoadOptions::new(Window::MetadataOnly);
    let record = turn::load_idle(core, known, &options).await?.record;
    let place = core.state.find_message(&record.id, &after).await?;
    let place = place.filter(|place| place.branch == 0).ok_or_else(|| {
        ConversationError::new(Kind::NotFound).with_detail("the conversation has no such message")
    })?;
    let keys = match mode {
        TruncationMode::Remove => referenced_from(core, &record, place.position + 1).await?,
        _ => BTreeSet::new(),
    };
    let fence = Fence::Head {
        head: record.head,
        turn: None,
    };
    let truncation = Truncation::new(Some(after), mode);
    let write = StateWrite::new(&record, fence).with_truncate(truncation);
    let writer = core.writer();
    match writer.write(write).await {
        WriteOutcome::Committed(_) => Ok(core.lifecycle.delete_unnamed(&record, keys).await?),
        WriteOutcome::NotCommitted(error) => Err(error.into()),
        WriteOutcome::Indeterminate(error) => {
            Err(ConversationError::new(Kind::StateOutcomeUnknown).with_source(error))
        }
    }
}

/// Returns the references of the messages from a position on.
async fn referenced_from(
    core: &Core,
    record: &ConversationRecord,
    mut position: u64,
) -> Result<BTreeSet<ReferenceKey>, ConversationError> {
    let mut keys = BTreeSet::new();
    while position < record.message_count {
        let window = Window::Range(position..position + STEP);
        let loaded = core
            .state
            .load(&record.id, LoadOptions::new(window))
            .await?;
        let loaded = loaded.ok_or_else(|| ConversationError::new(Kind::NotFound))?;
        for stored in &loaded.messages {
            keys.extend(references_of(&stored.message));
        }
        position += STEP;
    }
    Ok(keys)
}
