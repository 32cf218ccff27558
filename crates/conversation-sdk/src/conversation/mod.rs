//! A conversation: turns, one after the other.
//!
//! # Map
//! - [`Conversation`] · [`ConversationConfig`] (`config`) · [`Response`] (`response`) ·
//!   [`TurnEvents`] (`events`)
//! - a turn, in its order: `context` (state, history within limits) · `limits` (what the prompt
//!   takes) · `rounds` (the model and its tools; `tools`, `arguments`) · `save` (media of the answer,
//!   then the state) · `prepared`: what every turn takes from the prompt

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Instant;

use media_types::{ConversationId, MediaContent, SessionId, UserId};
use tokio::task::JoinHandle;
use tracing::Instrument;

mod arguments;
mod config;
mod context;
mod events;
mod limits;
mod prepared;
mod response;
mod rounds;
mod save;
mod tools;

pub use config::ConversationConfig;
pub(crate) use context::check_same;
pub use events::{TurnEvent, TurnEvents};
pub(crate) use prepared::Prepared;
pub use response::Response;

use crate::error::{ConversationError, ConversationErrorKind};
use crate::manager::{Core, end_conversation};
use crate::message::{Message, Part, Role, UserMessage};
use crate::pack::Prompt;
use crate::state::{ConversationRecord, LoadedConversation, Window};
use events::Events;
use rounds::Setting;
use save::{Saved, Unsaved};

type Saving = JoinHandle<Result<Saved, ConversationError>>;

/// A conversation with a model. Turns come one after the other; each is in the history whole or
/// not at all.
///
/// Dropping the future of a turn, or its events, ends it: the history is as it was before the
/// turn, and media that it stored is deleted again. Only where the answer was being saved already,
/// the turn is saved to its end; [`flush`](Self::flush) waits for that, and the next turn does.
pub struct Conversation {
    core: Arc<Core>,
    prepared: Prepared,
    record: ConversationRecord,
    saving: Option<Saving>,
    /// Whether it was told that parts of the history cannot be read; once is enough.
    told_unreadable: bool,
}

impl Conversation {
    pub(crate) fn new(core: Arc<Core>, prepared: Prepared, record: ConversationRecord) -> Self {
        Self {
            core,
            prepared,
            record,
            saving: None,
            told_unreadable: false,
        }
    }

    /// Its id.
    pub fn id(&self) -> &ConversationId {
        &self.record.id
    }

    /// The session that it belongs to.
    pub fn session(&self) -> Option<&SessionId> {
        self.record.session.as_ref()
    }

    /// Whose it is.
    pub fn user(&self) -> Option<&UserId> {
        self.record.user.as_ref()
    }

    /// The prompt.
    pub fn prompt(&self) -> &Prompt {
        &self.prepared.prompt
    }

    /// The instructions that the model gets: the prompt with its variables filled in.
    pub fn system_prompt(&self) -> &str {
        &self.prepared.system
    }

    /// What is kept about it, as of the last turn of this handle.
    pub fn record(&self) -> &ConversationRecord {
        &self.record
    }

    /// How many messages it had after the last turn of this handle.
    pub fn message_count(&self) -> u64 {
        self.record.messages
    }

    /// Reads the whole history, oldest first, as it is kept: with references. A long conversation
    /// is better read in windows, with [`read`](Self::read).
    ///
    /// # Errors
    /// Those of [`read`](Self::read).
    pub async fn messages(&self) -> Result<Vec<Message>, ConversationError> {
        Ok(self.read(Window::All).await?.messages)
    }

    /// Reads a part of the history.
    ///
    /// # Errors
    /// `State`; `NotFound` and `AlreadyExists` where there is another conversation under this id now.
    pub async fn read(&self, window: Window) -> Result<LoadedConversation, ConversationError> {
        let loaded = self.core.state.load(&self.record.id, window).await?;
        let Some(loaded) = loaded else {
            return Ok(LoadedConversation::new(self.record.clone(), 0, Vec::new()));
        };
        check_same(&self.record, &loaded.record)?;
        Ok(loaded)
    }

    /// Says something and waits for the answer.
    ///
    /// # Errors
    /// `Provider`, `Timeout`, `ToolLimit`, `AnswerRejected`, `MediaNotAccepted`, `Conflict`,
    /// `State`, `Storage` and `Media` where those fail the turn, `Ended`, `NotFound` where it was
    /// deleted, `AlreadyExists` where another one was started under its id before its first turn,
    /// `Closed`.
    pub fn send(
        &mut self,
        message: impl Into<UserMessage>,
    ) -> impl Future<Output = Result<Response, ConversationError>> + Send {
        let message = message.into();
        Box::pin(self.turn(message, Events::default()))
    }

    /// Says something and shows media.
    ///
    /// # Errors
    /// Those of [`send`](Self::send).
    pub fn send_with_media(
        &mut self,
        text: impl Into<String>,
        media: impl IntoIterator<Item = MediaContent>,
    ) -> impl Future<Output = Result<Response, ConversationError>> + Send {
        let mut parts = vec![Part::Text(text.into())];
        parts.extend(media.into_iter().map(Part::Media));
        self.send(parts)
    }

