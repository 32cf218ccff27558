//! The states of request planners of a turn: read when they are needed, written with the answer.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use conversation_providers::{PlannerKey, PlannerState, PlannerStore};
use conversation_state::{
    ConversationRecord, LoadOptions, PlannerEntry, StateError, StateStore, Window,
};
use media_types::{ConversationId, readable::causes};

/// Most rows that one write takes.
pub(super) const MAX_ROWS: usize = 16;

/// The planner states of a turn.
#[derive(Debug)]
pub(super) struct TurnPlanner {
    store: Arc<dyn StateStore>,
    conversation: ConversationId,
    /// The conversation that this one was branched from: its states are those of the branch until
    /// the branch has its own.
    source: Option<ConversationId>,
    rows: Mutex<Rows>,
}

#[derive(Debug, Default)]
struct Rows {
    known: BTreeMap<PlannerKey, PlannerState>,
    /// What the state store does not have yet.
    changed: BTreeSet<PlannerKey>,
}

impl TurnPlanner {
    pub(super) fn new(store: &Arc<dyn StateStore>, record: &ConversationRecord) -> Self {
        Self {
            store: Arc::clone(store),
            conversation: record.id.clone(),
            source: record
                .source
                .as_ref()
                .map(|source| source.conversation.clone()),
            rows: Mutex::default(),
        }
    }

    fn rows(&self) -> MutexGuard<'_, Rows> {
        // The maps are consistent between any two calls.
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the rows that are to be written.
    pub(super) fn unwritten(&self) -> Vec<(PlannerKey, PlannerState)> {
        let rows = self.rows();
        let changed = rows.changed.iter().take(MAX_ROWS);
        changed
            .filter_map(|key| Some((key.clone(), rows.known.get(key)?.clone())))
            .collect()
    }

    /// Notes that rows were written.
    pub(super) fn note_written(&self, written: &[(PlannerKey, PlannerState)]) {
        let mut rows = self.rows();
        for (key, state) in written {
            // A request in the meantime may have changed it again.
            if rows.known.get(key) == Some(state) {
                rows.changed.remove(key);
            }
        }
    }

    async fn read(
        &self,
        conversation: &ConversationId,
        key: &PlannerKey,
    ) -> Result<Option<PlannerState>, StateError> {
        let options = LoadOptions::new(Window::MetadataOnly).with_planner(key.as_str());
        let loaded = self.store.load(conversation, options).await?;
        let row = loaded.and_then(|loaded| loaded.planner.into_iter().next());
        Ok(row.map(|row| PlannerState::from_json(&row.value)))
    }
}

/// Returns the row of a state.
pub(super) fn row((key, state): &(PlannerKey, PlannerState)) -> PlannerEntry {
    PlannerEntry::new(key.as_str(), state.to_json())
}

#[async_trait]
impl PlannerStore for TurnPlanner {
    async fn load(&self, key: &PlannerKey) -> PlannerState {
        if let Some(state) = self.rows().known.get(key) {
            return state.clone();
        }
        let mut found = self.read(&self.conversation, key).await;
        if let (Ok(None), Some(source)) = (&found, &self.source) {
            found = self.read(source, key).await;
        }
        let state = match found {
            Ok(state) => state.unwrap_or_default(),
            Err(error) => {
                // The request is right without; it may only begin otherwise than the last one.
                tracing::warn!(error = %causes(&error), "the state of a request planner could not be read");
                return PlannerState::default();
            }
        };
        let mut rows = self.rows();
        rows.known.entry(key.clone()).or_insert(state).clone()
    }

    fn accepted(&self, key: &PlannerKey, state: PlannerState) {
        let mut rows = self.rows();
        if rows.known.get(key) != Some(&state) {
            rows.known.insert(key.clone(), state);
            rows.changed.insert(key.clone());
        }
    }
}
