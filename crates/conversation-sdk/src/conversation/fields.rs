//! Title, metadata and tags, and other fields of the record.

use conversation_events::{ConversationError, ConversationErrorKind as Kind};
use conversation_state::{
    ConversationRecord, ConversationStatus, Fence, LoadOptions, RecordUpdate, StateErrorKind,
    StateWrite, Window, WriteOutcome,
};
use serde_json::{Map, Value};

use super::handle::Conversation;
use crate::core::Core;

/// How often a change is repeated after another one came first.
const MAX_CONFLICTS: usize = 64;

impl Conversation {
    /// Sets or removes the title. Turns are not disturbed.
    ///
    /// # Errors
    /// `NotFound`; `InvalidInput` where title and metadata are larger than 16 KiB of JSON; `State`.
    pub async fn set_title(&self, title: Option<String>) -> Result<(), ConversationError> {
        self.update(RecordUpdate::new().with_title(title)).await
    }

    /// Replaces the application data. Turns are not disturbed.
    ///
    /// # Errors
    /// Those of [`set_title`](Self::set_title).
    pub async fn set_metadata(
        &self,
        metadata: Map<String, Value>,
    ) -> Result<(), ConversationError> {
        self.update(RecordUpdate::new().with_metadata(metadata))
            .await
    }

    /// Replaces the tags by which conversations are listed. Turns are not disturbed.
    ///
    /// # Errors
    /// `NotFound`; `InvalidInput` for more than 64 tags, or tags of more than 128 bytes; `State`.
    pub async fn set_tags<T: Into<String>>(
        &self,
        tags: impl IntoIterator<Item = T> + Send,
    ) -> Result<(), ConversationError> {
        let update = RecordUpdate::new().with_tags(tags);
        self.update(update).await
    }

    async fn update(&self, update: RecordUpdate) -> Result<(), ConversationError> {
        update_record(&self.core, &self.known, update).await?;
        Ok(())
    }
}

/// Changes fields of a record, again and again while other changes come first.
///
/// # Errors
/// `NotFound`, `InvalidInput`, `Conflict`, `State`, `StateOutcomeUnknown`.
pub(super) async fn update_record(
    core: &Core,
    known: &ConversationRecord,
    update: RecordUpdate,
) -> Result<ConversationRecord, ConversationError> {
    let writer = core.writer();
    let mut conflict = None;
    for _ in 0..MAX_CONFLICTS {
        let options = LoadOptions::new(Window::MetadataOnly);
        let loaded = core.state.load(&known.id, options).await?;
        let record = loaded.map(|loaded| loaded.record).filter(|record| {
            record.incarnation == known.incarnation && record.status != ConversationStatus::Deleting
        });
        let record = record.ok_or_else(|| ConversationError::new(Kind::NotFound))?;
        let write =
            StateWrite::new(&record, Fence::Version(record.version)).with_record(update.clone());
        match writer.write(write).await {
            WriteOutcome::Committed(applied) => return Ok(applied.record),
            WriteOutcome::NotCommitted(error) if error.kind() == StateErrorKind::Conflict => {
                conflict = Some(error);
            }
            WriteOutcome::NotCommitted(error) => return Err(error.into()),
            WriteOutcome::Indeterminate(error) => {
                return Err(ConversationError::new(Kind::StateOutcomeUnknown).with_source(error));
            }
        }
    }
    let error = ConversationError::new(Kind::Conflict);
    Err(match conflict {
        Some(source) => error.with_source(source),
        None => error,
    })
}
