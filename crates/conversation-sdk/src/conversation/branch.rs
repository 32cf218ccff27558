//! Branches: conversations that begin as copies of others.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use conversation_events::{ConversationError, ConversationErrorKind as Kind};
use conversation_lifecycle::{WorkLease, name_of};
use conversation_providers::RESPONSE_ID;
use conversation_state::{
    BranchSource, ConversationRecord, ConversationStatus, Fence, LoadOptions, LoadedConversation,
    NewConversation, RecordUpdate, StateWrite, TurnRecord, TurnStatus, Window, WriteOutcome,
};
use conversation_types::{Message, MessageId, TokenUsage, TurnId};
use media_storage::Scope;
use media_types::ConversationId;

use super::copy::copy_message;
use super::handle::Conversation;
use crate::core::Core;
use crate::turn;

/// How many messages are copied in one write.
const STEP: u64 = 16;

impl Conversation {
    /// Starts another conversation with a copy of the history up to a message, which is included.
    /// It belongs to the same user and session, and its media is its own: what shares bytes in the
    /// store goes on sharing them, expires when the original does, and stays when the original is
    /// deleted. Media that is gone becomes an omitted part. Turns keep their status; what they
    /// consumed and cost stays with the original.
    ///
    /// The branch cannot be used before it is whole. Where this fails or the future is dropped,
    /// nothing of it is left, at the latest after an hour.
    ///
    /// # Errors
    /// `NotFound` also where the history has no such message; `Ended`, `Conflict` where the message
    /// was cut off in the process, `LeaseLost`, `Storage`, `State`, `StateOutcomeUnknown`.
    pub async fn branch(&self, at: &MessageId) -> Result<Conversation, ConversationError> {
        self.core.check_open()?;
        let options = LoadOptions::new(Window::MetadataOnly);
        let source = turn::load(&self.core, &self.known, &options).await?.record;
        // An erasure waits for whatever stores media of its user.
        let lease = match &source.user {
            Some(user) => Some(self.core.lifecycle.take_upload_slot(user).await?),
            None => None,
        };
        let steps = Box::pin(branch(&self.core, source, at, lease.as_ref()));
        let branched = match &lease {
            // Each step looks whether it is held.
            Some(lease) => lease.renewed(steps).await,
            None => steps.await,
        };
        if let Some(lease) = lease {
            lease.release().await;
        }
        let (core, prompt) = (Arc::clone(&self.core), self.prompt.clone());
        branched.map(|record| Self::new(core, prompt, record))
    }
}

/// Creates a branch; one that fails is deleted.
async fn branch(
    core: &Arc<Core>,
    source: ConversationRecord,
    at: &MessageId,
    lease: Option<&WorkLease>,
) -> Result<ConversationRecord, ConversationError> {
    let end = position_of(core, &source, at).await? + 1;
    let branching = Branching::begin(core, source).await?;
    let id = branching.record.id.clone();
    let branched = branching.run(at, end, lease).await;
    if branched.is_err()
        && let Err(left) = core.lifecycle.delete_conversation(&id).await
    {
        tracing::debug!(%left, branch = %id, "an unfinished branch is left to upkeep");
    }
    branched
}

fn no_such_message() -> ConversationError {
    ConversationError::new(Kind::NotFound).with_detail("the conversation has no such message")
}

async fn position_of(
    core: &Core,
    source: &ConversationRecord,
    at: &MessageId,
) -> Result<u64, ConversationError> {
    let place = core.state.find_message(&source.id, at).await?;
    let place = place.filter(|place| place.branch == 0);
    Ok(place.ok_or_else(no_such_message)?.position)
}

/// A branch that is being created.
struct Branching<'a> {
    core: &'a Arc<Core>,
    source: ConversationRecord,
    /// The record of the branch, as the last write left it.
    record: ConversationRecord,
    /// The turns of the branch, by those of the original: turns of two conversations never share an
    /// id.
    turns: HashMap<TurnId, TurnId>,
    scope: Option<Scope>,
}

impl<'a> Branching<'a> {
    async fn begin(
        core: &'a Arc<Core>,
        source: ConversationRecord,
    ) -> Result<Self, ConversationError> {
        let from = BranchSource::new(source.id.clone(), source.version);
        let mut record = ConversationRecord::new(ConversationId::mint())
            .with_status(ConversationStatus::Creating)
            .with_user(source.user.clone())
            .with_session(source.session.clone())
            .with_run(source.run.clone())
            .with_prompt(source.prompt.clone())
            .with_title(source.title.clone())
            .with_metadata(source.metadata.clone())
            .with_tags(source.tags.clone())
            .with_media_retention(source.media_retention.clone())
            .with_source(Some(from));
        // Before the first duplicate, so that a deletion looks there.
        for store in source.media_stores.iter().cloned() {
            record.add_media_store(store);
        }
        for store in core.stores.all() {
            record.add_media_store(name_of(store));
        }
        let created = core.state.create(NewConversation::new(record)).await?;
        Ok(Self {
            core,
            scope: core.reference_scope(&source),
            source,
            record: created.into_record(),
            turns: HashMap::new(),
        })
    }

