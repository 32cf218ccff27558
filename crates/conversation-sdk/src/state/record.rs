//! What is kept about a conversation beside its messages.

use std::ops::Range;

use chrono::{DateTime, SubsecRound, Utc};
use media_types::{ConversationId, RunId, SessionId, UserId};
use serde::{Deserialize, Serialize};

use crate::message::Message;
use crate::pack::PackRef;

/// Where a conversation stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ConversationStatus {
    /// It can go on.
    #[default]
    Active,
    /// It has ended, and media that goes with it is being deleted.
    Ending,
    /// It has ended.
    Ended,
    /// It is being deleted: the tombstone. Nothing leads back from here.
    Deleting,
}

impl ConversationStatus {
    /// The word in which it is kept.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Ending => "ending",
            Self::Ended => "ended",
            Self::Deleting => "deleting",
        }
    }
}

/// What is kept about a conversation beside its messages.
///
/// Fields that a later version adds read as their defaults here.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ConversationRecord {
    /// Which conversation.
    pub id: ConversationId,
    /// Grows with every write, from 1; 0 before the first.
    #[serde(default)]
    pub version: u64,
    /// How many messages there are.
    #[serde(default)]
    pub messages: u64,
    /// Where it stands.
    #[serde(default)]
    pub status: ConversationStatus,
    /// Whose it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<UserId>,
    /// Which session it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionId>,
    /// Which run it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunId>,
    /// Pack, prompt and variables that it was started with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pack: Option<PackRef>,
    /// When it was started.
    pub created_at: DateTime<Utc>,
    /// When it was last written.
    pub updated_at: DateTime<Utc>,
    /// How many messages, from the first, are known to hold no media that is still to be
    /// externalized.
    #[serde(default)]
    pub externalized: u64,
    /// Names the last write, so that a writer who does not know how his write went can find out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_write: Option<String>,
}

impl ConversationRecord {
    /// A conversation that starts now and has not been written yet.
    pub fn new(id: ConversationId) -> Self {
        // As precise as every store keeps it.
        let now = Utc::now().trunc_subsecs(3);
        Self {
            id,
            version: 0,
            messages: 0,
            status: ConversationStatus::Active,
            user: None,
            session: None,
            run: None,
            pack: None,
            created_at: now,
            updated_at: now,
            externalized: 0,
            last_write: None,
        }
    }

    /// Sets whose it is. Default: nobody's.
    #[must_use]
    pub fn with_user(mut self, user: Option<UserId>) -> Self {
        self.user = user;
        self
    }

    /// Sets the session. Default: none.
    #[must_use]
    pub fn with_session(mut self, session: Option<SessionId>) -> Self {
        self.session = session;
        self
    }

    /// Sets the run. Default: none.
    #[must_use]
    pub fn with_run(mut self, run: Option<RunId>) -> Self {
        self.run = run;
        self
    }

    /// Sets pack, prompt and variables. Default: none.
    #[must_use]
    pub fn with_pack(mut self, pack: Option<PackRef>) -> Self {
        self.pack = pack;
        self
    }

    /// The record after a write that adds so many messages.
    pub(crate) fn written(&self, added: u64) -> Self {
        Self {
            version: self.version + 1,
            messages: self.messages + added,
            updated_at: Utc::now().trunc_subsecs(3).max(self.updated_at),
            ..self.clone()
        }
    }
}

/// Which messages of a conversation to read.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Window {
    /// None: the record alone.
    Record,
    /// The newest so many.
    Newest(usize),
    /// Those at these positions, from 0; positions beyond the end are no error.
    Range(Range<u64>),
    /// All.
    All,
}

impl Window {
    /// The positions of a conversation of so many messages that this means.
    pub fn positions(&self, messages: u64) -> Range<u64> {
        match self {
            Self::Record => messages..messages,
            Self::Newest(n) => messages.saturating_sub(*n as u64)..messages,
            Self::Range(range) => {
                let start = range.start.min(messages);
                start..range.end.clamp(start, messages)
            }
            Self::All => 0..messages,
        }
    }
}

/// A conversation as it was read: at one moment, never between two writes.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LoadedConversation {
    /// What is kept about it.
    pub record: ConversationRecord,
    /// Position of the first message that was read.
    pub first: u64,
    /// The messages that were asked for, oldest first.
    pub messages: Vec<Message>,
}

impl LoadedConversation {
    /// A record with the messages from a position on.
    pub fn new(record: ConversationRecord, first: u64, messages: Vec<Message>) -> Self {
        Self {
            record,
            first,
            messages,
        }
    }
}

/// Which conversations to list: newest write first, ties by id.
///
/// Those that are being deleted appear only where their status is asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct ConversationFilter {
    user: Option<UserId>,
    session: Option<SessionId>,
    status: Option<ConversationStatus>,
    limit: usize,
    after: Option<(DateTime<Utc>, ConversationId)>,
}

impl Default for ConversationFilter {
    fn default() -> Self {
        Self {
            user: None,
            session: None,
            status: None,
            limit: 1000,
            after: None,
        }
    }
}

impl ConversationFilter {
    /// All conversations.
    pub fn new() -> Self {
        Self::default()
    }

    /// Only those of a user. Default: of all.
    #[must_use]
    pub fn with_user(mut self, user: UserId) -> Self {
        self.user = Some(user);
        self
    }

    /// Only those of a session. Default: of all.
    #[must_use]
    pub fn with_session(mut self, session: SessionId) -> Self {
        self.session = Some(session);
        self
    }

    /// Only those of a status. Default: all that are not being deleted.
    #[must_use]
    pub fn with_status(mut self, status: ConversationStatus) -> Self {
        self.status = Some(status);
        self
    }

    /// At most so many. Default: 1000.
    #[must_use]
    pub fn with_limit(mut self, conversations: usize) -> Self {
        self.limit = conversations;
        self
    }

    /// Only those that come after this one: for the next page. Default: from the beginning.
    #[must_use]
    pub fn with_after(mut self, last: &ConversationRecord) -> Self {
        self.after = Some((last.updated_at, last.id.clone()));
        self
    }

    /// Whose conversations.
    pub fn user(&self) -> Option<&UserId> {
        self.user.as_ref()
    }

    /// Conversations of which session.
    pub fn session(&self) -> Option<&SessionId> {
        self.session.as_ref()
    }

    /// Conversations of which status.
    pub fn status(&self) -> Option<ConversationStatus> {
        self.status
    }

    /// How many at most.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Time and id of the conversation after which to begin.
    pub fn after(&self) -> Option<(DateTime<Utc>, &ConversationId)> {
        self.after.as_ref().map(|(at, id)| (*at, id))
    }

    /// Whether a conversation is asked for, limit apart.
    pub fn accepts(&self, record: &ConversationRecord) -> bool {
        let status = match self.status {
            Some(status) => record.status == status,
            None => record.status != ConversationStatus::Deleting,
        };
        let after = self.after.as_ref().is_none_or(|(at, id)| {
            record.updated_at < *at || record.updated_at == *at && record.id > *id
        });
        status
            && after
            && self
                .user
                .as_ref()
                .is_none_or(|user| record.user.as_ref() == Some(user))
            && self
                .session
                .as_ref()
                .is_none_or(|session| record.session.as_ref() == Some(session))
    }
}
