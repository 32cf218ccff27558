//! One conversation with its indexes.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use conversation_types::{MessageId, RawJson, TurnId};

use crate::error::StateError;
use crate::id::WriteId;
use crate::load::MessagePosition;
use crate::outcome::{Applied, NewConversation};
use crate::record::ConversationRecord;
use crate::reference::ReferenceKey;
use crate::transition::{
    Judgment, LoggedWrite, Plan, PlannedCut, PreparedWrite, StateView, TurnRow, creation_known,
    judge, judge_creation, tombstoned,
};
use crate::turn::TurnRecord;

/// References that a message has come to hold, or to hold no longer.
pub(crate) enum ReferenceChange {
    Added(MessageId, BTreeSet<ReferenceKey>),
    Removed(MessageId, BTreeSet<ReferenceKey>),
}

#[derive(Clone, Debug)]
pub(super) struct MessageRow {
    pub(super) id: MessageId,
    pub(super) slot: u64,
    pub(super) json: Box<str>,
    pub(super) references: BTreeSet<ReferenceKey>,
}

#[derive(Clone, Debug)]
pub(super) struct Slot {
    pub(super) branch: u32,
    pub(super) first: u64,
    pub(super) turn: Option<TurnRecord>,
}

/// A whole conversation as one value: record, turns, messages, planner rows and the log of writes.
///
/// Its JSON is the value of a store that keeps values under keys. Reading and writing it costs as much
/// as the conversation is long.
#[derive(Clone, Debug)]
pub struct ConversationDocument {
    pub(super) record: ConversationRecord,
    pub(super) changed: u64,
    pub(super) messages: BTreeMap<(u32, u64), MessageRow>,
    pub(super) places: HashMap<MessageId, (u32, u64)>,
    pub(super) slots: BTreeMap<u64, Slot>,
    pub(super) turns: HashMap<TurnId, u64>,
    pub(super) keys: HashMap<String, TurnId>,
    /// Slots of branch 0 that windows count.
    pub(super) in_context: BTreeSet<u64>,
    /// The messages of each slot.
    pub(super) members: BTreeSet<(u64, u32, u64)>,
    pub(super) log: BTreeMap<u64, LoggedWrite>,
    pub(super) planner: BTreeMap<String, RawJson>,
}

impl ConversationDocument {
    /// Creates the document of a new conversation. `changed` is the number of this change.
    ///
    /// # Errors
    /// As [`judge_creation`].
    pub fn create(
        new: &NewConversation,
        changed: u64,
        now: DateTime<Utc>,
    ) -> Result<Self, StateError> {
        let (record, log) = judge_creation(new, now)?;
        let mut document = Self::empty(record, changed);
        document.log.insert(log.version, log);
        Ok(document)
    }

    /// Creates a document with nothing but its record.
    pub(super) fn empty(record: ConversationRecord, changed: u64) -> Self {
        Self {
            record,
            changed,
            messages: BTreeMap::new(),
            places: HashMap::new(),
            slots: BTreeMap::new(),
            turns: HashMap::new(),
            keys: HashMap::new(),
            in_context: BTreeSet::new(),
            members: BTreeSet::new(),
            log: BTreeMap::new(),
            planner: BTreeMap::new(),
        }
    }

    /// Returns the record.
    pub fn record(&self) -> &ConversationRecord {
        &self.record
    }

    /// Returns the number of the newest change among the changes of all conversations.
    pub fn changed(&self) -> u64 {
        self.changed
    }

    /// Returns whether this write created the conversation.
    ///
    /// # Errors
    /// `Indeterminate` if that is no longer known.
    pub fn is_created_by(&self, write: WriteId) -> Result<bool, StateError> {
        if self.log.get(&1).is_some_and(|logged| logged.id == write) {
            return Ok(true);
        }
        creation_known(&self.record).map(|()| false)
    }

    /// Applies a write, or finds that an earlier attempt did. `changed` is the number of this change.
    ///
    /// # Errors
    /// As [`StateStore::apply`](crate::StateStore::apply); the document is then as it was.
    pub fn apply(
        &mut self,
        write: &PreparedWrite,
        changed: u64,
        now: DateTime<Utc>,
    ) -> Result<Applied, StateError> {
        self.apply_with_references(write, changed, now)
            .map(|(applied, _)| applied)
    }

    /// Applies a write, and returns what it changes about references.
    pub(crate) fn apply_with_references(
        &mut self,
        write: &PreparedWrite,
        changed: u64,
        now: DateTime<Utc>,
    ) -> Result<(Applied, Vec<ReferenceChange>), StateError> {
        match judge(self, &self.record, write, now)? {
            Judgment::Replayed(applied) => Ok((*applied, Vec::new())),
            Judgment::Apply(plan) => {
                let changes = self.carry_out(&plan, changed);
                Ok((plan.applied, changes))
            }
        }
    }

    /// Marks the conversation as being deleted, unless it is already. `changed` is the number of this
    /// change. Returns whether it was one.
    pub fn tombstone(&mut self, changed: u64, now: DateTime<Utc>) -> bool {
        let Some((record, log)) = tombstoned(&self.record, now) else {
            return false;
        };
        self.record = record;
        self.changed = changed;
        self.log.insert(log.version, log);
        true
    }

    /// Returns all references that messages hold, each once.
    pub fn references(&self) -> BTreeSet<&ReferenceKey> {
        let rows = self.messages.values();
        rows.flat_map(|row| &row.references).collect()
    }

