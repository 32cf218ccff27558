//! What all handles of a store in memory share.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use conversation_types::MessageId;
use media_types::{ConversationId, UserId};

use crate::document::{ConversationDocument, ReferenceChange};
use crate::pruning::Pruning;
use crate::reference::ReferenceKey;

/// The key under which a user created a conversation; all that have no user are as one.
pub(super) type CreationKey = (Option<UserId>, String);

#[derive(Default)]
pub(super) struct Shared {
    pub(super) conversations: HashMap<ConversationId, ConversationDocument>,
    pub(super) changes: u64,
    pub(super) creation_keys: HashMap<CreationKey, ConversationId>,
    /// When the tombstones of ids end.
    pub(super) tombstones: HashMap<ConversationId, DateTime<Utc>>,
    pub(super) fences: HashMap<Vec<u8>, DateTime<Utc>>,
    pub(super) leases: HashMap<String, (String, DateTime<Utc>)>,
    pub(super) referenced: BTreeMap<ReferenceKey, BTreeSet<(ConversationId, MessageId)>>,
    pub(super) by_conversation: BTreeSet<(ConversationId, ReferenceKey)>,
    pub(super) unnamed: HashMap<ReferenceKey, DateTime<Utc>>,
    pub(super) pruning: Pruning,
}

impl Shared {
    pub(super) fn change_references(&mut self, id: &ConversationId, changes: Vec<ReferenceChange>) {
        for change in changes {
            match change {
                ReferenceChange::Added(message, keys) => {
                    for key in keys {
                        self.unnamed.remove(&key);
                        self.by_conversation.insert((id.clone(), key.clone()));
                        let holders = self.referenced.entry(key).or_default();
                        holders.insert((id.clone(), message.clone()));
                    }
                }
                ReferenceChange::Removed(message, keys) => {
                    for key in keys {
                        self.remove_reference(id, &message, key);
                    }
                }
            }
        }
    }

    pub(super) fn remove_reference(
        &mut self,
        id: &ConversationId,
        message: &MessageId,
        key: ReferenceKey,
    ) {
        let Some(holders) = self.referenced.get_mut(&key) else {
            return;
        };
        holders.remove(&(id.clone(), message.clone()));
        if !holders.iter().any(|(holder, _)| holder == id) {
            self.by_conversation.remove(&(id.clone(), key.clone()));
        }
        if holders.is_empty() {
            self.referenced.remove(&key);
        }
    }

    pub(super) fn is_refused(&self, id: &ConversationId, now: DateTime<Utc>) -> bool {
        self.tombstones.get(id).is_some_and(|until| now < *until)
    }
}
