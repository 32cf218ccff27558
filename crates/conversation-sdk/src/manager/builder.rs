//! Building a manager.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use conversation_events::{
    ConversationError, ConversationErrorKind as Kind, Listener, Listeners, ObservedStorage,
};
use conversation_externalizer::{ExternalizeOptions, Externalizer};
use conversation_lifecycle::{Lifecycle, LifecycleOptions, MediaStores, StampedStorage, Tasks};
use conversation_providers::files::ProviderFiles;
use conversation_providers::sink::SpoolRegistry;
use conversation_providers::{ImageFitter, Provider};
use conversation_state::{InMemoryStateStore, PanicGuard, StateStore};
use conversation_tools::Tool;
use media_loader::MediaLoader;
use media_storage::{MediaCopies, MediaStorage};
use media_types::RunId;
use prompt_pack::PromptPack;
use tokio::runtime::Handle;

use super::manager::ConversationManager;
use crate::admission::Admission;
use crate::config::ManagerConfig;
use crate::core::Core;
use crate::files::{KeptAnswersOf, KeptFiles};
use crate::middleware::Middleware;
use crate::prompt::Toolbox;
use crate::provider_set::Providers;
use crate::turn::RunningTurns;

/// Builds a [`ConversationManager`]. The order of calls never matters, except that of middleware
/// among itself; of calls that set the same thing, the last one counts.
#[derive(Default)]
#[must_use]
pub struct ConversationManagerBuilder {
    provider: Option<Arc<dyn Provider>>,
    named_providers: BTreeMap<String, Arc<dyn Provider>>,
    storage: Option<Arc<dyn MediaStorage>>,
    additional_storage: Vec<Arc<dyn MediaStorage>>,
    media_copies: Vec<Arc<dyn MediaCopies>>,
    state: Option<Arc<dyn StateStore>>,
    tools: Vec<Arc<dyn Tool>>,
    packs: Vec<PromptPack>,
    loader: Option<MediaLoader>,
    middleware: Vec<Arc<dyn Middleware>>,
    listeners: Vec<Box<dyn Listener>>,
    admission: Option<Arc<dyn Admission>>,
    image_fitter: Option<Arc<dyn ImageFitter>>,
    files: Vec<ProviderFiles>,
    config: ManagerConfig,
    runtime: Option<Handle>,
}

impl ConversationManager {
    /// Returns a builder.
    pub fn builder() -> ConversationManagerBuilder {
        ConversationManagerBuilder::default()
    }
}

impl ConversationManagerBuilder {
    /// Sets the default provider. Required.
    pub fn with_provider(mut self, provider: impl Provider) -> Self {
        self.provider = Some(Arc::new(provider));
        self
    }

    /// Adds a provider that conversations and turns can choose by its name.
    pub fn with_named_provider(mut self, name: impl Into<String>, provider: impl Provider) -> Self {
        self.named_providers.insert(name.into(), Arc::new(provider));
        self
    }

    /// Sets the store for media. Defaults to none: media stays inline.
    pub fn with_media_storage(mut self, storage: impl MediaStorage) -> Self {
        self.storage = Some(Arc::new(storage));
        self
    }

    /// Sets the store for media, or that there is none, at run time.
    pub fn with_optional_media_storage(mut self, storage: Option<Arc<dyn MediaStorage>>) -> Self {
        self.storage = storage;
        self
    }

    /// Adds a store that media is read from, deleted in and erased in, and that no new media goes
    /// to: the store of before a migration, for example.
    pub fn with_additional_media_storage(mut self, storage: impl MediaStorage) -> Self {
        self.additional_storage.push(Arc::new(storage));
        self
    }

    /// Adds a place outside of the media stores that keeps copies of media, such as files at a
    /// provider: deletions and erasures have it forget what belongs to them, and receipts list it.
    pub fn with_media_copies(mut self, copies: impl MediaCopies) -> Self {
        self.media_copies.push(Arc::new(copies));
        self
    }

