//! Building a lifecycle.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use conversation_externalizer::Externalizer;
use conversation_state::StateStore;
use media_storage::MediaCopies;
use media_types::RunId;

use crate::core::Core;
use crate::event::{LifecycleObserver, LogObserver};
use crate::fence::UserFences;
use crate::lifecycle::Lifecycle;
use crate::local_turns::{LocalTurns, NoTurns};
use crate::options::LifecycleOptions;
use crate::stores::MediaStores;
use crate::tasks::Tasks;

/// Builds a [`Lifecycle`].
#[derive(Debug)]
#[must_use]
pub struct LifecycleBuilder {
    state: Arc<dyn StateStore>,
    stores: MediaStores,
    externalizer: Option<Externalizer>,
    turns: Arc<dyn LocalTurns>,
    observer: Arc<dyn LifecycleObserver>,
    copies: Vec<Arc<dyn MediaCopies>>,
    providers: BTreeSet<String>,
    options: LifecycleOptions,
    node: RunId,
}

impl Lifecycle {
    /// Returns a builder over a state store, which is the truth about what exists.
    pub fn builder(state: Arc<dyn StateStore>) -> LifecycleBuilder {
        LifecycleBuilder::new(state)
    }
}

impl LifecycleBuilder {
    fn new(state: Arc<dyn StateStore>) -> Self {
        Self {
            state,
            stores: MediaStores::default(),
            externalizer: None,
            turns: Arc::new(NoTurns),
            observer: Arc::new(LogObserver),
            copies: Vec::new(),
            providers: BTreeSet::new(),
            options: LifecycleOptions::default(),
            node: RunId::mint(),
        }
    }

    /// Sets the media stores. Defaults to none. What is stored for conversations has to go through
    /// [`StampedStorage`](crate::StampedStorage), or reconciliation leaves it alone.
    pub fn with_media_stores(mut self, stores: MediaStores) -> Self {
        self.stores = stores;
        self
    }

    /// Sets what stores media that histories hold inline and copies uploads into conversations.
    /// Defaults to none: neither happens.
    pub fn with_externalizer(mut self, externalizer: Externalizer) -> Self {
        self.externalizer = Some(externalizer);
        self
    }

    /// Sets the turns that run in this process. Defaults to none.
    pub fn with_local_turns(mut self, turns: impl LocalTurns) -> Self {
        self.turns = Arc::new(turns);
        self
    }

    /// Sets the observer of events. Defaults to the log.
    pub fn with_observer(mut self, observer: impl LifecycleObserver) -> Self {
        self.observer = Arc::new(observer);
        self
    }

    /// Sets the places outside of the media stores that keep copies: deletions and erasures have them
    /// forget. Defaults to none.
    pub fn with_media_copies(mut self, copies: Vec<Arc<dyn MediaCopies>>) -> Self {
        self.copies = copies;
        self
    }

    /// Sets the names of providers that got media and text, for receipts. Defaults to none.
    pub fn with_providers(mut self, names: impl IntoIterator<Item = String>) -> Self {
        self.providers = names.into_iter().collect();
        self
    }

    /// Sets the options. Defaults to [`LifecycleOptions::default`].
    pub fn with_options(mut self, options: LifecycleOptions) -> Self {
        self.options = options;
        self
    }

    /// Sets the name of this process, which owns the leases of its turns. Defaults to a random one.
    pub fn with_node(mut self, node: RunId) -> Self {
        self.node = node;
        self
    }

    /// Creates the lifecycle, with the tasks that its work runs on. Does no I/O.
    pub fn build(self, tasks: Tasks) -> Lifecycle {
        Lifecycle::new(Core {
            state: self.state,
            stores: self.stores,
            externalizer: self.externalizer,
            tasks,
            fences: UserFences::default(),
            turns: self.turns,
            observer: self.observer,
            copies: self.copies,
            providers: self.providers,
            options: self.options,
            node: self.node,
            started: AtomicBool::new(false),
        })
    }
}
