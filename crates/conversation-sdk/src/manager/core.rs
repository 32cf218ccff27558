//! What a manager and its conversations share.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use media_loader::MediaLoader;
use media_storage::{MediaMetadata, MediaStorage, Scope};
use media_types::RunId;

use super::tasks::Tasks;
use crate::config::{ManagerConfig, ReferenceAccess};
use crate::error::{ConversationError, ConversationErrorKind};
use crate::externalize::{Externalizer, Minted};
use crate::listener::Listeners;
use crate::middleware::Middleware;
use crate::provider::{MediaContext, Provider};
use crate::receive::{Owner, ReceivedMedia, Shelf, SpoolSite};
use crate::state::{ConversationRecord, StateStore};
use crate::tool::Tool;

#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) provider: Arc<dyn Provider>,
    pub(crate) storage: Option<Arc<dyn MediaStorage>>,
    pub(crate) externalizer: Option<Externalizer>,
    pub(crate) state: Arc<dyn StateStore>,
    pub(crate) tools: BTreeMap<String, Arc<dyn Tool>>,
    /// Finds received media too.
    pub(crate) loader: MediaLoader,
    /// Fetches media that a model answers with as an address.
    pub(crate) answers: MediaLoader,
    pub(crate) shelf: Shelf,
    pub(crate) middleware: Vec<Arc<dyn Middleware>>,
    pub(crate) listeners: Listeners,
    pub(crate) config: ManagerConfig,
    /// The run of conversations that name none: the life of this manager.
    pub(crate) run: RunId,
    pub(crate) tasks: Tasks,
    pub(crate) closed: AtomicBool,
    pub(crate) deletions_looked_at: AtomicBool,
}

impl Core {
    pub(crate) fn check_open(&self) -> Result<(), ConversationError> {
        if self.closed.load(Ordering::Acquire) {
            return Err(ConversationError::new(ConversationErrorKind::Closed));
        }
        Ok(())
    }

    pub(crate) fn minted(&self) -> Minted {
        Minted::new(self.storage.clone(), self.tasks.clone())
    }

    /// What a provider may open for a conversation, and where what it makes goes.
    pub(crate) fn media_context(
        &self,
        record: &ConversationRecord,
        received: &ReceivedMedia,
    ) -> MediaContext {
        MediaContext::new(self.loader.clone(), self.reference_scope(record))
            .with_receiver(received.receiver())
    }

    /// Begins to receive the media of a turn.
    pub(crate) fn received(&self, record: &ConversationRecord) -> ReceivedMedia {
        let mut metadata = MediaMetadata::new().with_conversation(record.id.clone());
        if let Some(session) = &record.session {
            metadata = metadata.with_session(session.clone());
        }
        if let Some(run) = &record.run {
            metadata = metadata.with_run(run.clone());
        }
        if let Some(user) = &record.user {
            metadata = metadata.with_user(user.clone());
        }
        // Without a store everything stays inline, and inline is in memory.
        let (site, threshold) = match self.storage {
            Some(_) => (
                SpoolSite::Directory(self.config.spool_directory().map(Into::into)),
                self.config.threshold_bytes(),
            ),
            None => (SpoolSite::Memory, u64::MAX),
        };
        let owner = Owner {
            metadata,
            threshold,
            most: self.config.max_received_bytes(),
            site,
            loader: self.answers.clone(),
        };
        ReceivedMedia::new(&self.shelf, owner)
    }

    fn reference_scope(&self, record: &ConversationRecord) -> Option<Scope> {
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
