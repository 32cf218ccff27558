//! The admission of one attempt of a turn.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use conversation_events::{ConversationError, ConversationErrorKind as Kind};
use conversation_lifecycle::Tasks;
use conversation_state::LoadedConversation;
use conversation_types::{Cost, Message, TokenUsage, TurnId};
use futures_util::FutureExt;

use crate::admission::{Admission, AdmissionRequest, Settlement};
use crate::core::Core;
use crate::middleware::panicked;

/// Bytes of JSON that make about one token.
const BYTES_PER_TOKEN: u64 = 4;

/// An attempt that was admitted; it is settled exactly once, also when it is dropped.
#[derive(Debug)]
pub(crate) struct Permit {
    hook: Arc<dyn Admission>,
    tasks: Tasks,
    request: Option<AdmissionRequest>,
}

impl Permit {
    /// Asks the manager's hook, if it has one.
    ///
    /// # Errors
    /// `NotAdmitted`.
    pub(super) async fn ask(
        core: &Core,
        loaded: &LoadedConversation,
        turn: &TurnId,
        message: Option<&Message>,
    ) -> Result<Option<Self>, ConversationError> {
        let Some(hook) = &core.admission else {
            return Ok(None);
        };
        let history = loaded.messages.iter().map(|stored| &stored.message);
        let bytes: u64 = history
            .chain(message)
            .flat_map(|message| &message.content)
            .map(|part| part.as_text().map_or(0, str::len) as u64)
            .sum();
        let request = AdmissionRequest {
            user: loaded.record.user.clone(),
            conversation: loaded.record.id.clone(),
            turn: turn.clone(),
            estimated_input_tokens: bytes / BYTES_PER_TOKEN,
        };
        let admitted = AssertUnwindSafe(hook.admit(&request)).catch_unwind().await;
        admitted
            .map_err(|_| panicked(format!("the admission {hook:?}")))?
            .map_err(|reason| ConversationError::new(Kind::NotAdmitted).with_detail(reason))?;
        Ok(Some(Self {
            hook: Arc::clone(hook),
            tasks: core.tasks.clone(),
            request: Some(request),
        }))
    }

    /// Settles the attempt.
    pub(super) async fn settle(mut self, usage: TokenUsage, cost: Option<Cost>) {
        if let Some(request) = self.request.take() {
            let settled = AssertUnwindSafe(self.hook.settle(&request, Settlement { usage, cost }));
            // The turn has its end.
            if settled.catch_unwind().await.is_err() {
                tracing::error!(hook = ?self.hook, "an admission panicked when it was settled");
            }
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(request) = self.request.take() {
            let hook = Arc::clone(&self.hook);
            drop(self.tasks.spawn(async move {
                hook.settle(&request, Settlement::default()).await;
            }));
        }
    }
}
