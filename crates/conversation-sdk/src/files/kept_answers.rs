//! Deleting the answers that a provider keeps of a conversation.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use conversation_providers::Provider;
use conversation_state::{LoadOptions, StateStore, Window};
use conversation_types::{Message, Role};
use futures_util::stream::{self, StreamExt};
use media_storage::{CopiesReport, MediaCopies, Operation, Scope, StorageError, StorageErrorKind};

/// Deletions at a time.
const AT_ONCE: usize = 4;

/// The answers that one provider keeps, by the conversations that they belong to.
#[derive(Debug)]
pub(crate) struct KeptAnswersOf {
    provider: Arc<dyn Provider>,
    place: String,
    state: Arc<dyn StateStore>,
}

impl KeptAnswersOf {
    /// Returns the answers that a provider keeps; `None` where it keeps none.
    pub(crate) fn new(provider: &Arc<dyn Provider>, state: &Arc<dyn StateStore>) -> Option<Self> {
        let place = provider.kept_answers()?.place().to_owned();
        Some(Self {
            provider: Arc::clone(provider),
            place,
            state: Arc::clone(state),
        })
    }
}

#[async_trait]
impl MediaCopies for KeptAnswersOf {
    fn place(&self) -> &str {
        &self.place
    }

    async fn forget(&self, scope: &Scope) -> Result<CopiesReport, StorageError> {
        let (Scope::Conversation(id), Some(kept)) = (scope, self.provider.kept_answers()) else {
            return Ok(CopiesReport::default());
        };
        let options = LoadOptions::new(Window::All).with_branches(true);
        let loaded = self.state.load(id, options).await.map_err(|error| {
            StorageError::new(StorageErrorKind::Unavailable, Operation::DeleteScope)
                .with_source(error)
        })?;
        let messages = loaded.map(|loaded| loaded.messages).unwrap_or_default();
        let ids: BTreeSet<String> = messages
            .iter()
            .filter_map(|stored| response_id(&stored.message))
            .filter(|id| kept.may_keep(id))
            .map(str::to_owned)
            .collect();
        let deleted = stream::iter(ids).map(|id| async move { kept.delete(&id).await });
        let deleted: Vec<_> = deleted.buffer_unordered(AT_ONCE).collect().await;
        let mut report = CopiesReport::default();
        for outcome in deleted {
            match outcome {
                Ok(was_there) => report.removed += u64::from(was_there),
                Err(error) => report = report.with_kept(1, error.to_string()),
            }
        }
        Ok(report)
    }
}

fn response_id(message: &Message) -> Option<&str> {
    let is_answer = message.role == Role::Assistant;
    message
        .metadata
        .get("response_id")
        .filter(|_| is_answer)?
        .as_str()
}