    async fn run(
        mut self,
        at: &MessageId,
        end: u64,
        lease: Option<&WorkLease>,
    ) -> Result<ConversationRecord, ConversationError> {
        let mut position = 0;
        while position < end {
            let until = end.min(position + STEP);
            let window = Window::Range(position..until);
            let loaded = self.load_source(LoadOptions::new(window)).await?;
            if (loaded.messages.len() as u64) < until - position {
                return Err(ConversationError::new(Kind::Conflict));
            }
            if let Some(lease) = lease
                && !lease.renew().await?
            {
                return Err(ConversationError::new(Kind::LeaseLost));
            }
            self.copy(&loaded).await?;
            position = until;
        }
        // An edit between two steps would have mixed two histories.
        if position_of(self.core, &self.source, at).await? + 1 != end {
            return Err(ConversationError::new(Kind::Conflict));
        }
        self.load_source(LoadOptions::new(Window::MetadataOnly))
            .await?;
        let done = self.source.externalized_through.min(end);
        let update = RecordUpdate::new()
            .with_status(ConversationStatus::Active)
            .with_externalized_through(done);
        let fence = Fence::Version(self.record.version);
        let write = StateWrite::new(&self.record, fence).with_record(update);
        self.write(write).await?;
        Ok(self.record)
    }

    async fn load_source(
        &self,
        options: LoadOptions,
    ) -> Result<LoadedConversation, ConversationError> {
        let loaded = self.core.state.load(&self.source.id, options).await?;
        let loaded = loaded.filter(|loaded| {
            loaded.record.incarnation == self.source.incarnation
                && loaded.record.status != ConversationStatus::Deleting
        });
        loaded.ok_or_else(|| ConversationError::new(Kind::NotFound))
    }

    async fn copy(&mut self, loaded: &LoadedConversation) -> Result<(), ConversationError> {
        let mut messages: Vec<Message> = Vec::with_capacity(loaded.messages.len());
        let mut turns = Vec::new();
        let mut seen = HashSet::new();
        for stored in &loaded.messages {
            let mut message = stored.message.clone();
            if let Some(original) = &stored.message.turn
                && let Some(turn) = loaded.turn(original)
            {
                let is_new = !self.turns.contains_key(original);
                let id = self.turns.entry(original.clone());
                let id = id.or_insert_with(TurnId::mint).clone();
                if is_new && seen.insert(original.clone()) {
                    turns.push(copied_turn(turn, id.clone()));
                }
                message.turn = Some(id);
            } else {
                message.turn = None;
            }
            // What the provider keeps of an answer goes with the original.
            message.metadata.remove(RESPONSE_ID);
            let scope = self.scope.as_ref();
            messages.push(copy_message(self.core, &message, scope, &self.record).await?);
        }
        let fence = Fence::Head {
            head: self.record.head,
            turn: None,
        };
        let write = StateWrite::new(&self.record, fence).with_append(messages);
        let write = turns.into_iter().fold(write, StateWrite::with_turn);
        self.write(write).await
    }

    async fn write(&mut self, write: StateWrite) -> Result<(), ConversationError> {
        let core = self.core;
        let writer = core.writer();
        match writer.write(write).await {
            WriteOutcome::Committed(applied) => {
                self.record = applied.record;
                Ok(())
            }
            WriteOutcome::NotCommitted(error) => Err(error.into()),
            WriteOutcome::Indeterminate(error) => {
                Err(ConversationError::new(Kind::StateOutcomeUnknown).with_source(error))
            }
        }
    }
}

/// The turn of a branch: over, and paid for elsewhere.
fn copied_turn(original: &TurnRecord, id: TurnId) -> TurnRecord {
    let mut turn = original.clone();
    turn.id = id;
    if turn.status.is_open() {
        turn.status = TurnStatus::Interrupted;
        turn.ended_at = Some(turn.started_at);
    }
    turn.usage = TokenUsage::default();
    turn.cost = None;
    turn.attempts = 0;
    turn.epoch = 0;
    turn.lease = None;
    turn.idempotency_key = None;
    turn.fingerprint = None;
    turn.cancel_requested = false;
    turn.pending.clear();
    turn.replaced_through = 0;
    turn
}
