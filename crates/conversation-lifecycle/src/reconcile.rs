//! Removing media that no state names.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::TimeDelta;
use conversation_state::{
    ConversationStatus, LoadOptions, ReferenceKey, StateError, StateErrorKind, StoreInfo,
    TurnStatus, Window,
};
use futures_util::StreamExt;
use media_storage::{DeleteOptions, Entry, Inventory, MediaStorage, Scope, StorageErrorKind};
use media_types::ConversationId;
use media_types::readable::causes;

use crate::core::Core;
use crate::error::LifecycleError;
use crate::reconcile_report::{ReconcileOptions, ReconcileReport, StoreReconciliation};
use crate::stores::name_of;

/// How many references the state is asked about at a time.
const BATCH: usize = 256;
/// Deleting more than one in this many references of a store needs to be forced, above the floor.
const GUARD: u64 = 10;

/// Compares every store with the state and deletes what no state has named for long.
///
/// # Errors
/// Those of the state store, which is the truth: where it cannot be read nothing is deleted.
pub(crate) async fn reconcile(
    core: &Core,
    options: &ReconcileOptions,
) -> Result<ReconcileReport, LifecycleError> {
    let info = core.state.info().await?;
    let mut report = ReconcileReport::default();
    for store in core.stores.all() {
        match store.inventory() {
            Some(inventory) => {
                let pass = StorePass {
                    core,
                    info: &info,
                    options,
                    store,
                    conversations: HashMap::new(),
                    report: StoreReconciliation::new(name_of(store)),
                    due: Vec::new(),
                };
                report.stores.push(pass.run(inventory).await?);
            }
            None => report.without_inventory.push(name_of(store)),
        }
    }
    Ok(report)
}

/// One pass over one store.
struct StorePass<'a> {
    core: &'a Core,
    info: &'a StoreInfo,
    options: &'a ReconcileOptions,
    store: &'a Arc<dyn MediaStorage>,
    /// Whether media of conversations that were looked at in this batch is left alone.
    conversations: HashMap<ConversationId, Protection>,
    report: StoreReconciliation,
    /// What may be deleted, up to the number that is asked for.
    due: Vec<Candidate>,
}

/// Media of a conversation that may be deleted.
struct Candidate {
    entry: Entry,
    conversation: ConversationId,
}

/// How the state of a conversation protects media that it does not name.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Protection {
    /// Something may still name it.
    Protected,
    /// Nothing names it any more.
    None,
    /// There is no such conversation.
    NoRecord,
}

