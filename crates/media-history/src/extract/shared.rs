//! What all levels of strings in strings share.

use crate::report::LeftValue;
use crate::settings::Rules;

use super::value::{Event, Hold};
use super::watch::Watch;

/// What all levels share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) rules: Rules,
    /// The text up to the next event.
    pub(crate) out: Vec<u8>,
    pub(crate) events: Vec<Event>,
    pub(crate) left: Vec<LeftValue>,
    pub(crate) watch: Watch,
    pub(crate) document: u64,
    pub(crate) next_id: u64,
    /// Whether a line break followed a whole value: the history is JSON Lines.
    pub(crate) is_lines: bool,
}

impl Shared {
    pub(crate) fn new(rules: Rules) -> Self {
        Self {
            rules,
            out: Vec::new(),
            events: Vec::new(),
            left: Vec::new(),
            watch: Watch::default(),
            document: 0,
            next_id: 0,
            is_lines: false,
        }
    }

    /// Writes text that follows an event, if there is one.
    pub(super) fn give_back(&mut self, event: Option<Event>, text: &[u8]) {
        match event {
            Some(event) => {
                let hold = Hold {
                    raw: text.to_vec(),
                    spill: None,
                };
                self.events.extend([event, Event::Held(hold)]);
            }
            None => self.out.extend_from_slice(text),
        }
    }
}
