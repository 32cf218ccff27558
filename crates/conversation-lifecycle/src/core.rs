//! What every step of deletion and upkeep needs.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use conversation_externalizer::{Externalizer, PendingReferences};
use conversation_state::{StateStore, StateWriter};
use media_storage::MediaCopies;
use media_types::RunId;

use crate::event::{LifecycleEvent, LifecycleObserver};
use crate::fence::UserFences;
use crate::local_turns::LocalTurns;
use crate::options::LifecycleOptions;
use crate::stores::MediaStores;
use crate::tasks::Tasks;

#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) state: Arc<dyn StateStore>,
    pub(crate) stores: MediaStores,
    /// Stores what histories hold inline and copies uploads; nothing does so without it.
    pub(crate) externalizer: Option<Externalizer>,
    pub(crate) tasks: Tasks,
    pub(crate) fences: UserFences,
    pub(crate) turns: Arc<dyn LocalTurns>,
    pub(crate) observer: Arc<dyn LifecycleObserver>,
    /// Places outside of the stores that keep copies.
    pub(crate) copies: Vec<Arc<dyn MediaCopies>>,
    /// The names of providers, for receipts.
    pub(crate) providers: BTreeSet<String>,
    pub(crate) options: LifecycleOptions,
    /// The owner of this process's leases.
    pub(crate) node: RunId,
    pub(crate) started: AtomicBool,
}

impl Core {
    pub(crate) fn writer(&self) -> StateWriter {
        StateWriter::new(&self.state, self.options.state_retry_time())
    }

    /// Returns a place for references that no state names yet.
    pub(crate) fn pending_references(&self) -> PendingReferences {
        PendingReferences::new(self.stores.primary().cloned(), Arc::new(self.tasks.clone()))
    }

    pub(crate) fn warn(&self, message: impl Into<String>) {
        let message = message.into();
        self.observer.on_event(&LifecycleEvent::Warning { message });
    }
}