    /// Says something and gets the answer as it comes.
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
    pub fn stream(&mut self, message: impl Into<UserMessage>) -> TurnEvents<'_> {
        let message = message.into();
        TurnEvents::new(move |events| Box::pin(self.turn(message, events)))
    }

    /// Waits until a turn whose future was dropped while it was being saved is saved.
    ///
    /// # Errors
    /// Why it could not be saved.
    pub async fn flush(&mut self) -> Result<(), ConversationError> {
        self.settle().await.map(drop)
    }

    /// Ends the conversation: media that was stored to go with it
    /// ([`RetentionPolicy::Delete`](media_storage::RetentionPolicy::Delete)) is deleted, the
    /// history stays and takes no more turns. Ending twice is no error.
    ///
    /// # Errors
    /// `State`, `Storage`; call again, or leave it to
    /// [`finish_deletions`](crate::ConversationManager::finish_deletions). `NotFound` and
    /// `AlreadyExists` where there is another conversation under this id now; it goes on.
    pub async fn end(&mut self) -> Result<(), ConversationError> {
        // How the last turn went was told to whoever waited for it.
        let _ = self.settle().await;
        end_conversation(&self.core, &self.record).await
    }

    async fn turn(
        &mut self,
        message: UserMessage,
        events: Events,
    ) -> Result<Response, ConversationError> {
        let limit = self.core.config.default_timeout();
        let span = tracing::info_span!("turn", conversation = %self.record.id);
        let timed = tokio::time::timeout(limit, self.run(message, &events)).instrument(span);
        match timed.await {
            Ok(result) => result,
            Err(_) => Err(ConversationError::timeout(limit, self.saving.is_some())),
        }
    }

    async fn run(
        &mut self,
        message: UserMessage,
        events: &Events,
    ) -> Result<Response, ConversationError> {
        let started = Instant::now();
        self.core.check_open()?;
        // A turn that was left behind is in the history or not; either way this one comes after.
        let _ = self.settle().await;
        let asked = Message::new(Role::User, message.into_parts());
        if asked.content.is_empty() {
            return Err(ConversationError::new(ConversationErrorKind::InvalidInput)
                .with_detail("the message is empty"));
        }
        let core = Arc::clone(&self.core);
        let loaded = context::load(&core, &self.record).await?;
        if !self.told_unreadable {
            self.told_unreadable = context::warn_of_unreadable(&core, &loaded);
        }
        limits::check_media(&core, &self.prepared.prompt, &asked).await?;

        let mut minted = core.minted();
        let received = Arc::new(core.received(&loaded.record));
        events.hold(&received);
        // The only copy: bytes that the store has taken are in memory no longer.
        let mut turn = vec![asked];
        let mut kept_inline = Vec::new();
        if let Some(externalizer) = &core.externalizer {
            let base = loaded.record.messages;
            let batch = externalizer.externalize(
                &loaded.record,
                base,
                &mut turn,
                |_| true,
                &received,
                &mut minted,
            );
            kept_inline = batch.await?;
        }
        let setting = Setting {
            core: &core,
            prepared: &self.prepared,
            record: &loaded.record,
            received: &received,
            events,
        };
        let answered = rounds::run(setting, &loaded.history, &mut turn);
        let spent = match answered.await {
            Ok(spent) => spent,
            Err(error) => {
                minted.rollback().await;
                return Err(error);
            }
        };
        drop(loaded.history);
        let mut unsaved = Unsaved {
            core: Arc::clone(&core),
            prepared: self.prepared.clone(),
            record: loaded.record,
            messages: turn,
            minted,
            received,
            spent,
            kept_inline,
            violations: Vec::new(),
            started,
        };
        if let Err(error) = save::validate(&mut unsaved) {
            return Err(unsaved.give_up(error).await);
        }
        let span = tracing::Span::current();
        self.saving = Some(core.tasks.spawn(unsaved.save().instrument(span)));
        match self.settle().await? {
            Some(response) => Ok(response),
            None => Err(ConversationError::new(ConversationErrorKind::Cancelled)),
        }
    }

    /// Waits for the turn that is being saved, if one is, and takes over what it has written.
    async fn settle(&mut self) -> Result<Option<Response>, ConversationError> {
        let Some(saving) = &mut self.saving else {
            return Ok(None);
        };
        // Stays in `self` until it is done, so that a drop in between does not lose it.
        let result = saving.await;
        self.saving = None;
        let saved = result.map_err(|error| {
            ConversationError::new(ConversationErrorKind::Cancelled).with_source(error)
        })??;
        self.record = saved.record;
        Ok(Some(saved.response))
    }
}

impl fmt::Debug for Conversation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Conversation")
            .field("id", &self.record.id)
            .field("prompt", &self.prepared.prompt.name())
            .field("messages", &self.record.messages)
            .finish_non_exhaustive()
    }
}
