//! What is kept about a conversation beside its turns and messages.

use std::collections::BTreeSet;

use chrono::{DateTime, SubsecRound, Utc};
use conversation_types::TurnId;
use media_types::{ConversationId, RunId, SessionId, StorageReference, UserId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::id::Incarnation;

/// Status of a conversation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ConversationStatus {
    /// It is being created in steps, as a branch of another conversation, and is not ready.
    Creating,
    /// It can go on.
    #[default]
    Active,
    /// It has ended, and media that is deleted with it is being deleted.
    Ending,
    /// It has ended.
    Ended,
    /// It is being deleted. Nothing leads back from here, and no write is accepted.
    Deleting,
    /// A status that this version does not know. No write is accepted, but it can be deleted.
    #[serde(other)]
    Unknown,
}

impl ConversationStatus {
    /// Returns the word that stands for the status in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Creating => "creating",
            Self::Active => "active",
            Self::Ending => "ending",
            Self::Ended => "ended",
            Self::Deleting => "deleting",
            Self::Unknown => "unknown",
        }
    }
}

/// Backend and name of a media store.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[non_exhaustive]
pub struct MediaStoreName {
    /// The backend: `file`, `s3`, `memory`.
    pub backend: String,
    /// The name, where several stores of the backend are in use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

impl MediaStoreName {
    /// Creates the name of a store.
    pub fn new(backend: impl Into<String>, name: Option<String>) -> Self {
        Self {
            backend: backend.into(),
            name,
        }
    }
}

impl From<&StorageReference> for MediaStoreName {
    fn from(reference: &StorageReference) -> Self {
        Self::new(
            reference.backend(),
            reference.store_name().map(str::to_owned),
        )
    }
}

/// The conversation that another one was branched from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct BranchSource {
    /// The id of the original.
    pub conversation: ConversationId,
    /// The version of the original at that moment.
    pub version: u64,
}

impl BranchSource {
    /// Creates the source of a branch from a conversation at a version.
    pub fn new(conversation: ConversationId, version: u64) -> Self {
        Self {
            conversation,
            version,
        }
    }
}

/// Counters that belong to the store. Writers neither read nor set them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct RecordCounters {
    /// The epoch of the newest lease of any turn.
    pub lease_epoch: u64,
    /// The number of slots given out. Each turn has one, and so has each group of messages that
    /// belong to no turn; windows count them.
    pub slots: u64,
    /// The slot that the next message without a turn joins, unless it is a user's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open_slot: Option<u64>,
    /// The oldest version whose write is still known by its id.
    pub oldest_write: u64,
}

