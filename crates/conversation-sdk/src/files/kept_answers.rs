//! Deleting the answers that a provider keeps of a conversation.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use conversation_providers::{Provider, RESPONSE_ID};
use conversation_state::{LoadOptions, StateStore, Window};
use conversation_types::{Message, Role};
use media_storage::{CopiesReport, MediaCopies, Scope, StorageError};

use super::kept_files::{report_of, unreadable};

/// Positions that are read at a time.
const PAGE: u64 = 64;

/// The answers that one provider keeps, by the conversations that they belong to.
#[derive(Debug)]
pub(crate) struct KeptAnswersOf {
    provider: Arc<dyn Provider>,
    state: Arc<dyn StateStore>,
}

impl KeptAnswersOf {
    /// Returns the answers that a provider keeps; `None` where it keeps none.
    pub(crate) fn new(provider: &Arc<dyn Provider>, state: &Arc<dyn StateStore>) -> Option<Self> {
        provider.kept_answers().map(|_| Self {
            provider: Arc::clone(provider),
            state: Arc::clone(state),
        })
    }
}

#[async_trait]
impl MediaCopies for KeptAnswersOf {
    fn place(&self) -> &str {
        self.provider.kept_answers().map_or("", |kept| kept.place())
    }

    async fn forget(&self, scope: &Scope) -> Result<CopiesReport, StorageError> {
        let (Scope::Conversation(id), Some(kept)) = (scope, self.provider.kept_answers()) else {
            return Ok(CopiesReport::default());
        };
        let mut ids = BTreeSet::new();
        let (mut start, mut page) = (PAGE, Window::Range(0..PAGE));
        loop {
            let is_rest = matches!(page, Window::Since(_));
            let options = LoadOptions::new(page).with_branches(true);
            let loaded = self.state.load(id, options).await.map_err(unreadable)?;
            let Some(loaded) = loaded else { break };
            let messages = loaded.messages.iter().map(|stored| &stored.message);
            let found = messages.filter_map(response_id);
            ids.extend(found.filter(|id| kept.may_keep(id)).map(str::to_owned));
            if is_rest {
                break;
            }
            // What was cut off may begin far beyond the end.
            page = match loaded.messages.is_empty() && start > loaded.record.message_count {
                true => Window::Since(start),
                false => Window::Range(start..start + PAGE),
            };
            start += PAGE;
        }
        let deletions = ids.into_iter();
        let deletions = deletions.map(|id: String| async move { (0, kept.delete(&id).await) });
        Ok(report_of(deletions).await)
    }
}

fn response_id(message: &Message) -> Option<&str> {
    let is_answer = message.role == Role::Assistant;
    let id = message.metadata.get(RESPONSE_ID).filter(|_| is_answer);
    id?.as_str()
}
