//! Events for code that counts, logs or shows what happens to media and turns.

use std::time::Duration;

use chrono::{DateTime, Utc};
use conversation_providers::ProviderErrorKind;
use conversation_state::ConversationRecord;
use conversation_types::{Cost, OmittedMedia, TokenUsage, TurnId};
use media_types::{ConversationId, Mime, SessionId, StorageReference, UserId};
use serde::{Serialize, Serializer};

use crate::error::ConversationErrorKind;
use crate::response::InlineFallback;

/// What an event is about. Fields are absent where they do not apply.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct EventSubject {
    /// The user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<UserId>,
    /// The session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionId>,
    /// The conversation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conversation: Option<ConversationId>,
    /// The turn.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub turn: Option<TurnId>,
}

impl EventSubject {
    /// Returns what events about a conversation name.
    pub fn of(record: &ConversationRecord) -> Self {
        Self {
            user: record.user.clone(),
            session: record.session.clone(),
            conversation: Some(record.id.clone()),
            turn: None,
        }
    }
}

/// Something that happened. It serializes; it never carries bytes, text of users or models, keys or
/// signed URLs.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Event {
    /// When it happened.
    pub at: DateTime<Utc>,
    /// What it is about.
    #[serde(flatten)]
    pub subject: EventSubject,
    /// What happened.
    #[serde(flatten)]
    pub kind: EventKind,
}

/// What happened.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[non_exhaustive]
pub enum EventKind {
    /// A turn was begun: the user's message is in the state.
    TurnStarted,
    /// A turn is complete.
    #[non_exhaustive]
    TurnFinished {
        /// The number of messages that the turn added.
        messages: usize,
        /// What it consumed.
        usage: TokenUsage,
        /// What it cost, where the price is known.
        cost: Option<Cost>,
        /// How long it took.
        #[serde(serialize_with = "millis", rename = "duration_ms")]
        duration: Duration,
    },
    /// A turn ended early, and something of its answer was kept.
    #[non_exhaustive]
    TurnInterrupted {
        /// Why.
        error: ConversationErrorKind,
        /// What the turn consumed.
        usage: TokenUsage,
        /// What it cost, where the price is known.
        cost: Option<Cost>,
        /// How long it took.
        #[serde(serialize_with = "millis", rename = "duration_ms")]
        duration: Duration,
    },
    /// A turn ended before anything of an answer came.
    #[non_exhaustive]
    TurnFailed {
        /// Why.
        error: ConversationErrorKind,
        /// What the turn consumed.
        usage: TokenUsage,
        /// What it cost, where the price is known: requests without an answer may be paid for too.
        cost: Option<Cost>,
        /// How long it took.
        #[serde(serialize_with = "millis", rename = "duration_ms")]
        duration: Duration,
    },
    /// A turn is tried again.
    TurnRetried,
    /// A turn waits for the results of tool calls that people have to give.
    TurnSuspended,
    /// A provider answered, or failed to.
    #[non_exhaustive]
    ProviderCalled {
        /// The provider.
        provider: String,
        /// The model.
        model: String,
        /// The number of the request within the turn, from 0.
        round: u64,
        /// Whether it failed.
        is_error: bool,
        /// What the request consumed.
        usage: TokenUsage,
        /// How long it took.
        #[serde(serialize_with = "millis", rename = "duration_ms")]
        duration: Duration,
    },
    /// A provider sent a request again, since those before were not carried out.
    #[non_exhaustive]
    ProviderRetried {
        /// The provider.
        provider: String,
        /// The model.
        model: String,
        /// The number of the request within the turn, from 0.
        round: u64,
        /// How often it was sent again.
        retries: u32,
    },
    /// A provider was reached and refused a request: its rate, its key, or what it holds.
    #[non_exhaustive]
    ProviderRefused {
        /// The provider.
        provider: String,
        /// The model.
        model: String,
        /// The number of the request within the turn, from 0.
        round: u64,
        /// Why.
        error: ProviderErrorKind,
    },
    /// A tool starts.
    #[non_exhaustive]
    ToolStarted {
        /// The name, as the model wrote it.
        name: String,
    },
    /// A tool is done.
    #[non_exhaustive]
    ToolFinished {
        /// The name, as the model wrote it.
        name: String,
        /// Whether the model was given an error.
        is_error: bool,
        /// How long it took.
        #[serde(serialize_with = "millis", rename = "duration_ms")]
        duration: Duration,
    },
    /// A media item was stored.
    #[non_exhaustive]
    MediaStored {
        /// The reference.
        reference: StorageReference,
        /// The MIME type.
        mime: Mime,
        /// The size in bytes.
        bytes: u64,
        /// How long it took.
        #[serde(serialize_with = "millis", rename = "duration_ms")]
        duration: Duration,
    },
    /// A stored media item got another reference.
    #[non_exhaustive]
    MediaDuplicated {
        /// The reference that was there.
        original: StorageReference,
        /// The new one.
        reference: StorageReference,
    },
    /// A stored media item was opened.
    #[non_exhaustive]
    MediaRead {
        /// The reference.
        reference: StorageReference,
        /// The size in bytes.
        bytes: u64,
        /// How long it took to open.
        #[serde(serialize_with = "millis", rename = "duration_ms")]
        duration: Duration,
    },
    /// A stored media item was asked for that is not there, or belongs to another owner.
    #[non_exhaustive]
    MediaMissing {
        /// The reference.
        reference: StorageReference,
    },
    /// A reference was deleted.
    #[non_exhaustive]
    MediaDeleted {
        /// The reference.
        reference: StorageReference,
    },
    /// Media of a conversation, a user or another scope was deleted in a store.
    #[non_exhaustive]
    MediaScopeDeleted {
        /// The number of references.
        references: u64,
        /// The bytes of storage that became free.
        freed_bytes: u64,
    },
    /// A media item stays inline although it was to be stored.
    MediaKeptInline(InlineFallback),
    /// A media item was not sent to a model, or not kept.
    #[non_exhaustive]
    MediaOmitted {
        /// The MIME type.
        mime: Mime,
        /// The reference, where there is one.
        reference: Option<StorageReference>,
        /// The reason.
        reason: conversation_types::OmissionReason,
    },
    /// A sweep removed expired media.
    #[non_exhaustive]
    MediaExpired {
        /// The number of references.
        references: u64,
        /// The bytes of storage that became free.
        freed_bytes: u64,
    },
    /// A save whose caller is gone failed.
    #[non_exhaustive]
    SaveFailed {
        /// Why.
        error: ConversationErrorKind,
    },
    /// Something has less than its full effect.
    #[non_exhaustive]
    Warning {
        /// The text of the warning.
        message: String,
    },
}

