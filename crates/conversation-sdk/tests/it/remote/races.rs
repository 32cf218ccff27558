//! Turns that lose a race while they fetch.

use super::*;
use crate::support::references;

#[tokio::test]
async fn a_turn_that_lost_a_race_fetches_nothing_again() {
    let images = Images::start().await;
    let provider = ScriptedProvider::new()
        .with_answer(ScriptedAnswer::new().text("first"))
        .with_answer(ScriptedAnswer::new().text("second"));
    let rig = images.rig(provider);
    let mut conversation = rig.start().await;
    let mut other = rig.resume(conversation.id()).await;
    images.is_held.send_replace(true);
    let message = UserMessage::from("look")
        .with_part(images.at("a.png?sig=hush"))
        .with_part(images.at("b.png"));
    // The bytes of one are stored in the ordinary way, and stored again.
    let message = message.with_part(crate::support::image(7, 200 * crate::support::KIB));
    let options = TurnOptions::new().with_wait(GUARD);
    let turn = tokio::spawn(async move {
        let answered = conversation.send_with(message, options).await;
        (conversation, answered)
    });
    images.wait(2).await;
    other.send("I am faster").await.unwrap();
    images.is_held.send_replace(false);
    let (conversation, answered) = turn.await.unwrap();
    assert_eq!(answered.unwrap().text(), "second");
    assert_eq!(images.asked().len(), 2, "{:?}", images.asked());
    let messages = conversation.messages(Window::All).await.unwrap();
    assert_eq!(messages[2].text(), "look");
    let named = references(&messages);
    assert_eq!(named.len(), 3);
    let mut kept = rig.stored().await;
    assert_eq!(kept.len(), 3);
    kept.retain(|reference| !named.contains(reference));
    assert!(kept.is_empty(), "{kept:?}");
    let json = serde_json::to_string(&messages).unwrap();
    assert!(!json.contains("hush"), "{json}");
}

#[tokio::test]
async fn a_turn_that_does_not_look_again_leaves_nothing() {
    let images = Images::start().await;
    let rig = images.rig(ScriptedProvider::new().with_answer(ScriptedAnswer::new().text("first")));
    let mut conversation = rig.start().await;
    let mut other = rig.resume(conversation.id()).await;
    images.is_held.send_replace(true);
    let message = UserMessage::from("look").with_part(images.at("a.png"));
    let turn = tokio::spawn(async move { conversation.send(message).await });
    images.wait(1).await;
    other.send("I am faster").await.unwrap();
    images.is_held.send_replace(false);
    let error = turn.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), Kind::Conflict);
    // No task is left that could still take it back.
    assert!(rig.stored().await.is_empty());
}

/// Less than a fetch may take.
const TURN: Duration = Duration::from_secs(8);

#[tokio::test]
async fn a_turn_that_is_stopped_while_it_fetches_leaves_nothing() {
    for is_late in [false, true] {
        let images = Images::start().await;
        let rig = images.rig(ScriptedProvider::new());
        let mut conversation = rig.start().await;
        images.is_held.send_replace(true);
        let message = UserMessage::from("look").with_part(images.at("a.png?sig=hush"));
        let options = match is_late {
            true => TurnOptions::new().with_timeout(TURN),
            false => TurnOptions::new(),
        };
        let events = conversation.stream_with(message, options);
        images.wait(1).await;
        let error = match is_late {
            true => {
                // The time of the turn runs out now, however slow the machine is.
                tokio::time::pause();
                tokio::time::advance(TURN).await;
                tokio::time::resume();
                events.response().await.unwrap_err()
            }
            false => {
                let id = conversation.id().clone();
                let stopped = rig.manager.cancel_turn(&id, Owner::any(), events.turn());
                stopped.await.unwrap();
                events.response().await.unwrap_err()
            }
        };
        let expected = match is_late {
            true => Kind::Timeout,
            false => Kind::Cancelled,
        };
        assert_eq!(error.kind(), expected);
        assert!(!format!("{error} {error:?}").contains("hush"));
        images.is_held.send_replace(false);
        stored(&rig, 0).await;
        assert!(crate::support::history(&conversation).await.is_empty());
        assert_eq!(rig.provider.request_count(), 0);
        // The next turn is free to begin.
        rig.provider.push(ScriptedAnswer::new().text("ok"));
        assert_eq!(conversation.send("And now?").await.unwrap().text(), "ok");
    }
}
