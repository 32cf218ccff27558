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

    /// How media is read that is not in a message: its own store or stores, its policies for files
    /// and URLs, and its limits. Listeners are told of reads only as far as its stores tell them.
    ///
    /// Default: a loader on the manager's media store that reads no files, and fetches no address
    /// that a message or a history names; such an address goes to a provider that fetches it
    /// itself, and is a note for any other. Only what a model or a tool answers with is
    /// fetched, at public `https` addresses (feature `http`). A loader that is given here follows its own
    /// policy for all of these.
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
        let shelf = Shelf::default();
        let (loader, answers) = loaders(self.loader, storage.as_ref(), &shelf);
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
                answers,
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

/// How media of messages is read, and how media is fetched that a model answers with as an address.
fn loaders(
    given: Option<MediaLoader>,
    storage: Option<&Arc<dyn MediaStorage>>,
    shelf: &Shelf,
) -> (MediaLoader, MediaLoader) {
    let shelf = Arc::new(shelf.clone());
    if let Some(loader) = given {
        let loader = loader.with_storage(shelf);
        return (loader.clone(), loader);
    }
    let mut builder = MediaLoader::builder();
    if let Some(storage) = storage {
        builder = builder.with_storage(Arc::clone(storage));
    }
    let loader = builder.build().with_storage(shelf);
    // Messages come from users and clients: they do not choose what this machine fetches.
    (loader.without_urls(), loader)
}

#[cfg(test)]
mod tests {
    use super::*;
    use media_loader::LoadErrorKind as Kind;
    use media_types::{MediaContent, Mime};

    #[tokio::test]
    async fn messages_choose_no_fetches_unless_a_loader_allows_it() {
        let url = "https://203.0.114.1/a.png".parse().unwrap();
        let content = MediaContent::from_url(Mime::IMAGE_PNG, url);
        let kind = async |loader: &MediaLoader| {
            let error = loader.inspect(&content).await.err();
            error.map(|error| error.kind().clone())
        };
        let fetches = match cfg!(feature = "http") {
            true => None,
            false => Some(Kind::UrlNotSupported),
        };
        let (messages, answers) = loaders(None, None, &Shelf::default());
        assert_eq!(kind(&messages).await, Some(Kind::UrlDenied));
        let opened = messages.open(&content).await.err();
        assert_eq!(opened.map(|e| e.kind().clone()), Some(Kind::UrlDenied));
        assert_eq!(kind(&answers).await, fetches);
        let own = MediaLoader::builder().build();
        let (messages, answers) = loaders(Some(own), None, &Shelf::default());
        assert_eq!(kind(&messages).await, fetches);
        assert_eq!(kind(&answers).await, fetches);
    }
}
