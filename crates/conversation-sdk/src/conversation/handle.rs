//! The handle of a conversation.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use conversation_events::{
    ConversationError, ConversationErrorKind as Kind, EventPosition, Response, TurnEvents,
};
use conversation_state::{
    ConversationRecord, ConversationStatus, LoadOptions, LoadedConversation, TruncationMode, Window,
};
use conversation_tools::ToolOutput;
use conversation_types::{Message, Part, Role, TurnId, UserMessage};
use media_loader::LoadedMedia;
use media_types::{ConversationId, MediaContent, SessionId, UserId};
use prompt_pack::Prompt;

use crate::core::Core;
use crate::options::TurnOptions;
use crate::prompt::ResolvedPrompt;
use crate::turn::{self, RetryFrom, TurnJob};

/// A conversation with a model. Cheap to clone; its turns come one after the other, whichever
/// handle or node starts them.
///
/// A turn is a task of its own: its future and its events are handles. What happens when they are
/// dropped is [`OnDrop`](crate::OnDrop)'s to say; in either case what has arrived is kept.
#[derive(Clone)]
pub struct Conversation {
    pub(crate) core: Arc<Core>,
    pub(crate) prompt: ResolvedPrompt,
    /// The record as it was when the handle was made: who and which, never how far.
    pub(crate) known: Arc<ConversationRecord>,
}

impl Conversation {
    pub(crate) fn new(core: Arc<Core>, prompt: ResolvedPrompt, record: ConversationRecord) -> Self {
        Self {
            core,
            prompt,
            known: Arc::new(record),
        }
    }

    /// Returns the id.
    pub fn id(&self) -> &ConversationId {
        &self.known.id
    }

    /// Returns the session.
    pub fn session(&self) -> Option<&SessionId> {
        self.known.session.as_ref()
    }

    /// Returns the user that the conversation belongs to.
    pub fn user(&self) -> Option<&UserId> {
        self.known.user.as_ref()
    }

    /// Returns the prompt of a pack, or the one that was built in code.
    pub fn prompt(&self) -> Option<&Prompt> {
        self.prompt.prompt()
    }

    /// Returns the instructions that the model gets, with variables filled in.
    pub fn system_prompt(&self) -> Option<&str> {
        self.prompt.system()
    }

    /// Reads the record: status, title, counts, the turn that is running.
    ///
    /// # Errors
    /// `NotFound`, `State`.
    pub async fn record(&self) -> Result<ConversationRecord, ConversationError> {
        Ok(self.read(Window::MetadataOnly).await?.record)
    }

    /// Reads a part of the history, oldest first, as it is kept: with references.
    ///
    /// # Errors
    /// `NotFound` where it was deleted, `State`.
    pub async fn messages(&self, window: Window) -> Result<Vec<Message>, ConversationError> {
        let loaded = self.read(window).await?;
        let current = loaded
            .messages
            .into_iter()
            .filter(|stored| stored.branch == 0);
        Ok(current.map(|stored| stored.message).collect())
    }

    /// Reads a part of the history with its turns.
    ///
    /// # Errors
    /// `NotFound` where it was deleted, `State`.
    pub async fn read(
        &self,
        options: impl Into<LoadOptions>,
    ) -> Result<LoadedConversation, ConversationError> {
        let not_found = || ConversationError::new(Kind::NotFound);
        let loaded = self.core.state.load(self.id(), options.into()).await?;
        let loaded = loaded.ok_or_else(not_found)?;
        let is_deleted = loaded.record.status == ConversationStatus::Deleting;
        match loaded.record.incarnation == self.known.incarnation && !is_deleted {
            true => Ok(loaded),
            false => Err(not_found()),
        }
    }

