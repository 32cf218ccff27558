//! The parts of a manager that its conversations, turns and upkeep share.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use conversation_events::{ConversationError, ConversationErrorKind, Listeners};
use conversation_externalizer::{Externalizer, PendingReferences};
use conversation_lifecycle::{Lifecycle, MediaStores, Tasks, owner_metadata};
use conversation_providers::sink::{ReceivedMedia, SpoolOptions, SpoolRegistry};
use conversation_providers::{ImageFitter, MediaContext};
use conversation_state::{ConversationRecord, StateStore, StateWriter};
use conversation_types::Message;
use media_loader::{LoadOptions, MediaLoader};
use media_storage::Scope;
use media_types::RunId;
use prompt_pack::PromptPack;

use crate::admission::Admission;
use crate::config::ManagerConfig;
use crate::files::KeptFiles;
use crate::middleware::Middleware;
use crate::policy::ReferenceAccess;
use crate::prompt::Toolbox;
use crate::provider_set::Providers;
use crate::turn::RunningTurns;

#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) providers: Providers,
    pub(crate) stores: MediaStores,
    pub(crate) externalizer: Externalizer,
    pub(crate) state: Arc<dyn StateStore>,
    pub(crate) tools: Toolbox,
    /// Reads media of messages; finds media that running turns have received.
    pub(crate) loader: MediaLoader,
    /// Fetches media that messages and answers name by a URL.
    pub(crate) answer_loader: MediaLoader,
    pub(crate) spools: SpoolRegistry,
    pub(crate) middleware: Vec<Arc<dyn Middleware>>,
    pub(crate) listeners: Listeners,
    pub(crate) admission: Option<Arc<dyn Admission>>,
    /// Makes images fit before they are sent, and for views.
    pub(crate) image_fitter: Option<Arc<dyn ImageFitter>>,
    /// The accounts at providers that media may be uploaded to.
    pub(crate) files: KeptFiles,
    pub(crate) config: ManagerConfig,
    /// The run of conversations that name none, and the owner of this manager's leases.
    pub(crate) run: RunId,
    pub(crate) tasks: Tasks,
    pub(crate) turns: RunningTurns,
    pub(crate) lifecycle: Lifecycle,
    pub(crate) packs: Mutex<BTreeMap<String, PromptPack>>,
    pub(crate) closed: AtomicBool,
}

impl Core {
    /// Refuses work of a manager that was shut down.
    ///
    /// # Errors
    /// `Closed`.
    pub(crate) fn check_open(&self) -> Result<(), ConversationError> {
        match self.closed.load(Ordering::Acquire) {
            true => Err(ConversationError::new(ConversationErrorKind::Closed)),
            false => Ok(()),
        }
    }

    /// Returns a writer to the state.
    pub(crate) fn writer(&self) -> StateWriter {
        StateWriter::new(&self.state, self.config.state_retry_time())
    }

    /// Runs steps to their end, also when the caller's future is dropped.
    ///
    /// # Errors
    /// Those of the steps; `Panicked` and `Cancelled` where they do not come to their end.
    pub(crate) async fn on_task<T: Send + 'static>(
        &self,
        steps: impl Future<Output = Result<T, ConversationError>> + Send + 'static,
    ) -> Result<T, ConversationError> {
        self.tasks.spawn(steps).await.unwrap_or_else(|error| {
            let kind = match error.is_panic() {
                true => ConversationErrorKind::Panicked,
                false => ConversationErrorKind::Cancelled,
            };
            Err(ConversationError::new(kind).with_source(error))
        })
    }

    /// Returns a pack that the manager knows.
    pub(crate) fn pack(&self, id: &str) -> Option<PromptPack> {
        let packs = self.packs.lock().unwrap_or_else(PoisonError::into_inner);
        packs.get(id).cloned()
    }

    /// Makes a pack known, so that conversations can be resumed by their ids alone.
    pub(crate) fn remember_pack(&self, pack: &PromptPack) {
        let mut packs = self.packs.lock().unwrap_or_else(PoisonError::into_inner);
        packs.insert(pack.id().to_owned(), pack.clone());
    }

    /// Starts to receive the media of a turn.
    pub(crate) fn receive_media(
        &self,
        record: &ConversationRecord,
        max_bytes: Option<u64>,
    ) -> ReceivedMedia {
        let max = self.config.max_generated_media_bytes();
        let options = SpoolOptions::new(owner_metadata(record))
            .with_max_bytes(max_bytes.map_or(max, |bytes| bytes.min(max)))
            .with_loader(self.answer_loader.clone());
        let options = match (self.stores.primary(), self.config.spool_directory()) {
            // Without a store everything stays inline, and inline is in memory.
            (None, _) => options.with_threshold(u64::MAX).in_memory(),
            (Some(_), None) => options.with_threshold(self.config.threshold_bytes()),
            (Some(_), Some(directory)) => options
                .with_threshold(self.config.threshold_bytes())
                .with_directory(directory),
        };
        ReceivedMedia::new(&self.spools, options)
    }

    /// Returns a place for references of a turn that no state names yet.
    pub(crate) fn pending_references(&self) -> PendingReferences {
        PendingReferences::new(self.stores.primary().cloned(), Arc::new(self.tasks.clone()))
    }

    /// Refuses media of other owners in a user's message, and copies uploads of the same user into
    /// the conversation.
    ///
    /// # Errors
    /// `Media`.
    pub(crate) async fn adopt_uploads(
        &self,
        record: &ConversationRecord,
        message: &mut Message,
        pending: &mut PendingReferences,
    ) -> Result<(), ConversationError> {
        let scope = self.reference_scope(record);
        let adopted = self
            .lifecycle
            .adopt_uploads(record, scope.as_ref(), message, pending);
        Ok(adopted.await?)
    }

    /// Returns what a provider may open for a conversation, and where what it makes goes.
    pub(crate) fn media_context(
        &self,
        record: &ConversationRecord,
        received: &ReceivedMedia,
    ) -> MediaContext {
        let media = MediaContext::new(self.loader.clone(), self.reference_scope(record));
        let media = media.with_sink(received.sink());
        match &self.image_fitter {
            Some(fitter) => media.with_image_fitter(Arc::clone(fitter)),
            None => media,
        }
    }

    /// Returns a loader that reads only what a conversation may see.
    pub(crate) fn scoped_loader(&self, record: &ConversationRecord) -> MediaLoader {
        match self.reference_scope(record) {
            None => self.loader.clone(),
            Some(scope) => self
                .loader
                .with_options(LoadOptions::new().with_expected_scope(scope)),
        }
    }

    pub(crate) fn reference_scope(&self, record: &ConversationRecord) -> Option<Scope> {
        let conversation = || Scope::Conversation(record.id.clone());
        let session = || record.session.clone().map(Scope::Session);
        match self.config.reference_access() {
            ReferenceAccess::Any => None,
            ReferenceAccess::Conversation => Some(conversation()),
            ReferenceAccess::Session => session().or_else(|| Some(conversation())),
            ReferenceAccess::User => record
                .user
                .clone()
                .map(Scope::User)
                .or_else(session)
                .or_else(|| Some(conversation())),
        }
    }
}
