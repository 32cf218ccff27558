//! Building a manager.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use media_loader::MediaLoader;
use media_storage::MediaStorage;
use media_types::RunId;

use super::ConversationManager;
use super::core::Core;
use super::tasks::Tasks;
use crate::config::ManagerConfig;
use crate::error::{ConversationError, ConversationErrorKind};
use crate::externalize::{Externalizer, Observed};
use crate::listener::{Listener, Listeners};
use crate::middleware::Middleware;
use crate::provider::Provider;
use crate::receive::Shelf;
use crate::state::{InMemoryStateStore, StateStore};
use crate::tool::Tool;

/// Builds a [`ConversationManager`]. The order of calls never matters, except that of middleware
/// among itself; of calls that set the same thing, the last one counts.
#[derive(Debug, Default)]
#[must_use]
pub struct ConversationManagerBuilder {
    provider: Option<Arc<dyn Provider>>,
    storage: Option<Arc<dyn MediaStorage>>,
    state: Option<Arc<dyn StateStore>>,
    tools: Vec<Arc<dyn Tool>>,
    loader: Option<MediaLoader>,
    middleware: Vec<Arc<dyn Middleware>>,
    listeners: Vec<Arc<dyn Listener>>,
    config: ManagerConfig,
}

impl ConversationManagerBuilder {
    /// The model provider. Needed.
    pub fn with_provider(mut self, provider: impl Provider) -> Self {
        self.provider = Some(Arc::new(provider));
        self
    }

    /// Where media goes: a store, or an `Arc` of one. Default: nowhere, media stays inline.
    pub fn with_media_storage(mut self, storage: impl MediaStorage) -> Self {
        self.storage = Some(Arc::new(storage));
        self
    }

    /// Where media goes, decided at run time; `None` means that everything stays inline.
    pub fn with_optional_media_storage(mut self, storage: Option<Arc<dyn MediaStorage>>) -> Self {
        self.storage = storage;
        self
    }

    /// Where conversations are kept. Default: in memory, gone with the process.
    pub fn with_state_store(mut self, state: impl StateStore) -> Self {
        self.state = Some(Arc::new(state));
        self
    }

    /// Adds a tool that prompts may offer to the model. A prompt that lists tools offers those it
    /// lists; one that lists none offers all.
    pub fn with_tool(mut self, tool: impl Tool) -> Self {
        self.tools.push(Arc::new(tool));
        self
    }

    /// How media is read that is not in a message: its own store or stores, its policy for files
    /// and its limits. Listeners are told of reads only as far as its stores tell them. Default: a
    /// loader on the manager's media store that reads no files.
    pub fn with_media_loader(mut self, loader: MediaLoader) -> Self {
        self.loader = Some(loader);
        self
    }

    /// Adds code around every question to the model, inside of what was added before.
    pub fn with_middleware(mut self, middleware: impl Middleware) -> Self {
        self.middleware.push(Arc::new(middleware));
        self
    }

    /// Adds someone who is told what happens.
    pub fn with_listener(mut self, listener: impl Listener) -> Self {
        self.listeners.push(Arc::new(listener));
        self
    }

    /// How the manager behaves. Default: [`ManagerConfig::default`].
    pub fn with_config(mut self, config: ManagerConfig) -> Self {
        self.config = config;
        self
    }

    /// Checks what was given and makes the manager. Does no I/O.
    ///
    /// # Errors
    /// `Config`: no provider, or two tools of one name.
    pub fn build(self) -> Result<ConversationManager, ConversationError> {
        let config_error = |detail: String, hint: &'static str| {
            ConversationError::new(ConversationErrorKind::Config)
                .with_detail(detail)
                .with_hint(hint)
        };
        let provider = self.provider.ok_or_else(|| {
            config_error(
                "it has no provider".to_owned(),
                "Give the builder a provider",
            )
        })?;
        let mut tools: BTreeMap<String, Arc<dyn Tool>> = BTreeMap::new();
        for tool in self.tools {
            let name = tool.definition().name;
            if tools.contains_key(&name) {
                return Err(config_error(
                    format!("two tools have the name {}", name.escape_debug()),
                    "Give each tool a name of its own",
                ));
            }
            tools.insert(name, tool);
        }
        let listeners = Listeners::new(self.listeners);
        let storage: Option<Arc<dyn MediaStorage>> = self
            .storage
            .map(|storage| Arc::new(Observed::new(storage, listeners.clone())) as _);
        let loader = self.loader.unwrap_or_else(|| {
            let mut loader = MediaLoader::builder();
            if let Some(storage) = &storage {
                loader = loader.with_storage(Arc::clone(storage));
            }
            loader.build()
        });
        let shelf = Shelf::default();
        let loader = loader.with_storage(Arc::new(shelf.clone()));
        let externalizer = storage.clone().map(|storage| Externalizer {
            storage,
            loader: loader.clone(),
            listeners: listeners.clone(),
            config: self.config.clone(),
            provider: provider.name().to_owned(),
        });
        Ok(ConversationManager {
            core: Arc::new(Core {
                provider,
                storage,
                externalizer,
                state: self
                    .state
                    .unwrap_or_else(|| Arc::new(InMemoryStateStore::new())),
                tools,
                loader,
                shelf,
                middleware: self.middleware,
                listeners,
                config: self.config,
                run: RunId::mint(),
                tasks: Tasks::new(),
                closed: AtomicBool::new(false),
                deletions_looked_at: AtomicBool::new(false),
            }),
        })
    }
}
