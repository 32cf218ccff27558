//! Listeners for events.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use chrono::Utc;

use crate::event::{Event, EventKind, EventSubject};

/// Code that hears what happens. Closures of `Fn(&Event)` are listeners too.
///
/// Called where it happens, in the middle of turns: be quick and do not block. A panic is logged and
/// changes nothing else.
pub trait Listener: Send + Sync + 'static {
    /// Called for each event.
    fn on_event(&self, event: &Event);
}

impl<F: Fn(&Event) + Send + Sync + 'static> Listener for F {
    fn on_event(&self, event: &Event) {
        self(event);
    }
}

impl Listener for Arc<dyn Listener> {
    fn on_event(&self, event: &Event) {
        self.as_ref().on_event(event);
    }
}

/// Several listeners, and the log. Cheap to clone.
#[derive(Clone, Default)]
pub struct Listeners(Arc<[Box<dyn Listener>]>);

impl Listeners {
    /// Creates a group of listeners.
    pub fn new(listeners: Vec<Box<dyn Listener>>) -> Self {
        Self(listeners.into())
    }

    /// Reports an event to every listener, and to the log.
    pub fn emit(&self, subject: &EventSubject, kind: EventKind) {
        let event = Event {
            at: Utc::now(),
            subject: subject.clone(),
            kind,
        };
        log(&event);
        for (index, listener) in self.0.iter().enumerate() {
            // A turn must not depend on code that only looks on.
            if catch_unwind(AssertUnwindSafe(|| listener.on_event(&event))).is_err() {
                tracing::error!(listener = index, "a listener panicked");
            }
        }
    }

    /// Reports that something has less than its full effect.
    pub fn warn(&self, subject: &EventSubject, message: impl Into<String>) {
        self.emit(
            subject,
            EventKind::Warning {
                message: message.into(),
            },
        );
    }
}

impl fmt::Debug for Listeners {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Listeners({})", self.0.len())
    }
}

fn log(event: &Event) {
    let conversation = event.subject.conversation.as_ref().map(ToString::to_string);
    match &event.kind {
        EventKind::Warning { message } => tracing::warn!(conversation, "{message}"),
        EventKind::SaveFailed { error } => {
            tracing::error!(conversation, %error, "a save whose caller is gone failed");
        }
        EventKind::MediaMissing { reference } => {
            tracing::warn!(
                conversation,
                media = reference.file_name(),
                "media is missing"
            );
        }
        EventKind::MediaKeptInline(kept) => {
            tracing::warn!(conversation, reason = %kept.reason, "media stays inline");
        }
        EventKind::TurnFailed { error, .. } | EventKind::TurnInterrupted { error, .. } => {
            tracing::info!(conversation, %error, "the turn ended early");
        }
        other => {
            // Serialized, an event holds neither text nor bytes.
            let kind = serde_json::to_string(other).unwrap_or_default();
            tracing::debug!(conversation, event = %kind, "conversation event");
        }
    }
}
