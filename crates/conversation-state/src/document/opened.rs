//! A place while it is in use: its index, and documents by their ids.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use media_types::ConversationId;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::clock::later;
use crate::document::conversation::ConversationDocument;
use crate::document::place::LockedPlace;
use crate::error::{StateError, StateErrorKind};
use crate::id::StoreId;
use crate::reference::ReferenceKey;

/// The key of the index.
const INDEX: &str = "index";
/// The longest time that a term is extended by.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 86_400);

/// What is kept beside the documents. It is written before them: it may name too much, never too little.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Index {
    pub(super) id: StoreId,
    pub(super) created_at: DateTime<Utc>,
    pub(super) changes: u64,
    /// The numbers of the documents.
    pub(super) documents: BTreeMap<ConversationId, u64>,
    next_document: u64,
    /// Conversations by user and key.
    pub(super) creations: BTreeMap<String, ConversationId>,
    /// Tombstones, fences and leases: whose they are, and until when.
    pub(super) terms: BTreeMap<String, (String, DateTime<Utc>)>,
    pub(super) unnamed: Vec<(ReferenceKey, DateTime<Utc>)>,
}

impl Index {
    /// Returns a term that has not ended.
    pub(super) fn term(&self, name: &str, now: DateTime<Utc>) -> Option<&(String, DateTime<Utc>)> {
        self.terms.get(name).filter(|(_, until)| now < *until)
    }

    /// Sets a term, whose end never moves back unless it has an owner.
    pub(super) fn extend(&mut self, name: String, owner: &str, ttl: Duration, now: DateTime<Utc>) {
        self.terms.retain(|_, (_, until)| now < *until);
        let mut end = later(now, ttl.min(LONGEST));
        if let Some((_, held)) = self.terms.get(&name)
            && owner.is_empty()
        {
            end = end.max(*held);
        }
        self.terms.insert(name, (owner.to_owned(), end));
    }
}

/// A locked place, its index, and the time.
pub(super) struct Opened<'a> {
    place: Box<dyn LockedPlace + 'a>,
    pub(super) index: Index,
    pub(super) now: DateTime<Utc>,
}

impl<'a> Opened<'a> {
    pub(super) fn new(
        mut place: Box<dyn LockedPlace + 'a>,
        now: DateTime<Utc>,
    ) -> Result<Self, StateError> {
        let held = place.get(INDEX)?;
        let is_new = held.is_none();
        let index = match held {
            Some(json) => read(&json, INDEX)?,
            None => Index {
                id: StoreId::mint(),
                created_at: now,
                changes: 0,
                documents: BTreeMap::new(),
                next_document: 0,
                creations: BTreeMap::new(),
                terms: BTreeMap::new(),
                unnamed: Vec::new(),
            },
        };
        let mut opened = Self { place, index, now };
        if is_new {
            opened.save_index()?;
        }
        Ok(opened)
    }

    pub(super) fn save_index(&mut self) -> Result<(), StateError> {
        let json = write(&self.index, INDEX)?;
        self.place.put(INDEX, &json)
    }

    /// Returns the number of a change that is about to be made.
    pub(super) fn next_change(&mut self) -> u64 {
        self.index.changes += 1;
        self.index.changes
    }

    pub(super) fn document(
        &mut self,
        id: &ConversationId,
    ) -> Result<Option<ConversationDocument>, StateError> {
        let Some(number) = self.index.documents.get(id) else {
            return Ok(None);
        };
        let json = self.place.get(&key(*number))?;
        json.map(|json| read(&json, id.as_str())).transpose()
    }

    pub(super) fn documents(&mut self) -> Result<Vec<ConversationDocument>, StateError> {
        let ids: Vec<_> = self.index.documents.keys().cloned().collect();
        let mut documents = Vec::with_capacity(ids.len());
        for id in ids {
            documents.extend(self.document(&id)?);
        }
        Ok(documents)
    }

    /// Writes the index, and then the document.
    pub(super) fn save(&mut self, document: &ConversationDocument) -> Result<(), StateError> {
        let id = &document.record().id;
        let json = write(document, id.as_str())?;
        let number = match self.index.documents.get(id) {
            Some(number) => *number,
            None => {
                self.index.next_document += 1;
                let number = self.index.next_document;
                self.index.documents.insert(id.clone(), number);
                number
            }
        };
        self.save_index()?;
        self.place.put(&key(number), &json)
    }

    /// Removes a document, and then its entry.
    pub(super) fn remove(&mut self, id: &ConversationId) -> Result<(), StateError> {
        if let Some(number) = self.index.documents.get(id).copied() {
            self.place.remove(&key(number))?;
            self.index.documents.remove(id);
            self.save_index()?;
        }
        Ok(())
    }
}

fn key(number: u64) -> String {
    format!("conversation-{number}")
}

fn read<T: DeserializeOwned>(json: &[u8], subject: &str) -> Result<T, StateError> {
    serde_json::from_slice(json).map_err(|error| {
        StateError::new(StateErrorKind::Corrupted, "read conversation document")
            .with_subject(subject)
            .with_source(error)
    })
}

fn write<T: Serialize>(value: &T, subject: &str) -> Result<Vec<u8>, StateError> {
    serde_json::to_vec(value).map_err(|error| {
        StateError::new(StateErrorKind::InvalidInput, "write conversation document")
            .with_subject(subject)
            .with_source(error)
    })
}