    /// Sends a message and waits for the answer. Nothing happens before the future is polled.
    ///
    /// # Errors
    /// Nothing was stored or paid: `InvalidInput`, `MediaNotAccepted`, `Media`, `Storage`, `Busy`,
    /// `KeyReused`, `NotAdmitted`, `Ended`, `NotFound`, `Closed`, `Conflict`, `State`. The turn has
    /// begun, and [`ConversationError::kept`] is what was kept of it: `Provider`, `Timeout`,
    /// `Cancelled`, `ToolLimit`, `BudgetExceeded`, `AnswerRejected`, `Storage`, `LeaseLost`,
    /// `Panicked`, `State`, `StateOutcomeUnknown`.
    pub fn send(
        &mut self,
        message: impl Into<UserMessage>,
    ) -> impl Future<Output = Result<Response, ConversationError>> + Send + 'static {
        self.send_with(message, TurnOptions::new())
    }

    /// Sends a message with options and waits for the answer.
    ///
    /// # Errors
    /// Those of [`send`](Self::send).
    pub fn send_with(
        &mut self,
        message: impl Into<UserMessage>,
        options: TurnOptions,
    ) -> impl Future<Output = Result<Response, ConversationError>> + Send + 'static {
        let (conversation, message) = (self.clone(), message.into());
        async move { conversation.start_new(message, options).response().await }
    }

    /// Sends text and media and waits for the answer.
    ///
    /// # Errors
    /// Those of [`send`](Self::send).
    pub fn send_with_media(
        &mut self,
        text: impl Into<String>,
        media: impl IntoIterator<Item = MediaContent>,
    ) -> impl Future<Output = Result<Response, ConversationError>> + Send + 'static {
        let mut parts = vec![Part::text(text)];
        parts.extend(media.into_iter().map(Part::Media));
        self.send(parts)
    }

    /// Sends a message and returns its events as they come. The turn starts at once.
    ///
    /// ```no_run
    /// # use conversation_sdk::{Conversation, ConversationError, TurnEvent};
    /// # async fn run(conversation: &mut Conversation) -> Result<(), ConversationError> {
    /// let mut events = conversation.stream("Tell me a story");
    /// while let Some(event) = events.next().await {
    ///     match event? {
    ///         TurnEvent::TextDelta(text) => print!("{text}"),
    ///         TurnEvent::Done(response) => println!("\n{:?}", response.usage()),
    ///         _ => {}
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn stream(&mut self, message: impl Into<UserMessage>) -> TurnEvents {
        self.stream_with(message, TurnOptions::new())
    }

    /// Sends a message with options and returns its events as they come.
    pub fn stream_with(
        &mut self,
        message: impl Into<UserMessage>,
        options: TurnOptions,
    ) -> TurnEvents {
        self.start_new(message.into(), options)
    }

    fn start_new(&self, message: UserMessage, options: TurnOptions) -> TurnEvents {
        let message = Message::new(Role::User, message.into_parts());
        self.start(TurnJob::new_message(message), options)
    }

    pub(crate) fn start(&self, job: TurnJob, options: TurnOptions) -> TurnEvents {
        let record = (*self.known).clone();
        turn::start(&self.core, self.prompt.clone(), record, job, options)
    }

    /// Tries the last turn once more. What it replaces goes away in the write that brings something
    /// new; an attempt that brings nothing changes nothing. The error of the events is `NotLast`
    /// where other turns came after it: use `branch` or `regenerate` then.
    pub fn retry_turn(&mut self, turn: &TurnId, from: RetryFrom) -> TurnEvents {
        self.retry_turn_with(turn, from, TurnOptions::new())
    }

    /// Tries the last turn once more, with options.
    pub fn retry_turn_with(
        &mut self,
        turn: &TurnId,
        from: RetryFrom,
        options: TurnOptions,
    ) -> TurnEvents {
        let job = TurnJob::Retry {
            turn: turn.clone(),
            from,
            replaced: TruncationMode::Remove,
        };
        self.start(job, options)
    }

    /// Answers the message of the last turn anew. The answer that was there stays under a branch
    /// number, out of sight.
    pub fn regenerate(&mut self, turn: &TurnId) -> TurnEvents {
        let job = TurnJob::Retry {
            turn: turn.clone(),
            from: RetryFrom::Start,
            replaced: TruncationMode::KeepAsBranch,
        };
        self.start(job, TurnOptions::new())
    }

    /// Gives the result of a call that a suspended turn waits for, by the token of
    /// [`ToolOutput::pending`]. When it was the last, the turn goes on; else it stays suspended.
    pub fn resume_turn(&mut self, token: impl Into<String>, output: ToolOutput) -> TurnEvents {
        let job = TurnJob::Resume {
            token: token.into(),
            output: Box::new(Ok(output)),
        };
        self.start(job, TurnOptions::new())
    }

    /// Reads the events of a turn from a place on: what there is, and then what comes. Live where
    /// the turn runs in this process, by checkpoints elsewhere. Dropping them changes nothing.
    pub fn attach(&self, position: impl Into<EventPosition>) -> TurnEvents {
        let position = position.into();
        turn::attached_events(&self.core, &self.known, position.turn, position.sequence)
    }

    /// Ends the conversation: media that was stored with
    /// [`RetentionPolicy::Delete`](media_storage::RetentionPolicy::Delete) is deleted in every
    /// store, the history stays and can be read. Nothing can be added to it any more. May be
    /// repeated; goes on when the future is dropped.
    ///
    /// # Errors
    /// `Busy` while a turn runs; `NotFound`, `Storage`, `State`.
    pub async fn end(&self) -> Result<(), ConversationError> {
        Ok(self.core.lifecycle.end_conversation(&self.known).await?)
    }

    /// Waits until the history has every answer that this process has returned before its media was
    /// stored: see [`Externalization::Background`](crate::Externalization::Background). The next turn
    /// waits for that by itself.
    ///
    /// # Errors
    /// The reason for which the history has less than what was returned, once: `Storage` where the
    /// media was not stored and that fails a turn, `LeaseLost`, `NotFound` where the conversation was
    /// deleted, `State`, `StateOutcomeUnknown`. What was kept is in the error.
    pub async fn flush(&self) -> Result<(), ConversationError> {
        self.core.turns.flush(Some(&self.known.id)).await
    }

    /// Opens media of this conversation: only what was stored for its scope can be read.
    ///
    /// # Errors
    /// `Media`.
    pub async fn open_media(
        &self,
        content: &MediaContent,
    ) -> Result<LoadedMedia, ConversationError> {
        let loader = self.core.scoped_loader(&self.known);
        let opened = loader.open(content).await;
        opened.map_err(|error| ConversationError::new(Kind::Media).with_source(error))
    }
}

impl fmt::Debug for Conversation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Conversation")
            .field("id", &self.known.id)
            .field("user", &self.known.user)
            .finish_non_exhaustive()
    }
}
