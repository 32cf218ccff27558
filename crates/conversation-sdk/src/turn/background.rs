//! Answers that are returned before their media is stored.

use conversation_events::ConversationError;
use conversation_externalizer::BatchKind;
use conversation_providers::sink::is_received;
use conversation_types::{Message, MessageStatus, Part};

use super::end::without_received;
use super::save::{Save, save};
use super::turn::Turn;
use crate::policy::Externalization;

/// Whether the answer is to be returned before its media is stored: it has media, and the manager
/// allows it.
pub(super) fn is_due(turn: &Turn) -> bool {
    let [answer] = turn.progress.unsaved.as_slice() else {
        return false;
    };
    turn.core().config.externalization() == Externalization::Background
        && answer.media().any(is_received)
}

/// Writes the text of the answer as a partial message: a process that ends before the media is
/// stored loses the media alone, and the next loader interrupts the turn.
///
/// # Errors
/// Those of [`save`].
pub(super) async fn write_text(turn: &mut Turn) -> Result<(), ConversationError> {
    let whole = turn.progress.unsaved.clone();
    let mut record = turn.turn.clone();
    record.usage = turn.total_usage();
    record.cost = turn.total_cost();
    save(
        turn,
        Save {
            messages: whole.iter().map(text_of).collect(),
            turn: record,
            release: false,
            kind: BatchKind::Checkpoint,
        },
    )
    .await?;
    // What was written stands for these until they are.
    let is_whole = |saved: &Message| whole.iter().any(|message| message.id == saved.id);
    turn.progress.saved.retain(|saved| !is_whole(saved));
    turn.progress.unsaved = whole;
    Ok(())
}

/// The text of a message; in the place of its media stands that it was not stored.
fn text_of(message: &Message) -> Message {
    let mut text = without_received(message);
    text.status = MessageStatus::Partial;
    text.content
        .retain(|part| matches!(part, Part::Text(_) | Part::Omitted(_)));
    text
}
