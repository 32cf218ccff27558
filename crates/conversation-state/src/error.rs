//! The error of every state store.

use std::error::Error;
use std::fmt;

use conversation_types::TurnId;

/// Kind of failure of a state store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StateErrorKind {
    /// The conversation is not in the store, or lives in another incarnation. The write has no
    /// effect and never will have one.
    NotFound,
    /// The fence of the write does not hold. The write has not happened and never will.
    Conflict,
    /// The idempotency key belongs to another turn, which [`StateError::turn`] names. The write has
    /// not happened and never will.
    KeyTaken,
    /// Whether the write has happened is no longer known.
    Indeterminate,
    /// A value is larger than [`StateLimits`](crate::StateLimits) allows. Nothing was written.
    TooLarge,
    /// The state was written by a newer version of this library. It was left as it is.
    TooNew,
    /// The state is damaged.
    Corrupted,
    /// The disk is full.
    DiskSpace,
    /// The process may not read or write the state.
    Permission,
    /// The request contradicts itself or the conversation. Nothing was written.
    InvalidInput,
    /// The store cannot be used now: busy, or not reachable.
    Unavailable,
    /// The code of the store panicked.
    Panicked,
    /// Another failure; the source has the details.
    Other,
}

impl StateErrorKind {
    /// Returns the word that stands for the kind in logs and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::Conflict => "conflict",
            Self::KeyTaken => "key_taken",
            Self::Indeterminate => "indeterminate",
            Self::TooLarge => "too_large",
            Self::TooNew => "too_new",
            Self::Corrupted => "corrupted",
            Self::DiskSpace => "disk_space",
            Self::Permission => "permission",
            Self::InvalidInput => "invalid_input",
            Self::Unavailable => "unavailable",
            Self::Panicked => "panicked",
            Self::Other => "other",
        }
    }

    fn sentence(self) -> &'static str {
        match self {
            Self::NotFound => "no such conversation",
            Self::Conflict => "the conversation has changed since it was read",
            Self::KeyTaken => "the idempotency key belongs to another turn",
            Self::Indeterminate => "whether the write was applied can no longer be determined",
            Self::TooLarge => "a value exceeds the limits of the store",
            Self::TooNew => "the state was written by a newer version",
            Self::Corrupted => "the state is damaged",
            Self::DiskSpace => "no space left on the device",
            Self::Permission => "permission denied",
            Self::InvalidInput => "the request is invalid",
            Self::Unavailable => "the store is busy or unreachable",
            Self::Panicked => "the state store panicked",
            Self::Other => "unexpected failure",
        }
    }

    fn hint(self) -> &'static str {
        match self {
            Self::NotFound => "Check the id; the conversation may have been deleted",
            Self::Conflict => "Load the conversation again and repeat the operation",
            Self::KeyTaken => "Read the turn that the error names",
            Self::Indeterminate => "Load the conversation and compare it with what was written",
            Self::TooLarge => "Store large values elsewhere, media in a media store",
            Self::TooNew => "Run the version that wrote the state, or a newer one",
            Self::Corrupted => "Restore the state from a backup, or move it away to start anew",
            Self::DiskSpace => "Free some space and try again",
            Self::Permission => "Check the owner and the permissions of the state",
            Self::InvalidInput => "Correct the request",
            Self::Panicked => "Correct the code of the store",
            Self::Unavailable => "Try again; check that no other program keeps the state locked",
            Self::Other => "See the source of the error",
        }
    }
}

impl fmt::Display for StateErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Error returned by state stores: kind, operation, subject and source.
///
/// It holds ids and paths, never text or metadata of a conversation.
pub struct StateError(Box<Inner>);

struct Inner {
    kind: StateErrorKind,
    operation: &'static str,
    subject: Option<String>,
    detail: Option<String>,
    turn: Option<TurnId>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl StateError {
    /// Creates an error of an operation, which is a verb with its object: `load conversation`.
    pub fn new(kind: StateErrorKind, operation: &'static str) -> Self {
        Self(Box::new(Inner {
            kind,
            operation,
            subject: None,
            detail: None,
            turn: None,
            source: None,
        }))
    }

    /// Replaces the kind: a detail stays, a sentence for the kind does not.
    #[cfg(any(feature = "postgres", feature = "redis"))]
    pub(crate) fn with_kind(mut self, kind: StateErrorKind) -> Self {
        self.0.kind = kind;
        self
    }

    /// Sets what the operation was applied to: a path or an id. Defaults to none.
    #[must_use]
    pub fn with_subject(mut self, subject: impl Into<String>) -> Self {
        self.0.subject = Some(subject.into());
        self
    }

    /// Sets the cause in a few words. Defaults to a sentence for the kind.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.0.detail = Some(detail.into());
        self
    }

    /// Sets the turn that an idempotency key belongs to. Defaults to none.
    #[must_use]
    pub fn with_turn(mut self, turn: TurnId) -> Self {
        self.0.turn = Some(turn);
        self
    }

    /// Sets the source. Defaults to none.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Returns the kind.
    pub fn kind(&self) -> StateErrorKind {
        self.0.kind
    }

    /// Returns the operation that failed: `load conversation`.
    pub fn operation(&self) -> &'static str {
        self.0.operation
    }

    /// Returns the path or id that the operation was applied to.
    pub fn subject(&self) -> Option<&str> {
        self.0.subject.as_deref()
    }

    /// Returns the turn that an idempotency key belongs to.
    pub fn turn(&self) -> Option<&TurnId> {
        self.0.turn.as_ref()
    }

    /// Returns what helps: one sentence without a full stop.
    pub fn hint(&self) -> &'static str {
        self.0.kind.hint()
    }

    /// Returns whether the same operation may succeed when it is repeated a little later.
    pub fn is_retryable(&self) -> bool {
        self.0.kind == StateErrorKind::Unavailable
    }

    /// Returns whether a write that failed with this error in its first attempt is certain to have no
    /// effect, now and later. After any other error the same write is repeated until its outcome is
    /// known; from then on [`is_verdict`](Self::is_verdict) decides.
    pub fn is_definite(&self) -> bool {
        self.is_verdict()
            || matches!(
                self.0.kind,
                StateErrorKind::TooLarge | StateErrorKind::InvalidInput
            )
    }

    /// Returns whether the store has looked for the write and refused it, so that earlier attempts
    /// whose answers were lost are certain to have no effect either. Media of a write may be deleted
    /// then.
    pub fn is_verdict(&self) -> bool {
        matches!(
            self.0.kind,
            StateErrorKind::NotFound | StateErrorKind::Conflict | StateErrorKind::KeyTaken
        )
    }
}

impl fmt::Display for StateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "failed to {}", self.0.operation)?;
        if let Some(subject) = &self.0.subject {
            write!(f, " `{}`", subject.escape_debug())?;
        }
        match &self.0.detail {
            Some(detail) => write!(f, ": {detail}"),
            None => write!(f, ": {}", self.0.kind.sentence()),
        }
    }
}

impl fmt::Debug for StateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StateError")
            .field("kind", &self.0.kind)
            .field("operation", &self.0.operation)
            .field("subject", &self.0.subject)
            .field("detail", &self.0.detail)
            .field("turn", &self.0.turn)
            .field("source", &self.0.source)
            .finish()
    }
}

impl Error for StateError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}
