//! Erasures wait for turns that store media before they have begun.

use conversation_events::ConversationError;
use conversation_lifecycle::WorkLease;
use conversation_state::ConversationRecord;
use conversation_types::Part;

use super::job::TurnJob;
use super::turn::TurnScope;

/// Takes one of the slots of the user for turns, where media may be stored before the turn holds its
/// lease: an erasure waits for it.
///
/// # Errors
/// `Busy` where none becomes free, `NotFound` where the user is being erased, `Cancelled`, `State`.
pub(super) async fn take(
    scope: &TurnScope,
    record: &ConversationRecord,
    job: &TurnJob,
) -> Result<Option<WorkLease>, ConversationError> {
    let threshold = scope.core.config.threshold_bytes();
    // Media that stands in a text is as large as that.
    let holds_none =
        |part: &Part| matches!(part, Part::Text(text) if (text.text.len() as u64) < threshold);
    let stores = match job {
        TurnJob::New { message, .. } => !message.content.iter().all(holds_none),
        TurnJob::Resume { output, .. } => match &**output {
            Ok(output) => !output.content.iter().all(holds_none),
            Err(_) => false,
        },
        TurnJob::Retry { .. } => false,
    };
    let Some(user) = record.user.as_ref().filter(|_| stores) else {
        return Ok(None);
    };
    tokio::select! {
        taken = scope.core.lifecycle.take_turn_slot(user) => Ok(Some(taken?)),
        reason = scope.stop.stopped() => Err(reason.error()),
    }
}
