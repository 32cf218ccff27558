//! What listeners hear of one request to the model.

use std::time::Duration;

use conversation_events::{ConversationError, EventKind};
use conversation_providers::{Completion, ProviderError};
use conversation_types::TokenUsage;

/// A request of a turn, named until its answer says who really answered.
pub(super) struct Request {
    pub(super) provider: String,
    pub(super) model: String,
    pub(super) round: u64,
    /// How often it was sent, the first time included.
    pub(super) attempts: u32,
}

/// Returns the events of a request that was answered, or failed.
pub(super) fn of_request(
    request: Request,
    outcome: &Result<Completion, ConversationError>,
    usage: TokenUsage,
    duration: Duration,
) -> Vec<EventKind> {
    let (provider, model) = match outcome {
        Ok(completion) => (completion.provider.clone(), completion.model.clone()),
        Err(_) => (request.provider, request.model),
    };
    let round = request.round;
    let mut events = Vec::with_capacity(3);
    let retries = request.attempts.saturating_sub(1);
    if retries > 0 {
        let (provider, model) = (provider.clone(), model.clone());
        events.push(EventKind::provider_retried(provider, model, round, retries));
    }
    let refusal = outcome.as_ref().err().and_then(provider_error);
    if let Some(kind) = refusal
        .map(ProviderError::kind)
        .filter(|kind| kind.is_refusal())
    {
        let (provider, model) = (provider.clone(), model.clone());
        events.push(EventKind::provider_refused(provider, model, round, kind));
    }
    let is_error = outcome.is_err();
    events.push(EventKind::provider_called(
        provider, model, round, is_error, usage, duration,
    ));
    events
}

/// Returns the provider's own error of a request that failed by it.
pub(super) fn provider_error(error: &ConversationError) -> Option<&ProviderError> {
    std::error::Error::source(error).and_then(|source| source.downcast_ref())
}
