//! What a history is set up with.

use std::path::Path;
use std::sync::Arc;

use media_storage::{MediaMetadata, MediaStorage, Scope};
use media_types::StorageReference;

use crate::error::{HistoryError, HistoryErrorKind, HistoryOperation};
use crate::journal::Journal;
use crate::key::{HistoryKey, ScopeTag};
use crate::known::Known;

/// What restoring does with a placeholder whose media is missing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnMissing {
    /// Fails with `Missing`. Nothing that is unresolved reaches a provider.
    #[default]
    Fail,
    /// Leaves the placeholder, counts it, and goes on: for people who look at a history, never for a
    /// provider.
    Keep,
    /// Puts a text in the place of the part that holds the media, as the API of the history writes
    /// texts, counts it, and goes on: the model learns that there was something. Prose and JSON in
    /// strings keep their place, with the text in that of the placeholder. Fails with `Missing` where
    /// no text can stand.
    ///
    /// The slim history is held in memory, also that of a stream or a file.
    Text,
}

#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// The first is stored to.
    pub(crate) stores: Vec<Arc<dyn MediaStorage>>,
    pub(crate) key: HistoryKey,
    pub(crate) scope: Option<Scope>,
    pub(crate) metadata: MediaMetadata,
    pub(crate) rules: Rules,
    pub(crate) known: Arc<Known>,
    pub(crate) on_missing: OnMissing,
    pub(crate) spool_directory: Option<Arc<Path>>,
    /// Where new references are listed before any text names them.
    pub(crate) journal: Option<Journal>,
}

/// Which values are replaced.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    /// Smallest decoded size in bytes.
    pub(crate) threshold: u64,
    /// Whether values are replaced although the placeholder is longer.
    pub(crate) small: bool,
    pub(crate) opaque: bool,
    pub(crate) numbers: bool,
}

/// A scope that was checked, with its form in MACs.
#[derive(Clone, Debug)]
pub(crate) struct Owner {
    pub(crate) scope: Scope,
    pub(crate) tag: ScopeTag,
}

impl Owner {
    pub(crate) fn new(scope: Scope, operation: HistoryOperation) -> Result<Self, HistoryError> {
        match ScopeTag::new(&scope) {
            Some(tag) => Ok(Self { scope, tag }),
            None => Err(HistoryError::new(HistoryErrorKind::Config, operation)
                .with_reason("this kind of scope is not supported")),
        }
    }

    /// Metadata of media that this scope owns: what was given, with the scope's own id.
    pub(crate) fn metadata(
        &self,
        metadata: MediaMetadata,
        operation: HistoryOperation,
    ) -> Result<MediaMetadata, HistoryError> {
        let metadata = match &self.scope {
            Scope::Run(id) if metadata.run().is_none() => metadata.with_run(id.clone()),
            Scope::Session(id) if metadata.session().is_none() => metadata.with_session(id.clone()),
            Scope::Conversation(id) if metadata.conversation().is_none() => {
                metadata.with_conversation(id.clone())
            }
            Scope::User(id) if metadata.user().is_none() => metadata.with_user(id.clone()),
            _ => metadata,
        };
        if self.scope.contains(&metadata) {
            Ok(metadata)
        } else {
            Err(HistoryError::new(HistoryErrorKind::Config, operation)
                .with_reason("the metadata names another owner than the scope"))
        }
    }
}

impl Settings {
    /// The scope, which every operation needs.
    pub(crate) fn owner(&self, operation: HistoryOperation) -> Result<Owner, HistoryError> {
        match &self.scope {
            Some(scope) => Owner::new(scope.clone(), operation),
            None => Err(HistoryError::new(HistoryErrorKind::Config, operation)
                .with_reason("no scope was given; use `unscoped` to do without")),
        }
    }

    /// The store that a reference belongs to.
    pub(crate) fn store_of(
        &self,
        reference: &StorageReference,
        operation: HistoryOperation,
    ) -> Result<&Arc<dyn MediaStorage>, HistoryError> {
        let is_its = |store: &&Arc<dyn MediaStorage>| {
            store.backend() == reference.backend() && store.name() == reference.store_name()
        };
        self.stores.iter().find(is_its).ok_or_else(|| {
            HistoryError::new(HistoryErrorKind::Config, operation)
                .with_reason("its storage backend is not configured")
                .with_reference(reference.clone())
        })
    }
}