impl StorePass<'_> {
    async fn run(
        mut self,
        inventory: &dyn Inventory,
    ) -> Result<StoreReconciliation, LifecycleError> {
        let own = self.info.id.to_string();
        let mut entries = inventory.list(Scope::All);
        let mut batch = Vec::with_capacity(BATCH);
        while let Some(entry) = entries.next().await {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    tracing::debug!(error = %causes(&error), "an item of a store cannot be read");
                    self.report.failed += 1;
                    continue;
                }
            };
            let conversation = entry.metadata.conversation().cloned();
            match conversation.filter(|_| entry.metadata.state_store() == Some(own.as_str())) {
                Some(conversation) => batch.push(Candidate {
                    entry,
                    conversation,
                }),
                None => self.report.foreign += 1,
            }
            if batch.len() == BATCH {
                self.examine(std::mem::take(&mut batch)).await?;
            }
        }
        self.examine(batch).await?;
        self.report.guarded = self.report.due > self.options.guard_floor()
            && self.report.due * GUARD > self.report.examined
            && !self.options.force();
        if !self.options.dry_run() && !self.report.guarded {
            self.delete().await?;
        }
        Ok(self.report)
    }

    /// Asks the state about some media.
    async fn examine(&mut self, batch: Vec<Candidate>) -> Result<(), LifecycleError> {
        self.report.examined += batch.len() as u64;
        let keys: Vec<ReferenceKey> = batch.iter().map(Candidate::key).collect();
        let named = self.core.state.references(&keys).await?;
        let unnamed: Vec<Candidate> = batch
            .into_iter()
            .zip(named)
            .filter_map(|(candidate, is_named)| (!is_named).then_some(candidate))
            .collect();
        if unnamed.is_empty() {
            return Ok(());
        }
        self.report.unnamed += unnamed.len() as u64;
        let keys: Vec<ReferenceKey> = unnamed.iter().map(Candidate::key).collect();
        let first_seen = self.core.state.observe_unnamed(&keys).await?;
        let grace = TimeDelta::from_std(self.options.grace()).unwrap_or(TimeDelta::MAX);
        let now = self.core.state.now().await?;
        self.conversations.clear();
        for (candidate, seen) in unnamed.into_iter().zip(first_seen) {
            if now - seen < grace {
                self.report.waiting += 1;
            } else if self.is_protected(&candidate).await? {
                self.report.protected += 1;
            } else {
                self.report.due += 1;
                if self.due.len() < self.options.max_deletions() {
                    self.due.push(candidate);
                }
            }
        }
        Ok(())
    }

    async fn is_protected(&mut self, candidate: &Candidate) -> Result<bool, LifecycleError> {
        let id = &candidate.conversation;
        let protection = match self.conversations.get(id) {
            Some(protection) => *protection,
            None => {
                let protection = protection_of(self.core, id).await?;
                self.conversations.insert(id.clone(), protection);
                protection
            }
        };
        Ok(match protection {
            Protection::Protected => true,
            Protection::None => false,
            // A state store that was made after the media knows nothing about it.
            Protection::NoRecord => candidate.entry.stored_at < self.info.created_at,
        })
    }

    /// Deletes what is due, after another look at the state.
    async fn delete(&mut self) -> Result<(), LifecycleError> {
        for candidate in std::mem::take(&mut self.due) {
            let key = [candidate.key()];
            self.conversations.clear();
            let is_named = self.core.state.references(&key).await?;
            if is_named.first() != Some(&false) || self.is_protected(&candidate).await? {
                self.report.due -= 1;
                self.report.protected += 1;
                continue;
            }
            let reference = &candidate.entry.reference;
            let scope = Scope::Conversation(candidate.conversation.clone());
            let options = DeleteOptions::new().with_expected_scope(scope);
            match self.store.delete_opts(reference, options).await {
                Ok(()) => {
                    self.report.deleted += 1;
                    self.report.deleted_bytes += reference.size().unwrap_or(0);
                }
                Err(error) if error.kind() == StorageErrorKind::NotFound => {}
                Err(error) => {
                    tracing::debug!(error = %causes(&error), "an orphan was not deleted");
                    self.report.failed += 1;
                    continue;
                }
            }
            self.core.state.forget_unnamed(&key).await?;
        }
        Ok(())
    }
}

impl Candidate {
    fn key(&self) -> ReferenceKey {
        ReferenceKey::from(&self.entry.reference)
    }
}

async fn protection_of(core: &Core, id: &ConversationId) -> Result<Protection, StateError> {
    let options = LoadOptions::new(Window::MetadataOnly);
    let loaded = match core.state.load(id, options).await {
        // What cannot be read may name it, and keeps no other media from being looked at.
        Err(error)
            if matches!(
                error.kind(),
                StateErrorKind::Corrupted | StateErrorKind::TooNew
            ) =>
        {
            return Ok(Protection::Protected);
        }
        loaded => loaded?,
    };
    let Some(loaded) = loaded else {
        return Ok(Protection::NoRecord);
    };
    let leased = loaded.current_turn().is_some_and(|turn| {
        let lease = turn.lease.as_ref();
        turn.status == TurnStatus::Running
            && lease.is_some_and(|lease| lease.expires_at > loaded.now)
    });
    // What is being deleted is the deletion's to remove.
    let in_steps = matches!(
        loaded.record.status,
        ConversationStatus::Creating | ConversationStatus::Deleting | ConversationStatus::Unknown
    );
    Ok(match leased || in_steps {
        true => Protection::Protected,
        false => Protection::None,
    })
}
