//! What deletions report.

use chrono::{DateTime, Utc};
use conversation_state::MediaStoreName;
use media_storage::{CopiesReport, SweepReport};
use media_types::ConversationId;
use serde::{Deserialize, Serialize};

/// Whether everything is gone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum DeletionStatus {
    /// Something is left, and the receipt says what and why. Nothing new can come, and any node
    /// goes on with what is left.
    #[default]
    InProgress,
    /// Everything is gone: a pass that began after the last turn had ended found nothing.
    Complete,
}

/// What was removed from one media store.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PlaceReceipt {
    /// The backend of the store.
    pub backend: String,
    /// The name of the store, where several of the backend are in use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The number of references that were deleted.
    pub references: u64,
    /// The bytes of storage that became free.
    pub freed_bytes: u64,
    /// Whether only media was looked for that the state names, because the store has no inventory.
    /// Media of a turn that was killed may be left in such a store.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_references: bool,
    /// The number of copies that were removed from a cache of this node in front of the store.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub cached_copies: u64,
    /// The number of other running caches on this node. Their copies cannot be read any more and go
    /// by eviction, and so do those on other nodes.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub other_caches: u64,
    /// The number of references that were kept although they may belong to the scope: what was
    /// stored about their owner is lost.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unattributed: u64,
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl PlaceReceipt {
    pub(crate) fn new(store: &MediaStoreName) -> Self {
        Self {
            backend: store.backend.clone(),
            name: store.name.clone(),
            ..Self::default()
        }
    }

    pub(crate) fn with_report(mut self, report: &SweepReport) -> Self {
        self.references = report.references();
        self.freed_bytes = report.freed_bytes;
        self.cached_copies = report.cached_copies;
        self.other_caches = report.other_caches;
        self.unattributed = report.unattributed;
        self
    }

    /// Adds what was removed from a store to what was removed from it before.
    pub(crate) fn add_to(self, places: &mut Vec<Self>) {
        let same = |place: &&mut Self| place.backend == self.backend && place.name == self.name;
        match places.iter_mut().find(same) {
            Some(place) => {
                place.references += self.references;
                place.freed_bytes += self.freed_bytes;
                place.by_references |= self.by_references;
                place.cached_copies += self.cached_copies;
                place.other_caches = place.other_caches.max(self.other_caches);
                place.unattributed = place.unattributed.max(self.unattributed);
            }
            None => places.push(self),
        }
    }
}

/// What was removed from one place outside of the media stores.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CopiesReceipt {
    /// The place, for example files at a provider.
    pub place: String,
    /// The number of copies that were removed.
    pub copies: u64,
    /// Their bytes, as far as they are known.
    pub bytes: u64,
}

impl CopiesReceipt {
    pub(crate) fn new(place: &str, report: &CopiesReport) -> Self {
        Self {
            place: place.to_owned(),
            copies: report.removed,
            bytes: report.bytes,
        }
    }

    /// Adds what was removed from a place to what was removed from it before.
    pub(crate) fn add_to(self, places: &mut Vec<Self>) {
        match places.iter_mut().find(|held| held.place == self.place) {
            Some(held) => {
                held.copies += self.copies;
                held.bytes += self.bytes;
            }
            None => places.push(self),
        }
    }
}

