//! The JSON of a document: what the indexes are made of, and not the indexes.

use std::collections::{BTreeMap, BTreeSet};

use conversation_types::{MessageId, RawJson};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::document::conversation::{ConversationDocument, MessageRow, Slot};
use crate::record::ConversationRecord;
use crate::reference::ReferenceKey;
use crate::transition::LoggedWrite;
use crate::turn::TurnRecord;

#[derive(Serialize, Deserialize)]
struct Form {
    record: ConversationRecord,
    changed: u64,
    slots: Vec<SlotForm>,
    messages: Vec<MessageForm>,
    planner: BTreeMap<String, RawJson>,
    log: Vec<LoggedWrite>,
}

#[derive(Serialize, Deserialize)]
struct SlotForm {
    slot: u64,
    branch: u32,
    first: u64,
    in_context: bool,
    turn: Option<TurnRecord>,
}

#[derive(Serialize, Deserialize)]
struct MessageForm {
    branch: u32,
    position: u64,
    slot: u64,
    id: MessageId,
    /// As text, so that what cannot be read stays as it is.
    message: Box<str>,
    references: BTreeSet<ReferenceKey>,
}

impl Serialize for ConversationDocument {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Form::from(self.clone()).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for ConversationDocument {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Form::deserialize(deserializer).map(Self::from)
    }
}

impl From<ConversationDocument> for Form {
    fn from(document: ConversationDocument) -> Self {
        let in_context = document.in_context;
        let slots = document.slots.into_iter().map(|(slot, held)| SlotForm {
            slot,
            branch: held.branch,
            first: held.first,
            in_context: in_context.contains(&slot),
            turn: held.turn,
        });
        let messages = document.messages.into_iter();
        let messages = messages.map(|((branch, position), row)| MessageForm {
            branch,
            position,
            slot: row.slot,
            id: row.id,
            message: row.json,
            references: row.references,
        });
        Self {
            record: document.record,
            changed: document.changed,
            slots: slots.collect(),
            messages: messages.collect(),
            planner: document.planner,
            log: document.log.into_values().collect(),
        }
    }
}

impl From<Form> for ConversationDocument {
    fn from(form: Form) -> Self {
        let mut document = Self::empty(form.record, form.changed);
        document.planner = form.planner;
        let log = form.log.into_iter();
        document.log = log.map(|logged| (logged.version, logged)).collect();
        for held in form.slots {
            let slot = Slot {
                branch: held.branch,
                first: held.first,
                turn: held.turn,
            };
            document.add_slot(held.slot, slot, held.in_context);
        }
        for held in form.messages {
            let row = MessageRow {
                id: held.id,
                slot: held.slot,
                json: held.message,
                references: held.references,
            };
            document.add_message((held.branch, held.position), row);
        }
        document
    }
}
