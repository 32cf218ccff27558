//! Deleting the files that providers keep for a conversation.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::Utc;
use conversation_providers::ProviderError;
use conversation_providers::files::{FileRecord, FileRegistry, ProviderFiles, RecordedFiles};
use conversation_state::{StateError, StateStore};
use futures_util::stream::{self, StreamExt};
use media_storage::{CopiesReport, MediaCopies, Operation, Scope, StorageError, StorageErrorKind};

use super::conversation_files::{self, ConversationFiles};

/// Deletions at a time.
const AT_ONCE: usize = 4;

/// The files of a manager's accounts, by the conversations that they were uploaded for.
#[derive(Clone, Debug)]
pub(crate) struct KeptFiles {
    accounts: Vec<ProviderFiles>,
    state: Arc<dyn StateStore>,
}

impl KeptFiles {
    pub(crate) fn new(accounts: Vec<ProviderFiles>, state: Arc<dyn StateStore>) -> Self {
        Self { accounts, state }
    }

    /// Returns the accounts, as one conversation uses them.
    pub(crate) fn recorded_in(
        &self,
        registry: &Arc<ConversationFiles>,
    ) -> impl Iterator<Item = RecordedFiles> {
        self.accounts
            .iter()
            .map(|account| account.recorded_in(Arc::clone(registry) as Arc<dyn FileRegistry>))
    }

    /// Deletes the files of a turn that no state names.
    pub(crate) async fn delete_unnamed(&self, turn: &ConversationFiles) {
        let kept = self.delete(turn.take_unnamed().await).await.kept;
        if !kept.is_empty() {
            tracing::warn!(?kept, "files of a turn that was not written are left");
        }
    }

    /// Deletes files. Those that are gone already are not counted.
    async fn delete(&self, files: Vec<FileRecord>) -> CopiesReport {
        let deletions = files.into_iter().map(|file| async move {
            let deleted = ProviderFiles::delete_in(&self.accounts, &file).await;
            (file.bytes, deleted)
        });
        report_of(deletions).await
    }
}

/// Runs deletions, some at a time: each gives the bytes of what it deletes and whether it was there.
pub(super) async fn report_of<D: Future<Output = (u64, Result<bool, ProviderError>)> + Send>(
    deletions: impl Iterator<Item = D> + Send,
) -> CopiesReport {
    let mut report = CopiesReport::default();
    let mut deletions = stream::iter(deletions).buffer_unordered(AT_ONCE);
    while let Some((bytes, outcome)) = deletions.next().await {
        match outcome {
            Ok(true) => {
                report.removed += 1;
                report.bytes += bytes;
            }
            Ok(false) => {}
            Err(error) => report = report.with_kept(1, error.to_string()),
        }
    }
    report
}

/// A deletion that fails because the state cannot be read.
pub(super) fn unreadable(error: StateError) -> StorageError {
    StorageError::new(StorageErrorKind::Unavailable, Operation::DeleteScope).with_source(error)
}

#[async_trait]
impl MediaCopies for KeptFiles {
    fn place(&self) -> &str {
        "provider files"
    }

    async fn forget(&self, scope: &Scope) -> Result<CopiesReport, StorageError> {
        let Scope::Conversation(id) = scope else {
            // Each file belongs to a conversation, and those are deleted one by one.
            return Ok(CopiesReport::default());
        };
        let rows = conversation_files::read(&*self.state, id)
            .await
            .map_err(unreadable)?;
        let now = Utc::now();
        let left = rows.records().filter(|file| !file.is_over(now)).cloned();
        Ok(self.delete(left.collect()).await)
    }
}
