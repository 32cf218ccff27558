//! What a turn holds while it runs.

use std::sync::Arc;

use conversation_events::{EventSubject, TurnLog};
use conversation_externalizer::{FetchedMedia, PendingReferences};
use conversation_providers::AttemptBudget;
use conversation_providers::sink::ReceivedMedia;
use conversation_state::{ConversationRecord, Truncation, TurnRecord};
use conversation_types::{Cost, Message, TokenUsage, TurnId};
use tokio::time::Instant;

use super::lease::LeaseKeeper;
use super::permit::Permit;
use super::planner::TurnPlanner;
use super::progress::Progress;
use super::stop::StopSignal;
use crate::core::Core;
use crate::files::ConversationFiles;
use crate::options::TurnOptions;
use crate::prompt::ResolvedPrompt;

/// What every step of a turn needs and none changes.
#[derive(Clone, Debug)]
pub(crate) struct TurnScope {
    pub(crate) core: Arc<Core>,
    pub(crate) prompt: ResolvedPrompt,
    pub(crate) options: TurnOptions,
    pub(crate) log: Arc<TurnLog>,
    pub(crate) stop: StopSignal,
    pub(crate) started: Instant,
    /// What was fetched for a beginning that lost a race.
    pub(crate) fetched: FetchedMedia,
}

impl TurnScope {
    /// Whether the turn looks again after a lost race: it waits for others, or may be a repetition of one.
    pub(super) fn looks_again(&self) -> bool {
        self.options.wait.is_some() || self.options.idempotency_key.is_some()
    }
}

/// A turn that has begun: its user's message and its lease are in the state.
#[derive(Debug)]
pub(crate) struct Turn {
    pub(super) scope: TurnScope,
    /// The record as the last write left it.
    pub(super) record: ConversationRecord,
    /// The turn as the last write left it.
    pub(super) turn: TurnRecord,
    /// The turn as it was before this attempt, where it is tried again.
    pub(super) previous: Option<TurnRecord>,
    /// What this attempt replaces, as soon as it brings something.
    pub(super) truncate: Option<Truncation>,
    /// What earlier attempts consumed and cost.
    pub(super) before: (TokenUsage, Option<Cost>),
    /// The messages of earlier turns that go with every request.
    pub(super) history: Vec<Message>,
    pub(super) received: Arc<ReceivedMedia>,
    /// What was sent to each model.
    pub(super) planner: Arc<TurnPlanner>,
    /// What providers keep for the conversation.
    pub(super) files: Arc<ConversationFiles>,
    /// References that the state does not name yet.
    pub(super) pending: PendingReferences,
    pub(super) permit: Option<Permit>,
    pub(super) lease: LeaseKeeper,
    pub(super) progress: Progress,
    pub(super) budget: AttemptBudget,
}

impl Turn {
    /// What all attempts of the turn consumed, the answer that is arriving included.
    pub(super) fn total_usage(&self) -> TokenUsage {
        let open = self.progress.open.as_ref().map(|open| open.usage());
        self.before.0 + self.progress.usage + open.unwrap_or_default()
    }

    /// What all attempts of the turn cost, as far as prices are known, the answer that is arriving
    /// included.
    pub(super) fn total_cost(&self) -> Option<Cost> {
        let open = self.progress.open.as_ref().and_then(|open| open.cost());
        let costs = [self.before.1, self.progress.cost, open];
        costs.into_iter().flatten().reduce(|sum, cost| sum + cost)
    }

    pub(super) fn core(&self) -> &Core {
        &self.scope.core
    }

    pub(super) fn id(&self) -> &TurnId {
        &self.turn.id
    }

    pub(super) fn subject(&self) -> EventSubject {
        let mut subject = EventSubject::of(&self.record);
        subject.turn = Some(self.turn.id.clone());
        subject
    }
}
