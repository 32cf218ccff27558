//! What a turn writes that another owner has taken over.

use conversation_providers::testing::Gate;
use conversation_sdk::state::{Fence, StateStore, StateWrite, TurnFence};
use conversation_sdk::{Part, TurnStatus};

use super::*;
use crate::support::first_text;

#[tokio::test]
async fn what_is_written_late_and_reported_holds_no_signature() {
    let (images, gate) = (Images::start().await, Gate::new());
    let answer = ScriptedAnswer::new()
        .text("here it is")
        .content(images.at("a.png?X-Amz-Signature=hush"))
        .content(images.at("b.png?token=hush"))
        .gate(&gate)
        .text("and more");
    let rig = images.rig(ScriptedProvider::new().with_answer(answer));
    let mut conversation = rig.start().await;
    let id = conversation.id().clone();
    let mut events = conversation.stream("Paint");
    first_text(&mut events).await;
    // Somebody ends the turn meanwhile.
    let loaded = rig
        .state
        .load(&id, Window::All.into())
        .await
        .unwrap()
        .unwrap();
    let mut taken = loaded.turns[0].clone();
    let held = TurnFence::new(taken.id.clone(), taken.epoch);
    taken.status = TurnStatus::Interrupted;
    taken.lease = None;
    taken.epoch += 1;
    let fence = Fence::Head {
        head: loaded.record.head,
        turn: Some(held),
    };
    let write = StateWrite::new(&loaded.record, fence).with_turn(taken);
    rig.state.apply(write).await.unwrap();
    gate.open();
    let error = events.response().await.unwrap_err();
    assert_eq!(error.kind(), Kind::LeaseLost);
    let messages = conversation.messages(Window::All).await.unwrap();
    assert_eq!(messages.len(), 2);
    assert!(messages[1].text().starts_with("here it is"));
    let is_omitted = |part: &&Part| matches!(part, Part::Omitted(_));
    assert_eq!(messages[1].content.iter().filter(is_omitted).count(), 2);
    let written = serde_json::to_string(&messages).unwrap();
    let kept = error.kept().unwrap();
    let reported = serde_json::to_string(kept).unwrap();
    let said = format!(
        "{error} {error:?} {}",
        serde_json::to_string(&error).unwrap()
    );
    let told = serde_json::to_string(&*rig.events.lock().unwrap()).unwrap();
    for text in [written, reported, said, told] {
        assert!(!text.contains("hush"), "{text}");
    }
    // What was fetched for the write that did not happen is gone.
    stored(&rig, 0).await;
}
