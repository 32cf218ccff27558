//! Errors of deletion, erasure, reconciliation, upkeep and uploads.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;

use chrono::{DateTime, Utc};
use conversation_state::{StateError, StateErrorKind};
use conversation_types::TurnId;
use media_storage::StorageError;
use media_types::ValueError;

/// What went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LifecycleErrorKind {
    /// A turn is running, or the user has too many uploads.
    Busy,
    /// The runtime ended before the work did.
    Cancelled,
    /// There is no media store.
    Config,
    /// Another writer changed the conversation first; nothing was overwritten.
    Conflict,
    /// An id is invalid.
    InvalidInput,
    /// Work that stores media of a user could not renew its lease.
    LeaseLost,
    /// Media that a message names cannot be read, or belongs to another owner.
    Media,
    /// The conversation does not exist or was deleted, or its user is being erased.
    NotFound,
    /// A store panicked.
    Panicked,
    /// The state store failed.
    State,
    /// It is unknown whether a write to the state happened.
    StateOutcomeUnknown,
    /// A media store failed.
    Storage,
}

impl LifecycleErrorKind {
    fn text(self) -> &'static str {
        match self {
            Self::Busy => "a turn or an upload is running",
            Self::Cancelled => "the runtime ended before the work did",
            Self::Config => "the lifecycle is configured incorrectly",
            Self::Conflict => "the conversation was changed by another writer",
            Self::InvalidInput => "the input is invalid",
            Self::LeaseLost => "the lease of work that stores media was lost",
            Self::Media => "the media of the message cannot be read",
            Self::NotFound => "the conversation was not found",
            Self::Panicked => "a store panicked",
            Self::State => "the state of the conversation cannot be read or written",
            Self::StateOutcomeUnknown => "it is unknown whether the state was written",
            Self::Storage => "the media store failed",
        }
    }
}

/// Error returned by deletion, erasure, reconciliation, upkeep and uploads.
///
/// `Display` is one sentence without a full stop that never repeats its cause, which is
/// [`source`](Error::source).
pub struct LifecycleError(Box<Inner>);

struct Inner {
    kind: LifecycleErrorKind,
    detail: Option<Cow<'static, str>>,
    turn: Option<TurnId>,
    lease_until: Option<DateTime<Utc>>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl LifecycleError {
    pub(crate) fn new(kind: LifecycleErrorKind) -> Self {
        Self(Box::new(Inner {
            kind,
            detail: None,
            turn: None,
            lease_until: None,
            source: None,
        }))
    }

    pub(crate) fn with_detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.0.detail = Some(detail.into());
        self
    }

    pub(crate) fn with_turn(mut self, turn: TurnId, lease_until: Option<DateTime<Utc>>) -> Self {
        self.0.turn = Some(turn);
        self.0.lease_until = lease_until;
        self
    }

    pub(crate) fn with_source(mut self, source: impl Error + Send + Sync + 'static) -> Self {
        self.0.source = Some(Box::new(source));
        self
    }

    /// Returns what went wrong.
    pub fn kind(&self) -> LifecycleErrorKind {
        self.0.kind
    }

    /// Returns what the kind does not say.
    pub fn detail(&self) -> Option<&str> {
        self.0.detail.as_deref()
    }

    /// Returns the turn that is in the way.
    pub fn turn(&self) -> Option<&TurnId> {
        self.0.turn.as_ref()
    }

    /// Returns until when the lease of that turn holds, by the state store's clock.
    pub fn lease_until(&self) -> Option<DateTime<Utc>> {
        self.0.lease_until
    }

    /// Returns the cause.
    pub fn into_source(self) -> Option<Box<dyn Error + Send + Sync>> {
        self.0.source
    }
}

impl fmt::Display for LifecycleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.kind.text())?;
        match &self.0.detail {
            Some(detail) => write!(f, ": {detail}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for LifecycleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LifecycleError")
            .field("kind", &self.0.kind)
            .field("detail", &self.0.detail)
            .field("source", &self.0.source)
            .finish_non_exhaustive()
    }
}

impl Error for LifecycleError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

impl From<StateError> for LifecycleError {
    fn from(error: StateError) -> Self {
        let kind = match error.kind() {
            StateErrorKind::Conflict => LifecycleErrorKind::Conflict,
            StateErrorKind::NotFound => LifecycleErrorKind::NotFound,
            StateErrorKind::Indeterminate => LifecycleErrorKind::StateOutcomeUnknown,
            StateErrorKind::InvalidInput => LifecycleErrorKind::InvalidInput,
            _ => LifecycleErrorKind::State,
        };
        Self::new(kind).with_source(error)
    }
}

impl From<StorageError> for LifecycleError {
    fn from(error: StorageError) -> Self {
        Self::new(LifecycleErrorKind::Storage).with_source(error)
    }
}

impl From<ValueError> for LifecycleError {
    fn from(error: ValueError) -> Self {
        Self::new(LifecycleErrorKind::InvalidInput).with_source(error)
    }
}
