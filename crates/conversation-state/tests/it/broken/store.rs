//! A store with a mistake.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use conversation_state::conformance::{Harness, MemoryHarness};
use conversation_state::*;
use conversation_types::Message;
use media_types::ConversationId;

/// A mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bug {
    None,
    /// A repetition is a write of its own.
    ForgetsWriteIds,
    /// Unknown repetitions are called conflicts.
    SaysConflictWhenUnsure,
    /// A taken key is called a conflict.
    SaysConflictForKeys,
    /// Writes fit any incarnation.
    IgnoresIncarnation,
    /// Writes are made on the newest head and version.
    IgnoresFences,
    /// Messages and turns are written one after the other.
    WritesInTwoSteps,
    /// Each creation is a new one.
    ForgetsCreations,
    /// Creation keys are forgotten.
    ForgetsKeys,
    /// A renewal sets the end of the lease, also to an earlier time: here, it does nothing.
    IgnoresRenewals,
    /// The wish to cancel is lost.
    LosesCancel,
    /// Windows of turns count all messages.
    CountsMessages,
    /// JSON is read and written anew.
    ReformatsJson,
    /// Unknown fields of the record are lost.
    LosesUnknownFields,
    /// Messages that were cut off are part of every window.
    ShowsBranches,
    /// What was cut off is removed.
    RemovesBranches,
    /// Deleted ids are free at once.
    ForgetsTombstones,
    /// Purging does nothing.
    PurgesNothing,
    /// The second phase of a list by change is left out.
    MissesChanges,
    /// Cursors are not checked.
    TakesAnyCursor,
    /// References are looked up by their ids alone.
    IgnoresStoreNames,
    /// Messages without media are not asked, and neither is the rest.
    NamesNothing,
    /// The first time that a reference was seen is the last.
    ForgetsFirstSeen,
    /// Anybody gets a lease.
    LeasesToAll,
    /// Fences of users never end.
    FencesForEver,
    /// Text ends at NUL.
    EndsAtNul,
    /// A planner row is not written.
    LosesPlanner,
}

#[derive(Debug)]
pub(super) struct Broken {
    inner: Arc<dyn StateStore>,
    bug: Bug,
}

impl Broken {
    fn is(&self, bug: Bug) -> bool {
        self.bug == bug
    }
}

pub(super) struct BrokenHarness {
    pub(super) inner: MemoryHarness,
    pub(super) bug: Bug,
}

