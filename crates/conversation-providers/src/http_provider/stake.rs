//! What a request may cost that its caller drops.

use conversation_types::{Cost, TokenUsage};

use crate::budget::AttemptBudget;
use crate::http::SendProgress;

/// What a request consumes as far as is known, noted in its budget if it is dropped after it was sent whole:
/// the provider answers all the same, and counts it.
pub(crate) struct Stake<'a> {
    budget: &'a AttemptBudget,
    progress: SendProgress,
    stake: Option<(TokenUsage, Option<Cost>)>,
}

impl<'a> Stake<'a> {
    pub(crate) fn new(
        budget: &'a AttemptBudget,
        progress: SendProgress,
        stake: (TokenUsage, Option<Cost>),
    ) -> Self {
        Self {
            budget,
            progress,
            stake: Some(stake),
        }
    }

    /// Ends the stake: the request has an outcome that says what it consumed.
    pub(crate) fn settle(mut self) {
        self.stake = None;
    }
}

impl Drop for Stake<'_> {
    fn drop(&mut self) {
        if let Some((usage, cost)) = self.stake.take()
            && self.progress.is_sent()
        {
            self.budget.add_abandoned(usage, cost);
        }
    }
}
