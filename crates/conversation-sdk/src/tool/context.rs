//! What a turn gives to its tools.

use std::fmt;
use std::sync::Arc;

use conversation_providers::sink::MediaSink;
use conversation_types::TurnId;
use media_loader::MediaLoader;
use media_types::{ConversationId, SessionId, UserId};

use super::cancellation::Cancellation;

/// Passes progress of a call on to readers.
type ProgressReport = Arc<dyn Fn(&str) + Send + Sync>;

/// What a turn gives to one call of a tool. Cheap to clone.
#[derive(Clone)]
pub struct ToolContext {
    pub(crate) conversation: Option<ConversationId>,
    pub(crate) session: Option<SessionId>,
    pub(crate) user: Option<UserId>,
    pub(crate) turn: Option<TurnId>,
    pub(crate) call: String,
    pub(crate) loader: MediaLoader,
    pub(crate) sink: MediaSink,
    pub(crate) cancellation: Cancellation,
    pub(crate) progress: Option<ProgressReport>,
}

impl ToolContext {
    /// Creates the context of a call outside of any turn, for tests of tools: media that the tool
    /// makes stays in memory.
    pub fn detached() -> Self {
        Self {
            conversation: None,
            session: None,
            user: None,
            turn: None,
            call: String::new(),
            loader: MediaLoader::builder().build(),
            sink: MediaSink::in_memory(),
            cancellation: Cancellation::new(),
            progress: None,
        }
    }

    /// Returns the conversation.
    pub fn conversation(&self) -> Option<&ConversationId> {
        self.conversation.as_ref()
    }

    /// Returns the session of the conversation.
    pub fn session(&self) -> Option<&SessionId> {
        self.session.as_ref()
    }

    /// Returns the user of the conversation.
    pub fn user(&self) -> Option<&UserId> {
        self.user.as_ref()
    }

    /// Returns the turn.
    pub fn turn(&self) -> Option<&TurnId> {
        self.turn.as_ref()
    }

    /// Returns the id of the call, unique within its turn.
    pub fn call_id(&self) -> &str {
        &self.call
    }

    /// Returns a loader that reads only media of the conversation's scope.
    pub fn loader(&self) -> &MediaLoader {
        &self.loader
    }

    /// Returns the sink for media that the tool makes.
    pub fn media_sink(&self) -> &MediaSink {
        &self.sink
    }

    /// Returns the signal that the turn is being cancelled.
    pub fn cancellation(&self) -> &Cancellation {
        &self.cancellation
    }

    /// Reports progress to readers of the turn's events.
    pub fn report_progress(&self, text: &str) {
        if let Some(progress) = &self.progress {
            progress(text);
        }
    }
}

impl fmt::Debug for ToolContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ToolContext")
            .field("conversation", &self.conversation)
            .field("turn", &self.turn)
            .field("call", &self.call)
            .finish_non_exhaustive()
    }
}
