//! Erasures wait for turns that store media before they have begun.

use conversation_events::ConversationError;
use conversation_lifecycle::WorkLease;
use conversation_state::ConversationRecord;
use conversation_types::{Message, Part};

use super::turn::TurnScope;

/// One of the slots of the user for turns, held while media is stored that no turn with a lease has. Code of the
/// application never runs under it.
#[derive(Debug, Default)]
pub(super) struct TurnSlot(Option<WorkLease>);

impl TurnSlot {
    /// Takes a slot, unless a message holds nothing that is stored.
    ///
    /// # Errors
    /// `Busy` where none becomes free, `NotFound` where the user is being erased, `Cancelled`, `State`.
    pub(super) async fn take(
        scope: &TurnScope,
        record: &ConversationRecord,
        message: &Message,
    ) -> Result<Self, ConversationError> {
        let threshold = scope.core.config.threshold_bytes();
        // Media that stands in a text is as large as that.
        let is_small =
            |part: &Part| matches!(part, Part::Text(text) if (text.text.len() as u64) < threshold);
        let is_small = message.content.iter().all(is_small);
        let Some(user) = record.user.as_ref().filter(|_| !is_small) else {
            return Ok(Self::default());
        };
        tokio::select! {
            taken = scope.core.lifecycle.take_turn_slot(user) => Ok(Self(Some(taken?))),
            reason = scope.stop.stopped() => Err(reason.error()),
        }
    }

    /// Runs work that stores, as long as the slot is held. Where it fails, the slot is given up.
    pub(super) async fn storing<T>(
        self,
        work: impl Future<Output = Result<T, ConversationError>>,
    ) -> Result<(T, Self), ConversationError> {
        let Some(lease) = self.0 else {
            return Ok((work.await?, Self(None)));
        };
        match lease.while_held(work).await {
            Ok(done) => Ok((done, Self(Some(lease)))),
            Err(error) => {
                lease.release().await;
                Err(error)
            }
        }
    }

    /// Runs a write to its end, and gives the slot up.
    pub(super) async fn writing<T>(self, work: impl Future<Output = T>) -> T {
        let Some(own) = self.0 else { return work.await };
        let written = own.renewed(work).await;
        own.release().await;
        written
    }
}