    /// Sets the store for conversations. Defaults to memory: they are gone with the process.
    pub fn with_state_store(mut self, state: impl StateStore) -> Self {
        self.state = Some(Arc::new(state));
        self
    }

    /// Adds a tool. A prompt that lists tools enables those it lists; one that lists none enables
    /// all.
    pub fn with_tool(mut self, tool: impl Tool) -> Self {
        self.tools.push(Arc::new(tool));
        self
    }

    /// Adds a pack, so that its conversations can be resumed by their ids alone.
    pub fn with_pack(mut self, pack: PromptPack) -> Self {
        self.packs.push(pack);
        self
    }

    /// Sets how media is read that is not in a message: policies for files and URLs, limits, more
    /// stores. The manager's stores are added to it.
    ///
    /// Defaults to a loader that reads no files and fetches public `https` addresses alone (feature
    /// `http`): as [`ManagerConfig::with_remote_media`] says, once, when a message is written. A URL
    /// in the history goes to a provider that fetches it itself, and is omitted for any other. A
    /// loader that is given here follows its own policy, also for URLs in the history.
    pub fn with_media_loader(mut self, loader: MediaLoader) -> Self {
        self.loader = Some(loader);
        self
    }

    /// Adds code around every request to a model, inside of what was added before.
    pub fn with_middleware(mut self, middleware: impl Middleware) -> Self {
        self.middleware.push(Arc::new(middleware));
        self
    }

    /// Adds a listener for events; a closure of `Fn(&Event)` is one.
    pub fn with_listener(mut self, listener: impl Listener) -> Self {
        self.listeners.push(Box::new(listener));
        self
    }

    /// Sets what makes images fit before they are sent, and for [views](crate::ViewOptions::with_thumbnails):
    /// with the feature `images`, a `RenditionFitter`. Defaults to nothing: images that a model does not
    /// take are left out.
    pub fn with_image_fitter(mut self, fitter: impl ImageFitter) -> Self {
        self.image_fitter = Some(Arc::new(fitter));
        self
    }

    /// Adds an account at a provider that media may be uploaded to, so that requests name it by an
    /// id: media that its policy takes is uploaded once and used until the provider forgets it. The
    /// ids are kept in the state of each conversation, and its deletion deletes the files. Defaults
    /// to none: nothing is uploaded.
    pub fn with_provider_files(mut self, files: ProviderFiles) -> Self {
        self.files.push(files);
        self
    }

    /// Sets the hook that may refuse turns. Defaults to none.
    pub fn with_admission(mut self, admission: impl Admission) -> Self {
        self.admission = Some(Arc::new(admission));
        self
    }

    /// Sets the options. Defaults to [`ManagerConfig::default`].
    pub fn with_config(mut self, config: ManagerConfig) -> Self {
        self.config = config;
        self
    }

    /// Sets the runtime on which turns run. Defaults to the one that [`build`](Self::build) is
    /// called in.
    pub fn with_runtime(mut self, runtime: Handle) -> Self {
        self.runtime = Some(runtime);
        self
    }

