use conversation_providers::testing::{Gate, ScriptedAnswer, ScriptedProvider};
use conversation_sdk::{ConversationErrorKind as Kind, Start, TurnOptions};

use crate::support::{Rig, history};

#[tokio::test]
async fn the_same_key_makes_one_turn() {
    let gate = Gate::new();
    let answer = ScriptedAnswer::new().text("Hello").gate(&gate);
    let rig = Rig::new(ScriptedProvider::new().with_answer(answer));
    let mut conversation = rig.start().await;
    let options = TurnOptions::new().with_idempotency_key("k1");
    let first = conversation.stream_with("Hi", options.clone());
    // The second finds the first running and follows it.
    let second = conversation.send_with("Hi", options.clone());
    let second = tokio::spawn(second);
    gate.open();
    let first = first.response().await;
    let second = second.await.unwrap();
    // Either may be the one that began it.
    let responses: Vec<_> = [first, second].into_iter().filter_map(Result::ok).collect();
    assert!(!responses.is_empty());
    let third = conversation.send_with("Hi", options.clone()).await.unwrap();
    assert_eq!(third.text(), "Hello");
    assert_eq!(rig.provider.requests().len(), 1);
    assert_eq!(history(&conversation).await.len(), 2);
    let error = conversation.send_with("Other", options).await.unwrap_err();
    assert_eq!(error.kind(), Kind::KeyReused);
}

#[tokio::test]
async fn the_same_key_starts_one_conversation() {
    let rig = Rig::new(ScriptedProvider::new());
    let start = || Start::new().with_user("u1").with_idempotency_key("k");
    let first = rig.manager.start(start()).await.unwrap();
    let second = rig.manager.start(start()).await.unwrap();
    assert_eq!(first.id(), second.id());
    let other = Start::new().with_user("u2").with_idempotency_key("k");
    assert_ne!(rig.manager.start(other).await.unwrap().id(), first.id());
}
