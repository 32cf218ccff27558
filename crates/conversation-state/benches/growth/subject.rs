//! A conversation of many turns, and what another turn of it is made of.

use std::time::{Duration, Instant};

use conversation_state::*;
use conversation_types::{Message, RawJson, TurnId};
use media_types::{ConversationId, MediaContent, Mime, StorageReference};

use crate::Failure;

/// Turns in context that a turn reads.
const WINDOW: usize = 5;

/// A conversation in a store, which is opened anew for each phase.
pub(crate) struct Subject {
    id: ConversationId,
    turns: usize,
}

impl Subject {
    /// Makes a conversation of so many turns.
    pub(crate) async fn new(store: &dyn StateStore, turns: usize) -> Result<Self, Failure> {
        let new = ConversationRecord::new(ConversationId::mint())
            .with_user(Some("user".parse()?))
            .with_session(Some("session".parse()?));
        let mut record = store.create(NewConversation::new(new)).await?.into_record();
        let id = record.id.clone();
        let mut made = 0;
        while made < turns {
            let until = turns.min(made + 500);
            record = add(store, &record, made..until).await?;
            made = until;
        }
        Ok(Self { id, turns })
    }

    /// Runs a turn as a manager does: it reads the window, begins, renews its lease, and ends. Returns how
    /// many messages it read, and how long it took.
    pub(crate) async fn turn(
        &mut self,
        store: &dyn StateStore,
    ) -> Result<(u64, Duration), Failure> {
        let began = Instant::now();
        let options = LoadOptions::new(Window::NewestTurns(WINDOW))
            .with_key("key")
            .with_planner("planner");
        let loaded = store.load(&self.id, options).await?;
        let loaded = loaded.ok_or("the conversation is gone")?;
        let record = &loaded.record;
        let mut turn = TurnRecord::new(TurnId::mint());
        let fence = Fence::Head {
            head: record.head,
            turn: None,
        };
        let begin = StateWrite::new(record, fence)
            .with_append([question(&turn.id, self.turns)?])
            .with_turn(turn.clone())
            .with_lease(LeaseChange::Take {
                owner: "owner".into(),
                duration: Duration::from_secs(60),
            });
        let begun = store.apply(begin).await?;
        let own = TurnFence::new(turn.id.clone(), begun.epoch.unwrap_or_default());
        let renew = StateWrite::new(&begun.record, Fence::Turn(own.clone()))
            .with_lease(LeaseChange::Hold(Duration::from_secs(60)));
        let renewed = store.apply(renew).await?;
        let fence = Fence::Head {
            head: renewed.head,
            turn: Some(own),
        };
        turn.status = TurnStatus::Complete;
        let planner = RawJson::from_text(format!("{{\"oldest\":{}}}", self.turns))?;
        let finish = StateWrite::new(&renewed.record, fence)
            .with_append([answer(&turn.id)])
            .with_turn(turn)
            .with_planner(PlannerEntry::new("planner", planner));
        store.apply(finish).await?;
        self.turns += 1;
        Ok((loaded.messages.len() as u64, began.elapsed()))
    }
}

/// Adds turns in one write. Every fifth has failed.
async fn add(
    store: &dyn StateStore,
    record: &ConversationRecord,
    turns: std::ops::Range<usize>,
) -> Result<ConversationRecord, Failure> {
    let fence = Fence::Head {
        head: record.head,
        turn: None,
    };
    let mut write = StateWrite::new(record, fence);
    for n in turns {
        let mut turn = TurnRecord::new(TurnId::mint()).with_status(TurnStatus::Complete);
        if n % 5 == 4 {
            turn.status = TurnStatus::Failed;
            turn.in_context = ContextInclusion::None;
        }
        write = write
            .with_append([question(&turn.id, n)?, answer(&turn.id)])
            .with_turn(turn);
    }
    Ok(store.apply(write).await?.record)
}

fn question(turn: &TurnId, n: usize) -> Result<Message, Failure> {
    // The token of a file name is random.
    let token = ConversationId::mint();
    let id = format!("session/conversation/ab12cd-{token}.png");
    let reference = StorageReference::builder("file", id)
        .with_size(1 << 20)
        .build()?;
    let media = MediaContent::from_reference(Mime::IMAGE_PNG, reference);
    let text = format!("question {n} {}", "word ".repeat(40));
    Ok(Message::user(vec![text.into(), media.into()]).with_turn(turn.clone()))
}

fn answer(turn: &TurnId) -> Message {
    Message::assistant(vec!["word ".repeat(200).into()]).with_turn(turn.clone())
}
