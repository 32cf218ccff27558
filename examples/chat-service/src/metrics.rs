//! What is counted, in the text format of Prometheus.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use conversation_sdk::{Event, Listener};

/// Counts the events of a manager by their kind. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Metrics(Arc<Mutex<BTreeMap<String, u64>>>);

impl Listener for Metrics {
    fn on_event(&self, event: &Event) {
        let event = serde_json::to_value(&event.kind).unwrap_or_default();
        let Some(kind) = event["event"].as_str() else {
            return;
        };
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry(kind.to_owned()).or_default() += 1;
    }
}

impl Metrics {
    /// Returns all counts.
    pub(crate) fn text(&self) -> String {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = "# HELP chat_events_total Events of conversations, by kind.\n\
                        # TYPE chat_events_total counter\n"
            .to_owned();
        for (kind, count) in counts.iter() {
            let _ = writeln!(text, "chat_events_total{{kind=\"{kind}\"}} {count}");
        }
        text
    }
}
