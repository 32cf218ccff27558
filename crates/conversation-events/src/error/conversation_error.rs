//! The error type.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use conversation_types::{Message, TurnId};
use serde::ser::{Serialize, SerializeStruct, Serializer};

use super::kind::ConversationErrorKind;
use crate::response::Response;

/// Error returned by a manager, its conversations and their turns.
///
/// One word in size and cheap to clone. `Display` is one sentence without a full stop that never
/// repeats its cause, which is [`source`](Error::source). Serialized, it is an object of `kind`,
/// `message`, `hint`, `retryable`, and `turn` where a turn failed.
///
/// An error of a turn that had begun names the turn, and [`kept`](Self::kept) is what was kept of
/// it: the user's message, complete rounds, and what had arrived of the last answer. An error of a turn that
/// had not begun gives the message back as [`unsent`](Self::unsent).
#[derive(Clone)]
pub struct ConversationError(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ConversationErrorKind,
    detail: Option<Cow<'static, str>>,
    hint: Option<Cow<'static, str>>,
    turn: Option<TurnId>,
    lease_until: Option<DateTime<Utc>>,
    kept: Option<Box<Response>>,
    unsent: Option<Box<Message>>,
    retryable: Option<bool>,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

impl ConversationError {
    /// Creates an error of a kind.
    pub fn new(kind: ConversationErrorKind) -> Self {
        Self(Arc::new(Inner {
            kind,
            detail: None,
            hint: None,
            turn: None,
            lease_until: None,
            kept: None,
            unsent: None,
            retryable: None,
            source: None,
        }))
    }

    fn set(mut self, change: impl FnOnce(&mut Inner)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }

    /// Adds what the kind does not say, in a few words without secrets or text of users.
    #[must_use]
    pub fn with_detail(self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.set(|inner| inner.detail = Some(detail.into()))
    }

    /// Sets what to do, where more is known than the kind says. One sentence without a full stop.
    #[must_use]
    pub fn with_hint(self, hint: impl Into<Cow<'static, str>>) -> Self {
        self.set(|inner| inner.hint = Some(hint.into()))
    }

    /// Keeps the cause.
    #[must_use]
    pub fn with_source(self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.set(|inner| inner.source = Some(Arc::from(source.into())))
    }

    /// Sets whether the same call may succeed later, where more is known than the kind says.
    #[must_use]
    pub fn with_retryable(self, retryable: bool) -> Self {
        self.set(|inner| inner.retryable = Some(retryable))
    }

    /// Names the turn that failed, or that is in the way.
    #[must_use]
    pub fn with_turn(self, turn: TurnId) -> Self {
        self.set(|inner| inner.turn = Some(turn))
    }

    /// Sets until when the lease of the turn that is in the way holds.
    #[must_use]
    pub fn with_lease_until(self, until: Option<DateTime<Utc>>) -> Self {
        self.set(|inner| inner.lease_until = until)
    }

    /// Keeps what there is of the turn.
    #[must_use]
    pub fn with_kept(self, kept: Response) -> Self {
        self.set(|inner| inner.kept = Some(Box::new(kept)))
    }

    /// Gives back the message of a turn that has not begun.
    #[must_use]
    pub fn with_unsent(self, message: Message) -> Self {
        self.set(|inner| inner.unsent = Some(Box::new(message)))
    }

    /// Returns what went wrong.
    pub fn kind(&self) -> ConversationErrorKind {
        self.0.kind
    }

    /// Returns what the kind does not say.
    pub fn detail(&self) -> Option<&str> {
        self.0.detail.as_deref()
    }

    /// Returns what to do, as one sentence without a full stop.
    pub fn hint(&self) -> &str {
        self.0.hint.as_deref().unwrap_or(self.0.kind.hint())
    }

    /// Returns the turn that failed, or that is in the way.
    pub fn turn(&self) -> Option<&TurnId> {
        self.0.turn.as_ref()
    }

    /// Returns until when the lease of the turn that is in the way holds, by the state store's
    /// clock.
    pub fn lease_until(&self) -> Option<DateTime<Utc>> {
        self.0.lease_until
    }

    /// Returns what was kept of the turn.
    pub fn kept(&self) -> Option<&Response> {
        self.0.kept.as_deref()
    }

    /// Returns the message of a turn that certainly has not begun, as it was given: nothing of it was written.
    pub fn unsent(&self) -> Option<&Message> {
        self.0.unsent.as_deref()
    }

    /// Returns whether the same call may succeed later.
    pub fn is_retryable(&self) -> bool {
        self.0.retryable.unwrap_or(self.0.kind.is_retryable())
    }

    /// Returns the HTTP status with which a service may answer.
    pub fn http_status(&self) -> u16 {
        self.0.kind.http_status()
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
            .field("turn", &self.0.turn)
            .field("source", &self.0.source)
            .finish_non_exhaustive()
    }
}

impl Error for ConversationError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

impl Serialize for ConversationError {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("ConversationError", 5)?;
        object.serialize_field("kind", &self.kind())?;
        object.serialize_field("message", &self.to_string())?;
        object.serialize_field("hint", self.hint())?;
        object.serialize_field("retryable", &self.is_retryable())?;
        match self.turn() {
            Some(turn) => object.serialize_field("turn", turn)?,
            None => object.skip_field("turn")?,
        }
        object.end()
    }
}
