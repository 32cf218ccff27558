//! Changes of a record's fields and of planner rows.

use std::collections::BTreeSet;

use conversation_types::RawJson;
use media_types::ConversationId;
use serde_json::{Map, Value};

use crate::record::{ConversationStatus, MediaStoreName};

/// Changes of a record's fields. `None` leaves a field as it is.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct RecordUpdate {
    /// The new title, or none.
    pub title: Option<Option<String>>,
    /// The new application data.
    pub metadata: Option<Map<String, Value>>,
    /// The new tags.
    pub tags: Option<BTreeSet<String>>,
    /// The new status. [`ConversationStatus::Deleting`] is set by
    /// [`tombstone`](crate::StateStore::tombstone) alone.
    pub status: Option<ConversationStatus>,
    /// The new number of messages that hold no media still to be externalized.
    pub externalized_through: Option<u64>,
    /// What the prompt is made from now, or nothing.
    pub prompt: Option<Option<Value>>,
    /// Media stores to add to the list.
    pub add_media_stores: Vec<MediaStoreName>,
    /// Conversations to add to the children.
    pub add_children: Vec<ConversationId>,
    /// Conversations to remove from the children.
    pub remove_children: Vec<ConversationId>,
    /// Fields of later versions to set.
    pub extra: Map<String, Value>,
}

impl RecordUpdate {
    /// Creates an update that changes nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the title. Defaults to the present one.
    #[must_use]
    pub fn with_title(mut self, title: Option<String>) -> Self {
        self.title = Some(title);
        self
    }

    /// Sets the application data. Defaults to the present.
    #[must_use]
    pub fn with_metadata(mut self, metadata: Map<String, Value>) -> Self {
        self.metadata = Some(metadata);
        self
    }

    /// Sets the tags. Defaults to the present ones.
    #[must_use]
    pub fn with_tags<T: Into<String>>(mut self, tags: impl IntoIterator<Item = T>) -> Self {
        self.tags = Some(tags.into_iter().map(Into::into).collect());
        self
    }

    /// Sets the status. Defaults to the present one.
    #[must_use]
    pub fn with_status(mut self, status: ConversationStatus) -> Self {
        self.status = Some(status);
        self
    }

    /// Sets the number of messages that hold no media still to be externalized. Defaults to the
    /// present one.
    #[must_use]
    pub fn with_externalized_through(mut self, messages: u64) -> Self {
        self.externalized_through = Some(messages);
        self
    }

    /// Sets what the prompt is made from. Defaults to the present.
    #[must_use]
    pub fn with_prompt(mut self, prompt: Option<Value>) -> Self {
        self.prompt = Some(prompt);
        self
    }

    /// Adds media stores. Defaults to none.
    #[must_use]
    pub fn with_media_stores(mut self, stores: impl IntoIterator<Item = MediaStoreName>) -> Self {
        self.add_media_stores.extend(stores);
        self
    }

    /// Adds children. Defaults to none.
    #[must_use]
    pub fn with_children(mut self, children: impl IntoIterator<Item = ConversationId>) -> Self {
        self.add_children.extend(children);
        self
    }
}

/// A row of a request planner.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PlannerEntry {
    /// The key: at most 1,024 bytes.
    pub key: String,
    /// The value: at most 4 KiB of JSON.
    pub value: RawJson,
}

impl PlannerEntry {
    /// Creates a row.
    pub fn new(key: impl Into<String>, value: RawJson) -> Self {
        Self {
            key: key.into(),
            value,
        }
    }
}
