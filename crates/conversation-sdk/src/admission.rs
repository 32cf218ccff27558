//! A hook that may refuse turns: budgets and rates of users.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use conversation_types::{Cost, TokenUsage, TurnId};
use media_types::{ConversationId, UserId};

/// What is asked for when a turn is to begin.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AdmissionRequest {
    /// The user of the conversation.
    pub user: Option<UserId>,
    /// The conversation.
    pub conversation: ConversationId,
    /// The turn.
    pub turn: TurnId,
    /// A rough estimate of the input, from the bytes of the history and the message.
    pub estimated_input_tokens: u64,
}

/// What an attempt of a turn consumed.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Settlement {
    /// The tokens.
    pub usage: TokenUsage,
    /// The cost, where the price is known.
    pub cost: Option<Cost>,
}

/// A hook that may refuse turns before anything is stored or paid.
///
/// Each attempt that was admitted is settled exactly once, however it ends.
#[async_trait]
pub trait Admission: fmt::Debug + Send + Sync + 'static {
    /// Admits an attempt of a turn.
    ///
    /// # Errors
    /// The reason for which the turn is refused, for the caller. Without secrets.
    async fn admit(&self, request: &AdmissionRequest) -> Result<(), String>;

    /// Settles an attempt that was admitted.
    async fn settle(&self, request: &AdmissionRequest, settlement: Settlement);
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<T: Admission + ?Sized> Admission for Arc<T> {
    async fn admit(&self, request: &AdmissionRequest) -> Result<(), String> {
        self.as_ref().admit(request).await
    }
    async fn settle(&self, request: &AdmissionRequest, settlement: Settlement) {
        self.as_ref().settle(request, settlement).await;
    }
}
