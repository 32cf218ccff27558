//! What a batch of messages belongs to.

use conversation_types::Message;
use media_storage::{MediaMetadata, RetentionPolicy};
use media_types::{ConversationId, RunId, SessionId, UserId};

use super::check::StoreCheck;
use super::fetched::FetchedMedia;
use super::received::{NothingReceived, ReceivedLookup};

/// The conversation that media belongs to, with its session, run and user.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MediaOwner {
    /// The conversation.
    pub conversation: ConversationId,
    /// The session, if any.
    pub session: Option<SessionId>,
    /// The run, if any.
    pub run: Option<RunId>,
    /// The user, if any.
    pub user: Option<UserId>,
    /// How long its media is kept, over what the externalizer says.
    pub retention: Option<RetentionPolicy>,
}

impl MediaOwner {
    /// Creates an owner without session, run, user and retention.
    pub fn new(conversation: ConversationId) -> Self {
        Self {
            conversation,
            session: None,
            run: None,
            user: None,
            retention: None,
        }
    }

    /// Returns metadata that names the owner.
    pub fn metadata(&self) -> MediaMetadata {
        let mut metadata = MediaMetadata::new().with_conversation(self.conversation.clone());
        if let Some(session) = &self.session {
            metadata = metadata.with_session(session.clone());
        }
        if let Some(run) = &self.run {
            metadata = metadata.with_run(run.clone());
        }
        if let Some(user) = &self.user {
            metadata = metadata.with_user(user.clone());
        }
        metadata
    }
}

/// Where the messages of a batch come from, which decides what a failure of the store means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BatchKind {
    /// A user's message, not yet paid for: all of its media is stored or none.
    User,
    /// Answers of models and tools: each media item is stored for itself, and what the store does
    /// not take costs no other item and no text.
    Answer,
    /// An answer that is still being received. A `data:` URI at the end of its text may be
    /// unfinished and stays.
    Checkpoint,
}

/// The context of one call of [`Externalizer::externalize`](super::Externalizer::externalize).
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a> {
    pub(super) owner: &'a MediaOwner,
    pub(super) base_position: u64,
    pub(super) kind: BatchKind,
    pub(super) provider: Option<&'a str>,
    pub(super) received: &'a dyn ReceivedLookup,
    pub(super) earlier: &'a [&'a Message],
    pub(super) fetched: Option<&'a FetchedMedia>,
    pub(super) check: Option<&'a dyn StoreCheck>,
}

impl<'a> Batch<'a> {
    /// Creates the context of messages of which the first has this position in its conversation.
    pub fn new(owner: &'a MediaOwner, base_position: u64, kind: BatchKind) -> Self {
        Self {
            owner,
            base_position,
            kind,
            provider: None,
            received: &NothingReceived,
            earlier: &[],
            fetched: None,
            check: None,
        }
    }

    /// Sets the name of the provider, which is kept with media of its answers. Defaults to none.
    #[must_use]
    pub fn with_provider(mut self, provider: Option<&'a str>) -> Self {
        self.provider = provider;
        self
    }

    /// Sets where media that was received in this turn is found. Defaults to nowhere.
    #[must_use]
    pub fn with_received(mut self, received: &'a dyn ReceivedLookup) -> Self {
        self.received = received;
        self
    }

    /// Sets the messages before these, so that media which they have from the same URL is not
    /// fetched again. Defaults to none.
    #[must_use]
    pub fn with_earlier(mut self, earlier: &'a [&'a Message]) -> Self {
        self.earlier = earlier;
        self
    }

    /// Sets what was fetched for an earlier attempt to write the same messages, which is used up by the
    /// call. Defaults to nothing.
    #[must_use]
    pub fn with_fetched(mut self, fetched: &'a FetchedMedia) -> Self {
        self.fetched = Some(fetched);
        self
    }

    /// Sets what is asked before anything of the batch is stored; where it says no, the error is
    /// [`NotAllowed`](super::ExternalizeErrorKind::NotAllowed). Defaults to nothing.
    #[must_use]
    pub fn with_check(mut self, check: &'a dyn StoreCheck) -> Self {
        self.check = Some(check);
        self
    }
}
