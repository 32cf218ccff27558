//! What a turn writes and reports that another owner has taken over, or that cannot be written.

use conversation_providers::testing::Gate;
use conversation_sdk::state::InMemoryStateStore;
use conversation_sdk::state::conformance::{Fault, FaultyState, Operation};
use conversation_sdk::{ConversationError, ManagerConfig, Part};

use super::*;
use crate::support::{first_text, take_over};

/// A model that answers with images at signed URLs, and waits in the middle.
fn painting(images: &Images, gate: &Gate) -> ScriptedProvider {
    let answer = ScriptedAnswer::new()
        .text("here it is")
        .content(images.at("a.png?X-Amz-Signature=hush"))
        .content(images.at("b.png?token=hush"))
        .gate(gate)
        .text("and more");
    ScriptedProvider::new().with_answer(answer)
}

/// What a caller can find out from an error.
fn reported(error: &ConversationError) -> String {
    let kept = serde_json::to_string(error.kept().unwrap()).unwrap();
    assert!(kept.contains("here it is"), "{kept}");
    let json = serde_json::to_string(error).unwrap();
    format!("{error} {error:?} {json} {kept}")
}

#[tokio::test]
async fn what_is_written_late_and_reported_holds_no_signature() {
    let (images, gate) = (Images::start().await, Gate::new());
    let rig = images.rig(painting(&images, &gate));
    let mut conversation = rig.start().await;
    let id = conversation.id().clone();
    let mut events = conversation.stream("Paint");
    first_text(&mut events).await;
    take_over(&rig.state, &id).await;
    gate.open();
    let error = events.response().await.unwrap_err();
    assert_eq!(error.kind(), Kind::LeaseLost);
    let messages = conversation.messages(Window::All).await.unwrap();
    assert_eq!(messages.len(), 2);
    assert!(messages[1].text().starts_with("here it is"));
    let is_omitted = |part: &&Part| matches!(part, Part::Omitted(_));
    assert_eq!(messages[1].content.iter().filter(is_omitted).count(), 2);
    let written = serde_json::to_string(&messages).unwrap();
    let told = serde_json::to_string(&*rig.events.lock().unwrap()).unwrap();
    for text in [written, reported(&error), told] {
        assert!(!text.contains("hush"), "{text}");
    }
    // What was fetched for the write that did not happen is gone.
    stored(&rig, 0).await;
}

#[tokio::test]
async fn what_is_reported_after_another_turn_has_begun_holds_no_signature() {
    let (images, gate, held) = (Images::start().await, Gate::new(), Gate::new());
    let rig = images.rig(painting(&images, &gate));
    let mut conversation = rig.start().await;
    let id = conversation.id().clone();
    let mut events = conversation.stream("Paint");
    first_text(&mut events).await;
    take_over(&rig.state, &id).await;
    let later = ScriptedAnswer::new().text("mine").gate(&held).text("!");
    let later = ScriptedProvider::new().with_answer(later);
    let other = Rig::on(later, rig.state.clone(), rig.store.clone(), |other| other);
    let mut other = other.resume(&id).await;
    let mut next = other.stream("And now?");
    first_text(&mut next).await;
    gate.open();
    let error = events.response().await.unwrap_err();
    assert_eq!(error.kind(), Kind::LeaseLost);
    let text = reported(&error);
    assert!(!text.contains("hush"), "{text}");
    held.open();
    assert_eq!(next.response().await.unwrap().text(), "mine!");
    stored(&rig, 0).await;
}

#[tokio::test]
async fn what_is_reported_where_nothing_can_be_written_holds_no_signature() {
    for fault in [Fault::Before, Fault::LostAnswer] {
        let (images, gate) = (Images::start().await, Gate::new());
        let state = FaultyState::new(InMemoryStateStore::new());
        let (loader, faulty) = (images.loader(1024 * 1024), state.clone());
        let rig = Rig::with(painting(&images, &gate), |builder| {
            // Nothing comes of it, however long it is tried.
            let config = ManagerConfig::new().with_state_retry_time(Duration::from_millis(100));
            let builder = builder.with_media_loader(loader).with_config(config);
            builder.with_state_store(faulty)
        });
        let mut conversation = rig.start().await;
        let mut events = conversation.stream("Paint");
        first_text(&mut events).await;
        state.inject_lasting(Operation::Apply, fault);
        state.inject_lasting(Operation::Load, Fault::Before);
        gate.open();
        let error = events.response().await.unwrap_err();
        let text = reported(&error);
        assert!(!text.contains("hush"), "{fault:?} {text}");
        state.heal();
    }
}
