//! Deleting the files that providers keep for a conversation.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::Utc;
use conversation_providers::files::{FileRecord, FileRegistry, ProviderFiles, RecordedFiles};
use conversation_state::StateStore;
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

    /// Deletes files. Those that are gone already are not counted.
    pub(crate) async fn delete(&self, files: Vec<FileRecord>) -> CopiesReport {
        let deleted = stream::iter(files).map(|file| async move {
            let account = self.accounts.iter().find(|account| account.owns(&file));
            let outcome = match account {
                Some(account) => account.delete(&file).await.map_err(|e| e.to_string()),
                None => Err("they belong to an account that this manager does not have".into()),
            };
            (file.bytes, outcome)
        });
        let deleted: Vec<(u64, Result<bool, String>)> =
            deleted.buffer_unordered(AT_ONCE).collect().await;
        let mut report = CopiesReport::default();
        for (bytes, outcome) in deleted {
            match outcome {
                Ok(true) => {
                    report.removed += 1;
                    report.bytes += bytes;
                }
                Ok(false) => {}
                Err(reason) => report = report.with_kept(1, reason),
            }
        }
        report
    }
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
        if self.accounts.is_empty() {
            return Ok(CopiesReport::default());
        }
        let rows = conversation_files::read(&*self.state, id).await;
        let rows = rows.map_err(|error| {
            StorageError::new(StorageErrorKind::Unavailable, Operation::DeleteScope)
                .with_source(error)
        })?;
        let now = Utc::now();
        let left = rows.records().filter(|file| !file.is_over(now)).cloned();
        Ok(self.delete(left.collect()).await)
    }
}