/// What is kept about a conversation beside its turns and messages.
///
/// Fields that this version does not know survive. Version 0.1 wrote `pack`, `messages` and
/// `externalized`; they are read into `prompt`, `message_count` and `externalized_through`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ConversationRecord {
    /// The id.
    pub id: ConversationId,
    /// The incarnation, which every write names.
    #[serde(default = "Incarnation::mint")]
    pub incarnation: Incarnation,
    /// The number of writes that were applied; every write adds one.
    #[serde(default)]
    pub version: u64,
    /// The number of writes that changed the history or the status of a turn.
    #[serde(default)]
    pub head: u64,
    /// The status.
    #[serde(default)]
    pub status: ConversationStatus,
    /// The user that owns the conversation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<UserId>,
    /// The session that the conversation belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionId>,
    /// The run that the conversation belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunId>,
    /// What the prompt is made from. Only its writer understands it.
    #[serde(default, alias = "pack", skip_serializing_if = "Option::is_none")]
    pub prompt: Option<Value>,
    /// The title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Application data. With the title at most 16 KiB of JSON.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub metadata: Map<String, Value>,
    /// Words to find the conversation by: at most 64 of at most 128 bytes.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub tags: BTreeSet<String>,
    /// When the conversation was created, by the store's clock.
    pub created_at: DateTime<Utc>,
    /// When the conversation was last written, by the store's clock.
    pub updated_at: DateTime<Utc>,
    /// The number of messages, without those that were cut off.
    #[serde(default, alias = "messages")]
    pub message_count: u64,
    /// The number of messages, from the first, that hold no media still to be externalized.
    #[serde(default, alias = "externalized")]
    pub externalized_through: u64,
    /// Every media store that was ever used: at most 64.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub media_stores: Vec<MediaStoreName>,
    /// The conversation that this one was started for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<ConversationId>,
    /// Conversations that were started for this one: at most 1,024.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub children: Vec<ConversationId>,
    /// The conversation that this one was branched from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<BranchSource>,
    /// How long media is kept that the conversation stores, as the text of a retention policy. Without,
    /// as the manager says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_retention: Option<String>,
    /// The turn that is running or suspended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current_turn: Option<TurnId>,
    /// The number of times that messages were cut off and kept. Those of the n-th time are on
    /// branch n; the history itself is branch 0.
    #[serde(default)]
    pub branch: u32,
    /// Counters of the store.
    #[serde(default)]
    pub counters: RecordCounters,
    /// Fields that this version does not know.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl ConversationRecord {
    /// Creates the record of a conversation that is not yet in a store, of a new incarnation.
    pub fn new(id: ConversationId) -> Self {
        // As precise as every store keeps it.
        let now = Utc::now().trunc_subsecs(3);
        Self {
            id,
            incarnation: Incarnation::mint(),
            version: 0,
            head: 0,
            status: ConversationStatus::Active,
            user: None,
            session: None,
            run: None,
            prompt: None,
            title: None,
            metadata: Map::new(),
            tags: BTreeSet::new(),
            created_at: now,
            updated_at: now,
            message_count: 0,
            externalized_through: 0,
            media_stores: Vec::new(),
            parent: None,
            children: Vec::new(),
            source: None,
            media_retention: None,
            current_turn: None,
            branch: 0,
            counters: RecordCounters::default(),
            extra: Map::new(),
        }
    }

    /// Sets the status. Defaults to [`ConversationStatus::Active`].
    #[must_use]
    pub fn with_status(mut self, status: ConversationStatus) -> Self {
        self.status = status;
        self
    }

    /// Sets the user that owns the conversation. Defaults to none.
    #[must_use]
    pub fn with_user(mut self, user: Option<UserId>) -> Self {
        self.user = user;
        self
    }

    /// Sets the session. Defaults to none.
    #[must_use]
    pub fn with_session(mut self, session: Option<SessionId>) -> Self {
        self.session = session;
        self
    }

    /// Sets the run. Defaults to none.
    #[must_use]
    pub fn with_run(mut self, run: Option<RunId>) -> Self {
        self.run = run;
        self
    }

    /// Sets what the prompt is made from. Defaults to none.
    #[must_use]
    pub fn with_prompt(mut self, prompt: Option<Value>) -> Self {
        self.prompt = prompt;
        self
    }

    /// Sets the title. Defaults to none.
    #[must_use]
    pub fn with_title(mut self, title: Option<String>) -> Self {
        self.title = title;
        self
    }

    /// Sets the application data. Defaults to none.
    #[must_use]
    pub fn with_metadata(mut self, metadata: Map<String, Value>) -> Self {
        self.metadata = metadata;
        self
    }

    /// Sets the tags. Defaults to none.
    #[must_use]
    pub fn with_tags<T: Into<String>>(mut self, tags: impl IntoIterator<Item = T>) -> Self {
        self.tags = tags.into_iter().map(Into::into).collect();
        self
    }

    /// Sets the conversation that this one is started for. Defaults to none.
    #[must_use]
    pub fn with_parent(mut self, parent: Option<ConversationId>) -> Self {
        self.parent = parent;
        self
    }

    /// Sets the conversation that this one is branched from. Defaults to none.
    #[must_use]
    pub fn with_source(mut self, source: Option<BranchSource>) -> Self {
        self.source = source;
        self
    }

    /// Sets how long media is kept that the conversation stores, as the text of a retention policy.
    /// Defaults to none.
    #[must_use]
    pub fn with_media_retention(mut self, retention: Option<String>) -> Self {
        self.media_retention = retention;
        self
    }

    /// Adds a media store, unless it is listed.
    pub fn add_media_store(&mut self, store: MediaStoreName) {
        if !self.media_stores.contains(&store) {
            self.media_stores.push(store);
        }
    }
}
