//! What a manager and its conversations share.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use media_loader::MediaLoader;
use media_storage::{MediaStorage, Scope};
use media_types::RunId;

use super::tasks::Tasks;
use crate::config::{ManagerConfig, ReferenceAccess};
use crate::error::{ConversationError, ConversationErrorKind};
use crate::externalize::{Externalizer, Minted};
use crate::listener::Listeners;
use crate::middleware::Middleware;
use crate::provider::{MediaContext, Provider};
use crate::state::{ConversationRecord, StateStore};
use crate::tool::Tool;

#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) provider: Arc<dyn Provider>,
    pub(crate) storage: Option<Arc<dyn MediaStorage>>,
    pub(crate) externalizer: Option<Externalizer>,
    pub(crate) state: Arc<dyn StateStore>,
    pub(crate) tools: BTreeMap<String, Arc<dyn Tool>>,
    pub(crate) loader: MediaLoader,
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

    /// What a provider may open for a conversation.
    pub(crate) fn media_context(&self, record: &ConversationRecord) -> MediaContext {
        MediaContext::new(self.loader.clone(), self.reference_scope(record))
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
