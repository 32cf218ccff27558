//! Conversations in memory: the default, and the readable reference implementation.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use media_types::ConversationId;

use super::{
    ConversationFilter, ConversationRecord, ConversationStatus, LoadedConversation, StateError,
    StateErrorKind, StateStore, Window, next_record, no_such_position,
};
use crate::message::Message;

/// Keeps conversations in memory; they are gone with the process. Clones share what is kept.
///
/// Messages are kept as the JSON that every other store keeps, so that what is read back is what
/// would be read back anywhere.
#[derive(Clone, Default)]
pub struct InMemoryStateStore {
    shared: Arc<Mutex<HashMap<ConversationId, Held>>>,
}

struct Held {
    record: ConversationRecord,
    messages: Vec<Box<str>>,
}

impl InMemoryStateStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    fn held(&self) -> MutexGuard<'_, HashMap<ConversationId, Held>> {
        // No code panics while it holds the lock, and the map is whole between any two calls.
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for InMemoryStateStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InMemoryStateStore")
            .field("conversations", &self.held().len())
            .finish()
    }
}

fn write(message: &Message) -> Result<Box<str>, StateError> {
    serde_json::to_string(message)
        .map(String::into_boxed_str)
        .map_err(|error| StateError::new(StateErrorKind::Other).with_source(error))
}

#[async_trait]
impl StateStore for InMemoryStateStore {
    async fn load(
        &self,
        id: &ConversationId,
        window: Window,
    ) -> Result<Option<LoadedConversation>, StateError> {
        let (record, first, json) = {
            let held = self.held();
            let Some(conversation) = held.get(id) else {
                return Ok(None);
            };
            let positions = window.positions(conversation.record.messages);
            let range = positions.start as usize..positions.end as usize;
            let json = conversation.messages[range].to_vec();
            (conversation.record.clone(), positions.start, json)
        };
        let messages = json
            .iter()
            .map(|json| serde_json::from_str(json))
            .collect::<Result<_, _>>()
            .map_err(|error| StateError::new(StateErrorKind::Corrupted).with_source(error))?;
        Ok(Some(LoadedConversation::new(record, first, messages)))
    }

    async fn append(
        &self,
        record: &ConversationRecord,
        expected_version: u64,
        messages: &[Message],
    ) -> Result<ConversationRecord, StateError> {
        let json: Vec<_> = messages.iter().map(write).collect::<Result<_, _>>()?;
        let mut held = self.held();
        let conversation = held.get(&record.id).map(|held| &held.record);
        let next = next_record(conversation, record, expected_version, json.len() as u64)?;
        let conversation = held.entry(record.id.clone()).or_insert_with(|| Held {
            record: next.clone(),
            messages: Vec::new(),
        });
        conversation.record = next.clone();
        conversation.messages.extend(json);
        Ok(next)
    }

    async fn replace(
        &self,
        record: &ConversationRecord,
        expected_version: u64,
        messages: &[(u64, Message)],
    ) -> Result<ConversationRecord, StateError> {
        let json: Vec<_> = messages
            .iter()
            .map(|(position, message)| Ok((*position, write(message)?)))
            .collect::<Result<_, StateError>>()?;
        let mut held = self.held();
        let Some(conversation) = held.get_mut(&record.id) else {
            return Err(StateError::new(StateErrorKind::NotFound));
        };
        let next = next_record(Some(&conversation.record), record, expected_version, 0)?;
        if let Some((position, _)) = json.iter().find(|(at, _)| *at >= next.messages) {
            return Err(no_such_position(*position));
        }
        for (position, json) in json {
            conversation.messages[position as usize] = json;
        }
        conversation.record = next.clone();
        Ok(next)
    }

    async fn set_status(
        &self,
        id: &ConversationId,
        status: ConversationStatus,
    ) -> Result<Option<ConversationRecord>, StateError> {
        let mut held = self.held();
        let Some(conversation) = held.get_mut(id) else {
            return Ok(None);
        };
        if conversation.record.status != ConversationStatus::Deleting {
            conversation.record = conversation.record.written(0);
            conversation.record.status = status;
        }
        Ok(Some(conversation.record.clone()))
    }

    async fn delete(&self, id: &ConversationId) -> Result<(), StateError> {
        self.held().remove(id);
        Ok(())
    }

    async fn list(
        &self,
        filter: &ConversationFilter,
    ) -> Result<Vec<ConversationRecord>, StateError> {
        let mut records: Vec<_> = self
            .held()
            .values()
            .map(|held| &held.record)
            .filter(|record| filter.accepts(record))
            .cloned()
            .collect();
        records.sort_by(|a, b| {
            b.updated_at
                .cmp(&a.updated_at)
                .then_with(|| a.id.cmp(&b.id))
        });
        records.truncate(filter.limit());
        Ok(records)
    }
}