    /// All references that messages hold, by message.
    pub(crate) fn references_by_message(
        &self,
    ) -> impl Iterator<Item = (&MessageId, &BTreeSet<ReferenceKey>)> {
        self.messages.values().map(|row| (&row.id, &row.references))
    }

    /// Carries out a plan. Returns what it changes about references.
    fn carry_out(&mut self, plan: &Plan<'_>, changed: u64) -> Vec<ReferenceChange> {
        let mut changes = Vec::new();
        for message in &plan.replace {
            let row = self.places.get(&message.id).copied();
            if let Some(row) = row.and_then(|place| self.messages.get_mut(&place)) {
                row.json = message.json.as_str().into();
                let old = std::mem::replace(&mut row.references, message.references.clone());
                changes.push(ReferenceChange::Removed(row.id.clone(), old));
                changes.push(ReferenceChange::Added(
                    row.id.clone(),
                    message.references.clone(),
                ));
            }
        }
        if let Some(cut) = &plan.cut {
            self.cut(cut, &mut changes);
        }
        for planned in &plan.turns {
            self.forget_slot(planned.slot);
            let slot = Slot {
                branch: planned.branch,
                first: planned.first,
                turn: planned.turn.clone(),
            };
            let in_context = planned.in_context && planned.branch == 0;
            self.add_slot(planned.slot, slot, in_context);
        }
        for new in &plan.append {
            let row = MessageRow {
                id: new.message.id.clone(),
                slot: new.slot,
                json: new.message.json.as_str().into(),
                references: new.message.references.clone(),
            };
            changes.push(ReferenceChange::Added(
                row.id.clone(),
                row.references.clone(),
            ));
            self.add_message((0, new.position), row);
        }
        for entry in plan.planner {
            self.planner.insert(entry.key.clone(), entry.value.clone());
        }
        self.record = plan.applied.record.clone();
        self.changed = changed;
        self.log.insert(plan.log.version, plan.log.clone());
        self.log = self.log.split_off(&plan.keep_log_from);
        changes
    }

    pub(super) fn add_slot(&mut self, number: u64, slot: Slot, in_context: bool) {
        if let Some(turn) = &slot.turn {
            self.turns.insert(turn.id.clone(), number);
            if let Some(key) = &turn.idempotency_key {
                self.keys.insert(key.clone(), turn.id.clone());
            }
        }
        if in_context {
            self.in_context.insert(number);
        }
        self.slots.insert(number, slot);
    }

    pub(super) fn add_message(&mut self, place: (u32, u64), row: MessageRow) {
        self.places.insert(row.id.clone(), place);
        self.members.insert((row.slot, place.0, place.1));
        self.messages.insert(place, row);
    }

    fn cut(&mut self, cut: &PlannedCut, changes: &mut Vec<ReferenceChange>) {
        let from = (0, cut.from);
        let places: Vec<_> = self
            .messages
            .range(from..(1, 0))
            .map(|(place, _)| *place)
            .collect();
        for place in places {
            let Some(row) = self.messages.remove(&place) else {
                continue;
            };
            self.members.remove(&(row.slot, place.0, place.1));
            match cut.branch {
                Some(branch) => {
                    let place = (branch, place.1);
                    self.add_message(place, row);
                }
                None => {
                    self.places.remove(&row.id);
                    changes.push(ReferenceChange::Removed(row.id, row.references));
                }
            }
        }
        let slots: Vec<u64> = self
            .slots
            .iter()
            .rev()
            .take_while(|(_, slot)| slot.branch != 0 || slot.first >= cut.from)
            .filter(|(_, slot)| slot.branch == 0)
            .map(|(slot, _)| *slot)
            .collect();
        for number in slots {
            self.in_context.remove(&number);
            match cut.branch {
                Some(branch) => {
                    if let Some(slot) = self.slots.get_mut(&number) {
                        slot.branch = branch;
                    }
                }
                None => self.forget_slot(number),
            }
        }
    }

    fn forget_slot(&mut self, number: u64) {
        self.in_context.remove(&number);
        if let Some(turn) = self.slots.remove(&number).and_then(|slot| slot.turn) {
            self.turns.remove(&turn.id);
            if let Some(key) = turn.idempotency_key {
                self.keys.remove(&key);
            }
        }
    }

    /// Returns the place of a message, on any branch.
    pub fn place(&self, id: &MessageId) -> Option<MessagePosition> {
        let (branch, position) = *self.places.get(id)?;
        Some(MessagePosition::new(branch, position))
    }

    pub(super) fn row(&self, id: &TurnId) -> Option<TurnRow> {
        let number = *self.turns.get(id)?;
        let slot = self.slots.get(&number)?;
        let turn = slot.turn.clone()?;
        Some(TurnRow::new(number, slot.branch, slot.first, turn))
    }
}

impl StateView for ConversationDocument {
    fn logged(&self, id: WriteId, base: u64) -> Result<Option<LoggedWrite>, StateError> {
        let mut since = self.log.range(base.saturating_add(1)..);
        Ok(since
            .find(|(_, logged)| logged.id == id)
            .map(|(_, logged)| logged.clone()))
    }

    fn logged_at(&self, version: u64) -> Result<Option<DateTime<Utc>>, StateError> {
        Ok(self.log.get(&version).map(|logged| logged.at))
    }

    fn turn(&self, id: &TurnId) -> Result<Option<TurnRow>, StateError> {
        Ok(self.row(id))
    }

    fn turn_with_key(&self, key: &str) -> Result<Option<TurnId>, StateError> {
        Ok(self.keys.get(key).cloned())
    }

    fn message(&self, id: &MessageId) -> Result<Option<MessagePosition>, StateError> {
        Ok(self.place(id))
    }
}
