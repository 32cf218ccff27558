//! Listeners hear of deletion and upkeep too.

use conversation_lifecycle::{LifecycleEvent, LifecycleObserver};

use crate::event::{EventKind, EventSubject};
use crate::listener::Listeners;

impl LifecycleObserver for Listeners {
    fn on_event(&self, event: &LifecycleEvent) {
        let kind = match event {
            LifecycleEvent::MediaExpired {
                references,
                freed_bytes,
                ..
            } => EventKind::MediaExpired {
                references: *references,
                freed_bytes: *freed_bytes,
            },
            LifecycleEvent::Warning { message, .. } => EventKind::Warning {
                message: message.clone(),
            },
            // What a later version tells has no event here yet.
            _ => return,
        };
        self.emit(&EventSubject::default(), kind);
    }
}
