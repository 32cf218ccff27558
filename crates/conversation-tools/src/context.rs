//! What a turn gives to its tools.

use std::fmt;
use std::sync::Arc;

use conversation_providers::PartialImage;
use conversation_providers::sink::MediaSink;
use conversation_types::TurnId;
use media_loader::MediaLoader;
use media_types::{ConversationId, SessionId, UserId};

use crate::cancellation::Cancellation;

/// Passes progress of a call on to readers.
type ProgressReport = Arc<dyn Fn(&str) + Send + Sync>;

/// Passes previews of images on to readers.
type PreviewReport = Arc<dyn Fn(PartialImage) + Send + Sync>;

/// What a turn gives to one call of a tool. Cheap to clone.
#[derive(Clone)]
pub struct ToolContext {
    conversation: Option<ConversationId>,
    session: Option<SessionId>,
    user: Option<UserId>,
    turn: Option<TurnId>,
    call: String,
    loader: MediaLoader,
    sink: MediaSink,
    cancellation: Cancellation,
    progress: Option<ProgressReport>,
    previews: Option<PreviewReport>,
}

impl ToolContext {
    /// Creates the context of a call with what a tool reads and writes media with. Everything else
    /// is absent until it is set.
    pub fn new(loader: MediaLoader, sink: MediaSink) -> Self {
        Self {
            conversation: None,
            session: None,
            user: None,
            turn: None,
            call: String::new(),
            loader,
            sink,
            cancellation: Cancellation::new(),
            progress: None,
            previews: None,
        }
    }

    /// Creates the context of a call outside of any turn, for tests of tools: media that the tool
    /// makes stays in memory.
    pub fn detached() -> Self {
        Self::new(MediaLoader::builder().build(), MediaSink::in_memory())
    }

    /// Sets the conversation and the turn in which the tool is called.
    #[must_use]
    pub fn with_turn(mut self, conversation: ConversationId, turn: TurnId) -> Self {
        self.conversation = Some(conversation);
        self.turn = Some(turn);
        self
    }

    /// Sets whom the conversation belongs to. Defaults to nobody.
    #[must_use]
    pub fn with_owner(mut self, user: Option<UserId>, session: Option<SessionId>) -> Self {
        self.user = user;
        self.session = session;
        self
    }

    /// Sets the id of the call, unique within its turn. Defaults to an empty one.
    #[must_use]
    pub fn with_call_id(mut self, call: impl Into<String>) -> Self {
        self.call = call.into();
        self
    }

    /// Sets the signal that the turn is being cancelled. Defaults to one that nobody gives.
    #[must_use]
    pub fn with_cancellation(mut self, cancellation: Cancellation) -> Self {
        self.cancellation = cancellation;
        self
    }

    /// Sets what progress of the call is passed to. Defaults to nothing.
    #[must_use]
    pub fn with_progress(mut self, progress: impl Fn(&str) + Send + Sync + 'static) -> Self {
        self.progress = Some(Arc::new(progress));
        self
    }

    /// Sets what previews of images are passed to. Defaults to nothing.
    #[must_use]
    pub fn with_previews(
        mut self,
        previews: impl Fn(PartialImage) + Send + Sync + 'static,
    ) -> Self {
        self.previews = Some(Arc::new(previews));
        self
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

    /// Shows a preview of an image that is being made to readers of the turn's events.
    pub fn report_preview(&self, image: PartialImage) {
        if let Some(previews) = &self.previews {
            previews(image);
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