/// What a turn that has ended came to.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct TurnTotals {
    /// What all its attempts consumed.
    pub usage: TokenUsage,
    /// What that cost, where the price is known.
    pub cost: Option<Cost>,
    /// How long the last attempt took.
    pub duration: Duration,
}

impl TurnTotals {
    /// Creates the totals of a turn whose last attempt took some time.
    pub fn new(usage: TokenUsage, cost: Option<Cost>, duration: Duration) -> Self {
        Self {
            usage,
            cost,
            duration,
        }
    }
}

impl EventKind {
    /// Creates the event of a complete turn that added a number of messages.
    pub fn turn_finished(messages: usize, totals: TurnTotals) -> Self {
        Self::TurnFinished {
            messages,
            usage: totals.usage,
            cost: totals.cost,
            duration: totals.duration,
        }
    }

    /// Creates the event of a turn that ended early with something of an answer.
    pub fn turn_interrupted(error: ConversationErrorKind, totals: TurnTotals) -> Self {
        Self::TurnInterrupted {
            error,
            usage: totals.usage,
            cost: totals.cost,
            duration: totals.duration,
        }
    }

    /// Creates the event of a turn that ended before anything of an answer came.
    pub fn turn_failed(error: ConversationErrorKind, totals: TurnTotals) -> Self {
        Self::TurnFailed {
            error,
            usage: totals.usage,
            cost: totals.cost,
            duration: totals.duration,
        }
    }

    /// Creates the event of a request to a provider, the `round`-th of its turn from 0 on.
    pub fn provider_called(
        provider: impl Into<String>,
        model: impl Into<String>,
        round: u64,
        is_error: bool,
        usage: TokenUsage,
        duration: Duration,
    ) -> Self {
        Self::ProviderCalled {
            provider: provider.into(),
            model: model.into(),
            round,
            is_error,
            usage,
            duration,
        }
    }

    /// Creates the event of a request, the `round`-th of its turn, that was sent again a number of times.
    pub fn provider_retried(
        provider: impl Into<String>,
        model: impl Into<String>,
        round: u64,
        retries: u32,
    ) -> Self {
        Self::ProviderRetried {
            provider: provider.into(),
            model: model.into(),
            round,
            retries,
        }
    }

    /// Creates the event of a request, the `round`-th of its turn, that was refused.
    pub fn provider_refused(
        provider: impl Into<String>,
        model: impl Into<String>,
        round: u64,
        error: ProviderErrorKind,
    ) -> Self {
        Self::ProviderRefused {
            provider: provider.into(),
            model: model.into(),
            round,
            error,
        }
    }

    /// Creates the event of a tool that starts.
    pub fn tool_started(name: impl Into<String>) -> Self {
        Self::ToolStarted { name: name.into() }
    }

    /// Creates the event of a tool that is done.
    pub fn tool_finished(name: impl Into<String>, is_error: bool, duration: Duration) -> Self {
        Self::ToolFinished {
            name: name.into(),
            is_error,
            duration,
        }
    }

    /// Creates the event of a save that failed and whose caller is gone.
    pub fn save_failed(error: ConversationErrorKind) -> Self {
        Self::SaveFailed { error }
    }

    /// Creates the event of a media item that was omitted.
    pub fn omitted(media: &OmittedMedia) -> Self {
        Self::MediaOmitted {
            mime: media.mime.clone(),
            reference: media.reference.clone(),
            reason: media.reason.clone(),
        }
    }
}

fn millis<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(duration.as_millis().try_into().unwrap_or(u64::MAX))
}
