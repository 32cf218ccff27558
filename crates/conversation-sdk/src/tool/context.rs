//! What a turn gives to its tools.

use crate::receive::MediaReceiver;

/// What a turn gives to its tools. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct ToolContext {
    receiver: MediaReceiver,
}

impl ToolContext {
    /// The context of a tool that is called outside of any turn.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets where media goes that the tool makes. Default: into memory, as inline content.
    #[must_use]
    pub fn with_receiver(mut self, receiver: MediaReceiver) -> Self {
        self.receiver = receiver;
        self
    }

    /// Where media goes that the tool makes.
    pub fn receiver(&self) -> &MediaReceiver {
        &self.receiver
    }
}
