//! Reading the events of a turn that was started elsewhere.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use conversation_events::{
    ConversationError, ConversationErrorKind as Kind, EventPosition, TurnEvent, TurnEvents,
    TurnSnapshot, floor_boundary, outcome_of, response_of,
};
use conversation_state::{ConversationRecord, ConversationStatus, LoadOptions, Window};
use conversation_types::{Message, Role, TurnId};
use futures_util::{StreamExt, stream};

use super::admit::{is_abandoned, take_over};
use crate::core::Core;

/// How often the state is looked at for a turn of another node.
const POLL: Duration = Duration::from_millis(500);

/// Returns the events of a turn from a place on: live where it runs in this process, else by what
/// its owner writes.
pub(crate) fn events(
    core: &Arc<Core>,
    record: &ConversationRecord,
    turn: TurnId,
    from: u64,
) -> TurnEvents {
    if let Some(running) = core.turns.get(&record.id, &turn) {
        return TurnEvents::of_log(running.log, from);
    }
    let position = Arc::new(AtomicU64::new(from));
    let follower = Follower {
        core: Arc::clone(core),
        record: record.clone(),
        turn: turn.clone(),
        position: Arc::clone(&position),
        redraws: from > 0,
        sent: 0,
        first: true,
    };
    let events = stream::unfold(Some(follower), |follower| async move {
        let mut follower = follower?;
        match follower.next().await {
            Ok(Some(event)) => {
                // Sequences are the owner's to count.
                follower
                    .position
                    .store(EventPosition::REDRAW, Ordering::Release);
                let rest = (!matches!(event, TurnEvent::Done(_))).then_some(follower);
                Some((Ok(event), rest))
            }
            Ok(None) => None,
            Err(error) => Some((Err(error), None)),
        }
    });
    TurnEvents::of_stream(turn, events.boxed(), position)
}

/// Follows a turn by what its owner writes to the state.
struct Follower {
    core: Arc<Core>,
    record: ConversationRecord,
    turn: TurnId,
    position: Arc<AtomicU64>,
    /// Whether the reader has seen something before. How much of it was text is not known here, so
    /// such a reader begins with what there is.
    redraws: bool,
    /// How many bytes of text were read from the state so far.
    sent: usize,
    first: bool,
}

impl Follower {
    async fn next(&mut self) -> Result<Option<TurnEvent>, ConversationError> {
        loop {
            if !std::mem::take(&mut self.first) {
                tokio::time::sleep(POLL).await;
                // The turn goes on elsewhere, and so may its reader.
                self.core.check_open()?;
            }
            let options = LoadOptions::new(Window::Turn(self.turn.clone()));
            let loaded = self.core.state.load(&self.record.id, options).await?;
            let not_found = || ConversationError::new(Kind::NotFound).with_turn(self.turn.clone());
            let loaded = loaded.ok_or_else(|| not_found().with_detail("it was deleted"))?;
            if loaded.record.status == ConversationStatus::Deleting {
                return Err(not_found().with_detail("it was deleted"));
            }
            let turn = loaded.turn(&self.turn).cloned();
            let turn = turn.ok_or_else(|| not_found().with_detail("it has no such turn"))?;
            if is_abandoned(&turn, loaded.now) {
                // Nobody else may ever come.
                take_over(&self.core, &loaded, turn).await?;
                continue;
            }
            let record = loaded.record.clone();
            let messages = loaded.into_messages_of_turn();
            if std::mem::take(&mut self.redraws) {
                self.first = true;
                return Ok(Some(TurnEvent::Lagged(self.snapshot(&messages))));
            }
            if let Some(delta) = self.new_text(&messages) {
                // More may have come; it is looked at again at once.
                self.first = true;
                return Ok(Some(TurnEvent::TextDelta(delta)));
            }
            if !turn.status.is_open() || turn.status == conversation_state::TurnStatus::Suspended {
                let response = response_of(&record, &turn, messages);
                return outcome_of(response, &turn).map(|response| Some(TurnEvent::Done(response)));
            }
        }
    }

    /// Returns what was written so far, for a reader to redraw from.
    fn snapshot(&mut self, messages: &[Message]) -> TurnSnapshot {
        let answers = messages.iter().filter(|m| m.role == Role::Assistant);
        let texts: Vec<String> = answers.map(Message::text).collect();
        self.sent = texts.iter().map(String::len).sum();
        let made = messages.iter().filter(|m| m.role != Role::User);
        let media = made.flat_map(Message::media).cloned().collect();
        TurnSnapshot::new(texts, media)
    }

    /// Returns the text that was written since the last look.
    fn new_text(&mut self, messages: &[Message]) -> Option<String> {
        let answers = messages.iter().filter(|m| m.role == Role::Assistant);
        let text: String = answers.map(Message::text).collect();
        let start = floor_boundary(&text, self.sent);
        let delta = text.get(start..)?.to_owned();
        self.sent = text.len();
        if delta.is_empty() {
            return None;
        }
        Some(delta)
    }
}