    /// Checks the settings and creates the manager. Does no I/O.
    ///
    /// # Errors
    /// `Config`: no provider, two tools of one name, or no tokio runtime.
    pub fn build(self) -> Result<ConversationManager, ConversationError> {
        let config_error = |detail: &'static str, hint: &'static str| {
            ConversationError::new(Kind::Config)
                .with_detail(detail)
                .with_hint(hint)
        };
        let provider = self
            .provider
            .ok_or_else(|| config_error("no provider", "Give the builder a provider"))?;
        let runtime = match self.runtime {
            Some(runtime) => runtime,
            None => Handle::try_current().map_err(|error| {
                let hint = "Build the manager inside a tokio runtime, or use `with_runtime`";
                config_error("no tokio runtime", hint).with_source(error)
            })?,
        };
        let tools = Toolbox::new(self.tools)?;
        let listeners = Listeners::new(self.listeners);
        let state = self
            .state
            .unwrap_or_else(|| Arc::new(InMemoryStateStore::new()));
        let state: Arc<dyn StateStore> = Arc::new(PanicGuard::new(state));
        let stamp = |storage| {
            Arc::new(StampedStorage::new(storage, Arc::clone(&state))) as Arc<dyn MediaStorage>
        };
        let additional = self.additional_storage.into_iter().map(stamp).collect();
        let stores = MediaStores::new(self.storage.map(stamp), additional)
            .wrapped(|storage| Arc::new(ObservedStorage::new(storage, listeners.clone())));
        let spools = SpoolRegistry::new();
        let (loader, answer_loader) = loaders(self.loader, &stores, &spools);
        let options = ExternalizeOptions::new()
            .with_threshold_bytes(self.config.threshold_bytes())
            .with_retention(self.config.media_retention())
            .with_on_storage_error(self.config.on_storage_error())
            .with_remote_media(self.config.remote_media())
            .with_max_inline_bytes_per_message(self.config.max_inline_bytes())
            .with_max_message_bytes(state.limits().max_message_bytes as u64)
            .with_concurrency(self.config.concurrent_stores().max(1));
        let externalizer = Externalizer::new(stores.primary().cloned(), loader.clone(), options)
            .with_fetcher(answer_loader.clone());
        let packs = self
            .packs
            .into_iter()
            .map(|pack| (pack.id().to_owned(), pack));
        let providers = Providers::new(provider, self.named_providers);
        let files = KeptFiles::new(self.files, Arc::clone(&state));
        let mut media_copies = self.media_copies;
        media_copies.push(Arc::new(files.clone()));
        let answers = providers
            .all()
            .filter_map(|provider| KeptAnswersOf::new(provider, &state));
        media_copies.extend(answers.map(|kept| Arc::new(kept) as Arc<dyn MediaCopies>));
        let (run, tasks, turns) = (RunId::mint(), Tasks::new(runtime), RunningTurns::default());
        let lifecycle = Lifecycle::builder(Arc::clone(&state))
            .with_media_stores(stores.clone())
            .with_externalizer(externalizer.clone())
            .with_local_turns(turns.clone())
            .with_observer(listeners.clone())
            .with_media_copies(media_copies)
            .with_providers(providers.names())
            .with_node(run.clone())
            .with_options(lifecycle_options(&self.config))
            .build(tasks.clone());
        let core = Core {
            providers,
            stores,
            externalizer,
            state,
            tools,
            loader,
            answer_loader,
            spools,
            middleware: self.middleware,
            listeners,
            admission: self.admission,
            image_fitter: self.image_fitter,
            files,
            config: self.config,
            run,
            tasks,
            turns,
            lifecycle,
            packs: Mutex::new(packs.collect()),
            closed: AtomicBool::new(false),
        };
        Ok(ConversationManager::new(Arc::new(core)))
    }
}

impl std::fmt::Debug for ConversationManagerBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConversationManagerBuilder")
            .field("provider", &self.provider)
            .field("storage", &self.storage)
            .field("state", &self.state)
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

fn lifecycle_options(config: &ManagerConfig) -> LifecycleOptions {
    LifecycleOptions::new()
        .with_lease_time(config.lease_times().ttl())
        .with_state_retry_time(config.state_retry_time())
        .with_externalize_history(config.externalize_history())
        .with_background_upkeep(config.background_upkeep())
}

/// How media of messages is read, and how media is fetched that a model answers with as a URL.
fn loaders(
    given: Option<MediaLoader>,
    stores: &MediaStores,
    spools: &SpoolRegistry,
) -> (MediaLoader, MediaLoader) {
    let own = given.is_none();
    let given = given.unwrap_or_else(|| MediaLoader::builder().build());
    let with_stores = stores.all().fold(given, |loader, store| {
        loader.with_storage(Arc::clone(store))
    });
    let loader = with_stores.with_storage(Arc::new(spools.clone()));
    match own {
        // What stayed a URL is not tried again in each turn.
        true => (loader.without_urls(), loader),
        false => (loader.clone(), loader),
    }
}
