//! The error of everything that a manager and its conversations do.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::time::Duration;

use media_storage::{StorageError, StorageErrorKind};
use media_types::ValueError;

use crate::conversation::Response;
use crate::pack::PackError;
use crate::provider::{ProviderError, ProviderErrorKind};
use crate::state::{StateError, StateErrorKind};

/// What went wrong, for code that decides what to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ConversationErrorKind {
    /// The manager is set up wrongly.
    Config,
    /// The caller's data is not usable: an empty id, an empty message.
    InvalidInput,
    /// The prompt does not take the media of the message.
    MediaNotAccepted,
    /// The pack, its prompt or a variable.
    Pack,
    /// The conversation was started with another pack or prompt.
    PackMismatch,
    /// There is no such conversation, or it was deleted.
    NotFound,
    /// There is a conversation of that id already.
    AlreadyExists,
    /// Somebody else wrote to the conversation meanwhile; nothing was overwritten.
    Conflict,
    /// The conversation has ended.
    Ended,
    /// The manager was shut down.
    Closed,
    /// The state store failed.
    State,
    /// The media store failed, and a failure of it fails the turn.
    Storage,
    /// Media that the message names cannot be read.
    Media,
    /// The model provider failed.
    Provider,
    /// The model went on calling tools when it had to answer.
    ToolLimit,
    /// A validator of the prompt fails the answer.
    AnswerRejected,
    /// The turn took longer than it may.
    Timeout,
    /// The task that saved the turn was cancelled: the runtime is shutting down.
    Cancelled,
    /// Anything else; the source tells.
    Other,
}

impl ConversationErrorKind {
    fn text(self) -> &'static str {
        match self {
            Self::Config => "the manager is set up wrongly",
            Self::InvalidInput => "the input is not usable",
            Self::MediaNotAccepted => "the prompt does not take this media",
            Self::Pack => "the prompt cannot be used",
            Self::PackMismatch => "the conversation belongs to another prompt",
            Self::NotFound => "there is no such conversation",
            Self::AlreadyExists => "there is a conversation of that id already",
            Self::Conflict => "the conversation was changed by someone else meanwhile",
            Self::Ended => "the conversation has ended",
            Self::Closed => "the manager was shut down",
            Self::State => "the conversation's state cannot be read or written",
            Self::Storage => "the media cannot be stored",
            Self::Media => "the media of the message cannot be read",
            Self::Provider => "the model did not answer",
            Self::ToolLimit => "the model kept calling tools",
            Self::AnswerRejected => "the answer breaks a rule of the prompt",
            Self::Timeout => "the turn took too long",
            Self::Cancelled => "the turn was cancelled while it was being saved",
            Self::Other => "the turn failed unexpectedly",
        }
    }

    fn hint(self) -> &'static str {
        match self {
            Self::Config => "Correct how the manager is built",
            Self::InvalidInput => "Correct the input",
            Self::MediaNotAccepted => "Send media that the prompt takes",
            Self::Pack => "Correct the pack or what is given to it",
            Self::PackMismatch => "Resume with the pack that the conversation was started with",
            Self::NotFound => "Start a new conversation",
            Self::AlreadyExists => "Resume it, or choose another id",
            Self::Conflict => "Send the message again; the turn starts from the new history",
            Self::Ended | Self::Closed => "Start a new one",
            Self::State => "Check the state store; nothing was changed by this turn",
            Self::Storage => "Check the media store, or keep media inline while it fails",
            Self::Media => "Check the file and what the loader may read",
            Self::Provider => "Try again later",
            Self::ToolLimit => "Raise the limits of the pack's tool policy or correct the tools",
            Self::AnswerRejected => "Ask again, or correct the prompt's validators",
            Self::Timeout => "Try again, or allow the turn more time",
            Self::Cancelled => "Read the history to see whether the turn was saved",
            Self::Other => "See the cause",
        }
    }
}

impl fmt::Display for ConversationErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

/// Why a turn, or anything else of a conversation, failed.
///
/// One word in size. `Display` is one sentence without a full stop that never repeats its cause,
/// which is [`source`](Error::source); [`hint`](Self::hint) says what to do. A turn that fails
/// leaves the history as it was, unless the kind is [`Cancelled`](ConversationErrorKind::Cancelled)
/// or [`Timeout`](ConversationErrorKind::Timeout) while saving.
pub struct ConversationError(Box<Inner>);

struct Inner {
    kind: ConversationErrorKind,
    detail: Option<Cow<'static, str>>,
    hint: Option<Cow<'static, str>>,
    answer: Option<Box<Response>>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl ConversationError {
    /// A failure of a kind.
    pub fn new(kind: ConversationErrorKind) -> Self {
        Self(Box::new(Inner {
            kind,
            detail: None,
            hint: None,
            answer: None,
            source: None,
        }))
    }

    /// Says more than the kind does, in a few words without secrets.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.0.detail = Some(detail.into());
        self
    }

