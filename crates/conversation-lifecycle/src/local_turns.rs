//! The turns that run in this process.

use std::fmt;

use async_trait::async_trait;
use media_types::ConversationId;

/// The turns that run in this process, which a deletion stops and waits for. Turns of other nodes
/// are known by their leases.
#[async_trait]
pub trait LocalTurns: fmt::Debug + Send + Sync + 'static {
    /// Asks the turns of a conversation to end, because it is being deleted.
    fn stop(&self, conversation: &ConversationId);

    /// Returns whether a turn of a conversation runs in this process.
    fn is_running(&self, conversation: &ConversationId) -> bool;

    /// Waits until no turn of a conversation runs in this process. Cancel-safe.
    async fn ended(&self, conversation: &ConversationId);
}

/// A process that runs no turns.
#[derive(Debug)]
pub(crate) struct NoTurns;

#[async_trait]
impl LocalTurns for NoTurns {
    fn stop(&self, _: &ConversationId) {}

    fn is_running(&self, _: &ConversationId) -> bool {
        false
    }

    async fn ended(&self, _: &ConversationId) {}
}