/// What keeps a deletion from being complete.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Obstacle {
    /// This node does not have a media store that the conversation used.
    #[non_exhaustive]
    StoreMissing {
        /// The store.
        store: MediaStoreName,
    },
    /// A media store failed.
    #[non_exhaustive]
    StoreFailed {
        /// The store.
        store: MediaStoreName,
        /// The failure, without secrets.
        detail: String,
    },
    /// Media is on hold and stays until it is released.
    #[non_exhaustive]
    OnHold {
        /// The store.
        store: MediaStoreName,
        /// The number of references.
        references: u64,
    },
    /// A media store cannot list what belongs to a user.
    #[non_exhaustive]
    NoInventory {
        /// The store.
        store: MediaStoreName,
    },
    /// A place outside of the media stores cannot be asked.
    #[non_exhaustive]
    CopiesFailed {
        /// The place.
        place: String,
        /// The failure, without secrets.
        detail: String,
    },
    /// A place outside of the media stores keeps copies.
    #[non_exhaustive]
    CopiesKept {
        /// The place.
        place: String,
        /// The number of copies.
        copies: u64,
        /// The reason, as the place gives it.
        detail: String,
    },
    /// A turn on another node may still store media until its lease is over.
    #[non_exhaustive]
    TurnLeased {
        /// The conversation.
        conversation: ConversationId,
        /// When the lease is over, by the state store's clock.
        until: DateTime<Utc>,
    },
    /// An upload of the user is still running.
    UploadRunning,
    /// Another node is deleting the conversation.
    #[non_exhaustive]
    OtherNode {
        /// The conversation.
        conversation: ConversationId,
    },
    /// The record of a conversation of the user cannot be read, and the state store cannot remove it
    /// without.
    #[non_exhaustive]
    Unreadable {
        /// The conversation.
        conversation: ConversationId,
        /// The failure, without secrets.
        detail: String,
    },
    /// Media kept arriving while it was deleted.
    #[non_exhaustive]
    StillArriving {
        /// The conversation.
        conversation: Option<ConversationId>,
    },
}

impl Obstacle {
    /// Whether waiting a little is all that it takes.
    pub(crate) fn passes(&self) -> bool {
        matches!(
            self,
            Self::TurnLeased { .. } | Self::UploadRunning | Self::OtherNode { .. }
        )
    }
}

/// What the deletion of a conversation has done so far.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DeletionReceipt {
    /// The conversation.
    pub conversation: ConversationId,
    /// Whether everything is gone.
    pub status: DeletionStatus,
    /// The number of conversations whose state is gone: this one and those that were started for
    /// it.
    pub conversations: u64,
    /// What was removed from each media store.
    pub places: Vec<PlaceReceipt>,
    /// What was removed from each place outside of the media stores.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub copies: Vec<CopiesReceipt>,
    /// What is left, and why.
    pub obstacles: Vec<Obstacle>,
}

impl DeletionReceipt {
    pub(crate) fn new(conversation: ConversationId) -> Self {
        Self {
            conversation,
            status: DeletionStatus::InProgress,
            conversations: 0,
            places: Vec::new(),
            copies: Vec::new(),
            obstacles: Vec::new(),
        }
    }

    /// Returns whether everything is gone.
    pub fn is_complete(&self) -> bool {
        self.status == DeletionStatus::Complete
    }

    /// Returns when the last turn on another node is over, where one is in the way.
    pub fn leased_until(&self) -> Option<DateTime<Utc>> {
        let ends = self.obstacles.iter().filter_map(|obstacle| match obstacle {
            Obstacle::TurnLeased { until, .. } => Some(*until),
            _ => None,
        });
        ends.max()
    }
}

/// What unfinished deletions have come to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FinishedDeletions {
    /// The number of deletions and ends of conversations that are complete now.
    pub finished: u64,
    /// The number of those that are not.
    pub unfinished: u64,
    /// The first of those that are not: at most 100.
    pub receipts: Vec<DeletionReceipt>,
}

/// What the erasure of a user has done so far. It names the user by a keyed hash alone, so that it
/// can be kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ErasureReceipt {
    /// The keyed hash of the user, in hexadecimal digits.
    pub user_hash: String,
    /// Whether everything is gone. Where it is not, erase the user again later.
    pub status: DeletionStatus,
    /// When the erasure was asked for, by the state store's clock.
    pub started_at: DateTime<Utc>,
    /// When it was found complete, by the state store's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<DateTime<Utc>>,
    /// The number of conversations whose state is gone.
    pub conversations: u64,
    /// What was removed from each media store.
    pub places: Vec<PlaceReceipt>,
    /// What was removed from each place outside of the media stores.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub copies: Vec<CopiesReceipt>,
    /// What could not be removed, and why.
    pub obstacles: Vec<Obstacle>,
    /// Providers that this manager sends to. What they keep of requests and answers is theirs to
    /// say; an erasure reaches only the copies that `copies` lists.
    pub providers: Vec<String>,
}

impl ErasureReceipt {
    /// Returns whether everything is gone.
    pub fn is_complete(&self) -> bool {
        self.status == DeletionStatus::Complete
    }
}