#[async_trait]
impl Harness for BrokenHarness {
    async fn open(&self) -> Arc<dyn StateStore> {
        Arc::new(Broken {
            inner: self.inner.open().await,
            bug: self.bug,
        })
    }
    async fn advance(&self, by: Duration) {
        self.inner.advance(by).await;
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl StateStore for Broken {
    forward_state!(
        self => self.inner;
        info, limits, durability, now, find_message, user_fence, lift_fence, release_lease,
        referenced_by, forget_unnamed,
    );

    async fn create(&self, mut new: NewConversation) -> Result<Created, StateError> {
        if self.is(Bug::ForgetsCreations) {
            new.write = WriteId::mint();
        }
        if self.is(Bug::ForgetsKeys) {
            new.key = None;
        }
        self.inner.create(new).await
    }

    async fn load(
        &self,
        id: &ConversationId,
        mut options: LoadOptions,
    ) -> Result<Option<LoadedConversation>, StateError> {
        if let (Bug::CountsMessages, Window::NewestTurns(turns)) = (self.bug, &options.window) {
            options.window = Window::NewestMessages(turns.saturating_mul(2));
        }
        options.include_branches |= self.is(Bug::ShowsBranches);
        let mut loaded = self.inner.load(id, options).await?;
        if let Some(loaded) = &mut loaded {
            if self.is(Bug::LosesUnknownFields) {
                loaded.record.extra.clear();
            }
            for stored in &mut loaded.messages {
                if self.is(Bug::ReformatsJson) {
                    let value = serde_json::to_value(&stored.message).unwrap();
                    let id = stored.message.id.clone();
                    stored.message = serde_json::from_value::<Message>(value)
                        .unwrap()
                        .with_id(id);
                }
                if self.is(Bug::EndsAtNul) {
                    let json = serde_json::to_string(&stored.message).unwrap();
                    let json = json.replace("\\u0000", "");
                    stored.message = serde_json::from_str(&json).unwrap();
                }
            }
        }
        Ok(loaded)
    }

    async fn apply(&self, mut write: StateWrite) -> Result<Applied, StateError> {
        let window = LoadOptions::new(Window::MetadataOnly);
        let held = self.inner.load(&write.conversation, window).await?;
        if let Some(held) = &held {
            let record = &held.record;
            if self.is(Bug::IgnoresIncarnation) {
                write.incarnation = record.incarnation;
            }
            if self.is(Bug::IgnoresFences) {
                match &mut write.fence {
                    Fence::Head { head, .. } | Fence::TakeOver { head, .. } => *head = record.head,
                    Fence::Version(version) => *version = record.version,
                    _ => {}
                }
            }
        }
        if self.is(Bug::ForgetsWriteIds) {
            write.id = WriteId::mint();
        }
        if self.is(Bug::LosesCancel) {
            write.cancel_turn = None;
        }
        if self.is(Bug::LosesPlanner) {
            write.planner.clear();
        }
        if self.is(Bug::IgnoresRenewals) && matches!(write.lease, LeaseChange::Hold(_)) {
            write.lease = LeaseChange::Keep;
        }
        if let (Bug::RemovesBranches, Some(cut)) = (self.bug, &mut write.truncate) {
            cut.mode = TruncationMode::Remove;
        }
        if self.is(Bug::WritesInTwoSteps) && !write.append.is_empty() && held.is_some() {
            let mut first = write.clone();
            first.append.clear();
            first.id = WriteId::mint();
            if let Ok(applied) = self.inner.apply(first).await {
                write.fence = Fence::Head {
                    head: applied.head,
                    turn: applied
                        .record
                        .current_turn
                        .map(|turn| TurnFence::new(turn, applied.epoch.unwrap_or_default())),
                };
                write.turns.clear();
                write.lease = LeaseChange::Keep;
                write.truncate = None;
            }
        }
        self.inner.apply(write).await.map_err(|error| {
            let unsure = error.kind() == StateErrorKind::Indeterminate
                && self.is(Bug::SaysConflictWhenUnsure);
            let key = error.kind() == StateErrorKind::KeyTaken && self.is(Bug::SaysConflictForKeys);
            match unsure || key {
                true => StateError::new(StateErrorKind::Conflict, "apply write to conversation"),
                false => error,
            }
        })
    }

    async fn list(&self, filter: &ConversationFilter) -> Result<ConversationPage, StateError> {
        let listed = self.inner.list(filter).await;
        if self.is(Bug::TakesAnyCursor) && listed.is_err() {
            return self.inner.list(&filter.clone().with_cursor(None)).await;
        }
        let mut page = listed?;
        if self.is(Bug::MissesChanges)
            && filter.order == ListOrder::Changed
            && page.records.len() < filter.page_size()
        {
            page.next = None;
        }
        Ok(page)
    }

    async fn tombstone(
        &self,
        id: &ConversationId,
        keep: Duration,
    ) -> Result<Option<ConversationRecord>, StateError> {
        let keep = match self.is(Bug::ForgetsTombstones) {
            true => Duration::ZERO,
            false => keep,
        };
        self.inner.tombstone(id, keep).await
    }

    async fn purge(&self, id: &ConversationId) -> Result<(), StateError> {
        match self.is(Bug::PurgesNothing) {
            true => Ok(()),
            false => self.inner.purge(id).await,
        }
    }

    async fn fence_user(&self, hash: &[u8], ttl: Duration) -> Result<(), StateError> {
        let ttl = match self.is(Bug::FencesForEver) {
            true => Duration::MAX,
            false => ttl,
        };
        self.inner.fence_user(hash, ttl).await
    }
    async fn acquire_lease(
        &self,
        name: &str,
        owner: &str,
        ttl: Duration,
    ) -> Result<bool, StateError> {
        let acquired = self.inner.acquire_lease(name, owner, ttl).await?;
        Ok(acquired || self.is(Bug::LeasesToAll))
    }

    async fn references(&self, keys: &[ReferenceKey]) -> Result<Vec<bool>, StateError> {
        let mut keys = keys.to_vec();
        if self.is(Bug::IgnoresStoreNames) {
            keys.iter_mut().for_each(|key| key.store = None);
        }
        let named = self.inner.references(&keys).await?;
        let nothing = self.is(Bug::NamesNothing);
        Ok(named.into_iter().map(|named| named && !nothing).collect())
    }
    async fn observe_unnamed(
        &self,
        keys: &[ReferenceKey],
    ) -> Result<Vec<DateTime<Utc>>, StateError> {
        if self.is(Bug::ForgetsFirstSeen) {
            self.inner.forget_unnamed(keys).await?;
        }
        self.inner.observe_unnamed(keys).await
    }
}
