//! A listener that remembers.

use std::sync::{Arc, Mutex};

use conversation_sdk::{Event, Listener};

#[derive(Clone, Debug, Default)]
pub(crate) struct Heard(Arc<Mutex<Vec<Event>>>);

impl Heard {
    pub(crate) fn events(&self) -> Vec<Event> {
        self.0.lock().unwrap().clone()
    }

    /// The words for what happened, in order.
    pub(crate) fn names(&self) -> Vec<&'static str> {
        let name = |event: &Event| match event {
            Event::MediaStored { .. } => "stored",
            Event::MediaRetrieved { .. } => "retrieved",
            Event::MediaMissing { .. } => "missing",
            Event::MediaDeleted { .. } => "deleted",
            Event::MediaKeptInline(_) => "kept-inline",
            Event::MediaExpired { .. } => "expired",
            Event::ToolCalled { .. } => "tool",
            Event::TurnSaved { .. } => "saved",
            Event::Warning { .. } => "warning",
            _ => "other",
        };
        self.events().iter().map(name).collect()
    }

    pub(crate) fn warnings(&self) -> Vec<String> {
        let warning = |event: &Event| match event {
            Event::Warning { message, .. } => Some(message.clone()),
            _ => None,
        };
        self.events().iter().filter_map(warning).collect()
    }
}

impl Listener for Heard {
    fn on_event(&self, event: &Event) {
        self.0.lock().unwrap().push(event.clone());
    }
}