    /// Says what to do where more is known than the kind tells. One sentence without a full stop.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<Cow<'static, str>>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// Keeps the cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    pub(crate) fn with_answer(mut self, answer: Response) -> Self {
        self.0.answer = Some(Box::new(answer));
        self
    }

    pub(crate) fn timeout(after: Duration, while_saving: bool) -> Self {
        let error = Self::new(ConversationErrorKind::Timeout)
            .with_detail(format!("longer than {} s", after.as_secs_f64()));
        if while_saving {
            return error.with_hint(
                "The answer is still being saved; wait with flush and read the history",
            );
        }
        error
    }

    /// What went wrong.
    pub fn kind(&self) -> ConversationErrorKind {
        self.0.kind
    }

    /// What to do about it: one sentence without a full stop.
    pub fn hint(&self) -> &str {
        if let Some(hint) = &self.0.hint {
            return hint;
        }
        if let Some(pack) = self.pack_error() {
            return pack.hint();
        }
        if let Some(state) = self.state_error() {
            return state.hint();
        }
        if let Some(provider) = self.provider_error() {
            return provider_hint(provider.kind());
        }
        if let Some(storage) = self.storage_error() {
            return storage_hint(storage.kind());
        }
        self.0.kind.hint()
    }

    /// The answer that was there when the turn could not be kept: what the model and its tools
    /// said, with the bytes of their media. It is not in the history.
    pub fn answer(&self) -> Option<&Response> {
        self.0.answer.as_deref()
    }

    /// The provider's error, if that is the cause.
    pub fn provider_error(&self) -> Option<&ProviderError> {
        self.cause()
    }

    /// The media store's error, if that is the cause.
    pub fn storage_error(&self) -> Option<&StorageError> {
        self.cause()
    }

    /// The state store's error, if that is the cause.
    pub fn state_error(&self) -> Option<&StateError> {
        self.cause()
    }

    /// The pack's error, if that is the cause.
    pub fn pack_error(&self) -> Option<&PackError> {
        self.cause()
    }

    fn cause<T: Error + 'static>(&self) -> Option<&T> {
        self.0.source.as_deref()?.downcast_ref()
    }

    /// Whether the same turn may succeed when it is simply sent again.
    pub fn is_retryable(&self) -> bool {
        use ConversationErrorKind as K;
        match self.0.kind {
            K::Conflict | K::Timeout => true,
            K::Provider => self
                .provider_error()
                .is_some_and(ProviderError::is_retryable),
            K::Storage => self.storage_error().is_some_and(StorageError::is_retryable),
            K::State => self
                .state_error()
                .is_some_and(|error| error.kind() == StateErrorKind::Unavailable),
            _ => false,
        }
    }
}

fn provider_hint(kind: ProviderErrorKind) -> &'static str {
    use ProviderErrorKind as K;
    match kind {
        K::Authentication => "Check the key and what it may do",
        K::InvalidRequest => "Check the model's name and the parameters",
        K::MediaRefused | K::Media => "Send other media, or leave it out",
        K::TooLarge => "Send less media or a shorter history",
        K::RateLimited => "Wait and try again, or check the quota",
        K::Server | K::Interrupted => "Try again later",
        K::Unreachable => "Check the base URL and the network",
        K::Timeout => "Try again, or allow more time",
        K::InvalidResponse => "Check that the base URL is that of a compatible API",
        K::Spool => "Free some space in the spool directory and send again",
        K::Config => "Correct the provider's configuration",
        _ => "See the cause",
    }
}

fn storage_hint(kind: StorageErrorKind) -> &'static str {
    use StorageErrorKind as K;
    match kind {
        K::Permission => "Check that the media store may be written",
        K::DiskSpace => "Free some space and send again",
        K::TooLarge => "Send smaller media, or raise the store's limit",
        K::Unavailable => "Try again when the media store is back",
        K::Config => "Correct the media store's configuration",
        K::InvalidInput => "Check the media and the ids that the store needs",
        _ => "See the cause",
    }
}

impl fmt::Display for ConversationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.kind.text())?;
        match &self.0.detail {
            Some(detail) => write!(f, ": {detail}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for ConversationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConversationError")
            .field("kind", &self.0.kind)
            .field("detail", &self.0.detail)
            .field("source", &self.0.source)
            .finish_non_exhaustive()
    }
}

impl Error for ConversationError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

impl From<PackError> for ConversationError {
    fn from(error: PackError) -> Self {
        use crate::pack::PackErrorKind as K;
        let kind = match error.kind() {
            K::OtherPack => ConversationErrorKind::PackMismatch,
            _ => ConversationErrorKind::Pack,
        };
        Self::new(kind).with_source(error)
    }
}

impl From<ProviderError> for ConversationError {
    fn from(error: ProviderError) -> Self {
        Self::new(ConversationErrorKind::Provider).with_source(error)
    }
}

impl From<StorageError> for ConversationError {
    fn from(error: StorageError) -> Self {
        Self::new(ConversationErrorKind::Storage).with_source(error)
    }
}

impl From<StateError> for ConversationError {
    fn from(error: StateError) -> Self {
        let kind = match error.kind() {
            StateErrorKind::Conflict => ConversationErrorKind::Conflict,
            StateErrorKind::NotFound => ConversationErrorKind::NotFound,
            _ => ConversationErrorKind::State,
        };
        Self::new(kind).with_source(error)
    }
}

impl From<ValueError> for ConversationError {
    fn from(error: ValueError) -> Self {
        Self::new(ConversationErrorKind::InvalidInput).with_source(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_word_in_size_and_usable_across_threads() {
        fn assert_error<T: Error + Send + Sync + 'static>() {}
        assert_error::<ConversationError>();
        assert_eq!(size_of::<ConversationError>(), size_of::<usize>());
    }

    #[test]
    fn the_cause_is_told_once_and_tells_what_to_do() {
        let cause = ProviderError::new(ProviderErrorKind::Authentication, "openai");
        let error = ConversationError::from(cause);
        assert_eq!(error.to_string(), "the model did not answer");
        assert_eq!(
            error.source().unwrap().to_string(),
            "openai: the key was not accepted"
        );
        assert_eq!(error.hint(), "Check the key and what it may do");
        assert!(!error.is_retryable());
    }
}
