//! What deletion and upkeep tell while they run.

use std::fmt;

/// Something that deletion or upkeep did or found by itself. It names no user and carries no text.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LifecycleEvent {
    /// A sweep removed expired media.
    #[non_exhaustive]
    MediaExpired {
        /// The number of references.
        references: u64,
        /// The bytes of storage that became free.
        freed_bytes: u64,
    },
    /// Something has less than its full effect.
    #[non_exhaustive]
    Warning {
        /// The text of the warning.
        message: String,
    },
}

/// Code that hears what deletion and upkeep do by themselves. It must be quick and not block.
pub trait LifecycleObserver: fmt::Debug + Send + Sync + 'static {
    /// Called for each event.
    fn on_event(&self, event: &LifecycleEvent);
}

/// Writes events to the log.
#[derive(Debug)]
pub(crate) struct LogObserver;

impl LifecycleObserver for LogObserver {
    fn on_event(&self, event: &LifecycleEvent) {
        match event {
            LifecycleEvent::Warning { message } => tracing::warn!("{message}"),
            other => tracing::debug!(event = ?other, "lifecycle event"),
        }
    }
}
