//! Reading a window of a document.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use crate::document::conversation::ConversationDocument;
use crate::load::{LoadOptions, LoadedConversation, StoredMessage, Window};
use crate::stored::read_message;
use crate::update::PlannerEntry;

impl ConversationDocument {
    /// Reads what is asked for.
    pub fn load(&self, options: &LoadOptions, now: DateTime<Utc>) -> LoadedConversation {
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
