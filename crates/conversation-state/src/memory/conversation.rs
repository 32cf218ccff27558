//! One conversation in memory.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use conversation_types::{MessageId, RawJson, TurnId};

use crate::error::StateError;
use crate::id::WriteId;
use crate::load::{LoadOptions, LoadedConversation, MessagePosition, StoredMessage, Window};
use crate::record::ConversationRecord;
use crate::reference::ReferenceKey;
use crate::stored::read_message;
use crate::transition::{LoggedWrite, Plan, PlannedCut, StateView, TurnRow};
use crate::turn::TurnRecord;
use crate::update::PlannerEntry;

/// References that a message has come to hold, or to hold no longer.
pub(super) enum ReferenceChange {
    Added(MessageId, BTreeSet<ReferenceKey>),
    Removed(MessageId, BTreeSet<ReferenceKey>),
}

#[derive(Debug)]
struct MessageRow {
    id: MessageId,
    slot: u64,
    json: Box<str>,
    references: BTreeSet<ReferenceKey>,
}

#[derive(Debug)]
struct Slot {
    branch: u32,
    first: u64,
    turn: Option<TurnRecord>,
}

/// One conversation with its indexes.
#[derive(Debug)]
pub(super) struct Conversation {
    pub(super) record: ConversationRecord,
    /// The number of its newest change among those of all conversations.
    pub(super) changed: u64,
    messages: BTreeMap<(u32, u64), MessageRow>,
    places: HashMap<MessageId, (u32, u64)>,
    slots: BTreeMap<u64, Slot>,
    turns: HashMap<TurnId, u64>,
    keys: HashMap<String, TurnId>,
    /// Slots of branch 0 that windows count.
    in_context: BTreeSet<u64>,
    /// The messages of each slot.
    members: BTreeSet<(u64, u32, u64)>,
    log: BTreeMap<u64, LoggedWrite>,
    planner: HashMap<String, RawJson>,
}

impl Conversation {
    pub(super) fn new(record: ConversationRecord, log: LoggedWrite, changed: u64) -> Self {
        let mut new = Self {
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
            planner: HashMap::new(),
        };
        new.add_log(log);
        new
    }

    pub(super) fn created_by(&self, write: WriteId) -> bool {
        self.log.get(&1).is_some_and(|logged| logged.id == write)
    }

    pub(super) fn add_log(&mut self, log: LoggedWrite) {
        self.log.insert(log.version, log);
    }

    /// All references that messages hold, by message.
    pub(super) fn references(&self) -> impl Iterator<Item = (&MessageId, &BTreeSet<ReferenceKey>)> {
        self.messages.values().map(|row| (&row.id, &row.references))
    }

    /// Carries out a plan. Returns what it changes about references.
    pub(super) fn carry_out(&mut self, plan: &Plan<'_>, changed: u64) -> Vec<ReferenceChange> {
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
            if let Some(turn) = &planned.turn {
                self.turns.insert(turn.id.clone(), planned.slot);
                if let Some(key) = &turn.idempotency_key {
                    self.keys.insert(key.clone(), turn.id.clone());
                }
            }
            if planned.in_context {
                self.in_context.insert(planned.slot);
            }
            let slot = Slot {
                branch: 0,
                first: planned.first,
                turn: planned.turn.clone(),
            };
            self.slots.insert(planned.slot, slot);
        }
        for new in &plan.append {
            let place = (0, new.position);
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
            self.places.insert(row.id.clone(), place);
            self.members.insert((new.slot, place.0, place.1));
            self.messages.insert(place, row);
        }
        for entry in plan.planner {
            self.planner.insert(entry.key.clone(), entry.value.clone());
        }
        self.record = plan.applied.record.clone();
        self.changed = changed;
        self.add_log(plan.log.clone());
        self.log = self.log.split_off(&plan.keep_log_from);
        changes
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
                    self.places.insert(row.id.clone(), place);
                    self.members.insert((row.slot, place.0, place.1));
                    self.messages.insert(place, row);
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

    pub(super) fn place(&self, id: &MessageId) -> Option<MessagePosition> {
        let (branch, position) = *self.places.get(id)?;
        Some(MessagePosition::new(branch, position))
    }

    fn row(&self, id: &TurnId) -> Option<TurnRow> {
        let number = *self.turns.get(id)?;
        let slot = self.slots.get(&number)?;
        let turn = slot.turn.clone()?;
        Some(TurnRow::new(number, slot.branch, slot.first, turn))
    }

    /// Reads what is asked for.
    pub(super) fn load(&self, options: &LoadOptions, now: DateTime<Utc>) -> LoadedConversation {
        let mut loaded = LoadedConversation::new(self.record.clone(), now);
        let places = self.window(&options.window, options.include_branches);
        let mut slots = BTreeSet::new();
        for (place, row) in places
            .iter()
            .filter_map(|place| self.messages.get_key_value(place))
        {
            slots.insert(row.slot);
            let message = read_message(&row.id, row.json.as_bytes());
            loaded
                .messages
                .push(StoredMessage::new(place.1, place.0, message));
        }
        let named = [&self.record.current_turn, &options.turn];
        slots.extend(
            named
                .into_iter()
                .flatten()
                .filter_map(|id| self.turns.get(id)),
        );
        // Turns of the window that have no messages.
        match &options.window {
            Window::NewestTurns(n) => slots.extend(self.in_context.iter().rev().take(*n)),
            Window::Turn(id) => slots.extend(self.turns.get(id)),
            _ => {}
        }
        let turns = slots.iter().filter_map(|slot| self.slots.get(slot));
        loaded.turns = turns.filter_map(|slot| slot.turn.clone()).collect();
        let keyed = options.key.as_ref().and_then(|key| self.keys.get(key));
        loaded.keyed_turn = keyed.and_then(|id| self.row(id)).map(|row| row.turn);
        for key in &options.planner {
            if let Some(value) = self.planner.get(key) {
                loaded.planner.push(PlannerEntry::new(key, value.clone()));
            }
        }
        loaded
    }

    fn window(&self, window: &Window, branches: bool) -> BTreeSet<(u32, u64)> {
        if let Some(range) = window.positions(self.record.message_count) {
            let mut places: BTreeSet<_> = self
                .messages
                .range((0, range.start)..(0, range.end))
                .map(|(place, _)| *place)
                .collect();
            if branches {
                // A branch may reach beyond the end of the history.
                let beyond = match window {
                    Window::Range(asked) => asked.clone(),
                    Window::MetadataOnly => 0..0,
                    _ => range.start..u64::MAX,
                };
                let cut_off = self.messages.range((1, 0)..).map(|(place, _)| *place);
                places.extend(cut_off.filter(|place| beyond.contains(&place.1)));
            }
            return places;
        }
        let slots: Vec<u64> = match window {
            Window::NewestTurns(n) => self.in_context.iter().rev().take(*n).copied().collect(),
            Window::Turn(id) => self.turns.get(id).copied().into_iter().collect(),
            _ => Vec::new(),
        };
        let members = slots
            .into_iter()
            .flat_map(|slot| self.members.range((slot, 0, 0)..(slot + 1, 0, 0)));
        let shown = |branch: u32| branch == 0 || branches || matches!(window, Window::Turn(_));
        members
            .map(|(_, branch, position)| (*branch, *position))
            .filter(|(branch, _)| shown(*branch))
            .collect()
    }
}

impl StateView for Conversation {
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
