//! Conversations that are started for another one.

use std::sync::Arc;

use conversation_events::{ConversationError, ConversationErrorKind as Kind};
use conversation_state::{LoadOptions, RecordUpdate, Window};

use super::fields::update_record;
use super::handle::Conversation;
use crate::manager::ConversationManager;
use crate::start::Start;
use crate::turn;

impl Conversation {
    /// Starts a conversation for this one: of an agent, or of a member of a team. It belongs to the
    /// same user, session and run, whatever `start` says, and is deleted with this one.
    ///
    /// It has a history and media of its own. Media of this conversation that is sent in it is
    /// duplicated into it. A turn that is started in it while a turn of this conversation runs in
    /// the same process is cancelled when that one ends.
    ///
    /// # Errors
    /// Those of [`ConversationManager::start`], and `Ended`; `InvalidInput` where this conversation has
    /// 1,024 children.
    pub async fn child(&self, start: Start) -> Result<Conversation, ConversationError> {
        let options = LoadOptions::new(Window::MetadataOnly);
        let parent = turn::load(&self.core, &self.known, &options).await?.record;
        let (start, id) = start.into_child_of(&parent)?;
        // Listed before it has a record: whoever deletes the parent deletes the child, or refuses
        // its creation.
        let update = RecordUpdate::new().with_children([id.clone()]);
        update_record(&self.core, &self.known, update).await?;
        let started = ConversationManager::new(Arc::clone(&self.core))
            .start(start)
            .await;
        let may_exist = match &started {
            Ok(child) => *child.id() == id,
            Err(error) => matches!(error.kind(), Kind::State | Kind::StateOutcomeUnknown),
        };
        if !may_exist {
            let forgotten = self.core.lifecycle.forget_child(&parent.id, &id).await;
            if let Err(error) = forgotten {
                tracing::debug!(error = %media_types::readable::causes(&error), child = %id, "a child that was not started stays listed");
            }
        }
        started
    }
}
