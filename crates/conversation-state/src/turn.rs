//! What is kept about a turn beside its messages.

use chrono::{DateTime, SubsecRound, Utc};
use conversation_types::{Cost, FinishReason, TokenUsage, TurnId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Status of a turn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TurnStatus {
    /// Somebody holds its lease and works on it.
    #[default]
    Running,
    /// It waits for results that somebody has to give. Nobody holds its lease.
    Suspended,
    /// It has its answer.
    Complete,
    /// It ended early, and something of an answer is kept.
    Interrupted,
    /// It ended before anything of an answer came.
    Failed,
}

impl TurnStatus {
    /// Returns the word that stands for the status in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Suspended => "suspended",
            Self::Complete => "complete",
            Self::Interrupted => "interrupted",
            Self::Failed => "failed",
        }
    }

    /// Returns whether the turn is running or suspended.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Running | Self::Suspended)
    }
}

/// Which messages of a turn are part of later requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ContextInclusion {
    /// All of them.
    #[default]
    All,
    /// The user's message alone.
    UserOnly,
    /// None of them. Windows do not count the turn.
    None,
}

/// The right to work on a turn, for a limited time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Lease {
    /// The epoch. Every lease of a conversation has a higher one than the lease before.
    pub epoch: u64,
    /// The owner, in its own words.
    pub owner: String,
    /// When the lease ends, by the store's clock.
    pub expires_at: DateTime<Utc>,
}

/// A tool call whose result somebody has to give.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PendingCall {
    /// The token under which the result is given.
    pub token: String,
    /// The id of the call.
    pub call_id: String,
}

impl PendingCall {
    /// Creates a call that waits, from its token and its id.
    pub fn new(token: impl Into<String>, call_id: impl Into<String>) -> Self {
        Self {
            token: token.into(),
            call_id: call_id.into(),
        }
    }
}

/// How a turn ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TurnEnd {
    /// The status.
    pub status: TurnStatus,
    /// Which messages are part of later requests.
    #[serde(default)]
    pub in_context: ContextInclusion,
    /// The kind of the error that ended the turn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// When the turn ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<DateTime<Utc>>,
    /// The last branch with messages of attempts that had been replaced.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub replaced_through: u32,
}

/// Whether a branch is the current one, which no record names.
#[allow(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_zero(branch: &u32) -> bool {
    *branch == 0
}

impl TurnEnd {
    /// Returns how a turn ended.
    pub fn of(turn: &TurnRecord) -> Self {
        Self {
            status: turn.status,
            in_context: turn.in_context,
            error: turn.error.clone(),
            ended_at: turn.ended_at,
            replaced_through: turn.replaced_through,
        }
    }
}

/// What is kept about a turn beside its messages.
///
/// Fields that this version does not know survive.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TurnRecord {
    /// The id.
    pub id: TurnId,
    /// The status.
    pub status: TurnStatus,
    /// Which messages are part of later requests.
    #[serde(default)]
    pub in_context: ContextInclusion,
    /// The reason for which the model stopped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finish: Option<FinishReason>,
    /// What all attempts consumed.
    #[serde(default)]
    pub usage: TokenUsage,
    /// What all attempts cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<Cost>,
    /// The kind of the error that ended the turn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The number of requests to a model.
    #[serde(default)]
    pub attempts: u32,
    /// When the turn began.
    pub started_at: DateTime<Utc>,
    /// When the turn ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<DateTime<Utc>>,
    /// The epoch of the turn's newest lease, also after it ended. Set by the store; 0 before the
    /// first.
    #[serde(default)]
    pub epoch: u64,
    /// The lease, while somebody holds it. Set by the store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease: Option<Lease>,
    /// The key under which the caller repeats the turn without running it again; unique in the
    /// conversation. At most 256 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
    /// Fingerprint of what the turn was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
    /// Whether somebody asked for the end of the turn. Writing a turn never clears it; a new lease
    /// of a turn that had ended does.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cancel_requested: bool,
    /// Calls that a suspended turn waits for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pending: Vec<PendingCall>,
    /// How the turn ended before it was tried again, until the new attempt brings something: an attempt
    /// that brings nothing leaves that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before_retry: Option<Box<TurnEnd>>,
    /// The last branch with messages of attempts that were replaced: those of the turn on later branches were
    /// cut off from the attempt that is its own. 0 where none was replaced; versions before 0.2 wrote none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub replaced_through: u32,
    /// Application data. At most 16 KiB of JSON.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub metadata: Map<String, Value>,
    /// Fields that this version does not know.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl TurnRecord {
    /// Creates a running turn of this moment.
    pub fn new(id: TurnId) -> Self {
        Self {
            id,
            status: TurnStatus::Running,
            in_context: ContextInclusion::All,
            finish: None,
            usage: TokenUsage::default(),
            cost: None,
            error: None,
            attempts: 0,
            started_at: Utc::now().trunc_subsecs(3),
            ended_at: None,
            epoch: 0,
            lease: None,
            idempotency_key: None,
            fingerprint: None,
            cancel_requested: false,
            pending: Vec::new(),
            before_retry: None,
            replaced_through: 0,
            metadata: Map::new(),
            extra: Map::new(),
        }
    }

    /// Adds to what the turn consumed and cost.
    pub fn spend(&mut self, usage: Option<TokenUsage>, cost: Option<Cost>) {
        if let Some(usage) = usage {
            self.usage += usage;
        }
        if let Some(cost) = cost {
            *self.cost.get_or_insert_default() += cost;
        }
    }

    /// Sets the status. Defaults to [`TurnStatus::Running`].
    #[must_use]
    pub fn with_status(mut self, status: TurnStatus) -> Self {
        self.status = status;
        self
    }

    /// Ends the turn as it ended before it was tried again; changes nothing where it was not.
    #[must_use]
    pub fn with_end_before_retry(mut self) -> Self {
        if let Some(end) = self.before_retry.take() {
            self.status = end.status;
            self.in_context = end.in_context;
            self.error = end.error;
            self.ended_at = end.ended_at;
            self.replaced_through = end.replaced_through;
        }
        self
    }

    /// Returns the turn as another attempt begins, which replaces messages up to a branch. Until the attempt
    /// brings something, the turn is as it ended before.
    #[must_use]
    pub fn with_another_attempt(mut self, replaced_through: u32) -> Self {
        self.before_retry = Some(Box::new(TurnEnd::of(&self)));
        self.status = TurnStatus::Running;
        self.error = None;
        self.ended_at = None;
        self.cancel_requested = false;
        self.replaced_through = replaced_through;
        self
    }

    /// Sets which messages are part of later requests. Defaults to [`ContextInclusion::All`].
    #[must_use]
    pub fn with_in_context(mut self, in_context: ContextInclusion) -> Self {
        self.in_context = in_context;
        self
    }

    /// Sets the idempotency key. Defaults to none.
    #[must_use]
    pub fn with_idempotency_key(mut self, key: Option<String>) -> Self {
        self.idempotency_key = key;
        self
    }
}
