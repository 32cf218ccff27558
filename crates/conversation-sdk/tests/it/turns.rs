use conversation_providers::testing::{ScriptedAnswer, ScriptedProvider};
use conversation_sdk::{
    ConversationErrorKind as Kind, Owner, Role, TurnEvent, TurnOptions, TurnStatus, Window,
};
use media_types::Mime;

use crate::support::{KIB, Rig, history, image, image_bytes, references};

#[tokio::test]
async fn a_turn_is_in_the_history_and_goes_with_the_next() {
    let provider = ScriptedProvider::new()
        .with_answer(ScriptedAnswer::new().text("Hello."))
        .with_answer(ScriptedAnswer::new().text("Fine."));
    let rig = Rig::new(provider);
    let mut conversation = rig.start().await;
    let response = conversation.send("Hi").await.unwrap();
    assert_eq!(response.text(), "Hello.");
    assert_eq!(response.status(), TurnStatus::Complete);
    conversation.send("How are you?").await.unwrap();
    let expected = [
        (Role::User, "Hi"),
        (Role::Assistant, "Hello."),
        (Role::User, "How are you?"),
        (Role::Assistant, "Fine."),
    ];
    let expected: Vec<_> = expected.map(|(role, text)| (role, text.to_owned())).into();
    assert_eq!(history(&conversation).await, expected);
    let requests = rig.provider.requests();
    assert_eq!(requests[1].messages.len(), 3);
    let record = conversation.record().await.unwrap();
    assert_eq!((record.current_turn, record.message_count), (None, 4));
    assert!(rig.event_names().contains(&"turn_finished".to_owned()));
}

#[tokio::test]
async fn media_goes_to_the_store_and_comes_back() {
    let painted = image_bytes(2, 300 * KIB);
    let provider = ScriptedProvider::new()
        .with_answer(
            ScriptedAnswer::new()
                .text("Look:")
                .media(Mime::IMAGE_PNG, painted.clone()),
        )
        .with_answer(ScriptedAnswer::new().text("Yes."));
    let rig = Rig::new(provider);
    let mut conversation = rig.start().await;
    let photo = image(1, 200 * KIB);
    let response = conversation
        .send_with_media("Paint this", [photo])
        .await
        .unwrap();
    let messages = conversation.messages(Window::All).await.unwrap();
    let references = references(&messages);
    assert_eq!(references.len(), 2);
    assert_eq!(rig.stored().await.len(), 2);
    let loaded = conversation.open_media(response.media()[0]).await.unwrap();
    let bytes = loaded.body.bytes(1 << 20).await.unwrap();
    assert_eq!(bytes, painted);
    let state = serde_json::to_string(&messages).unwrap();
    assert!(state.len() < 4 * KIB, "{} bytes of state", state.len());
    conversation.send("Again?").await.unwrap();
}

#[tokio::test]
async fn events_come_as_they_happen_and_end_with_the_response() {
    let answer = ScriptedAnswer::new().text_in_pieces("one two three", 4);
    let rig = Rig::new(ScriptedProvider::new().with_answer(answer));
    let mut conversation = rig.start().await;
    let mut events = conversation.stream("Count");
    let (mut text, mut done) = (String::new(), None);
    while let Some(event) = events.next().await {
        match event.unwrap() {
            TurnEvent::TextDelta(delta) => text.push_str(&delta),
            TurnEvent::Done(response) => done = Some(response),
            _ => {}
        }
    }
    assert_eq!(text, "one two three");
    assert_eq!(done.unwrap().text(), text);
}

#[tokio::test]
async fn conversations_belong_to_their_owners() {
    let rig = Rig::new(ScriptedProvider::new());
    let conversation = rig.start().await;
    let id = conversation.id();
    assert!(rig.manager.resume(id, Owner::user("u1")).await.is_ok());
    assert!(rig.manager.resume(id, Owner::any()).await.is_ok());
    for owner in ["u2", "U1"] {
        let error = rig
            .manager
            .resume(id, Owner::user(owner))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), Kind::NotFound);
    }
    assert_eq!(rig.manager.conversations("u1").await.unwrap().len(), 1);
}

#[tokio::test]
async fn an_empty_message_is_refused_before_anything_happens() {
    let rig = Rig::new(ScriptedProvider::new());
    let mut conversation = rig.start().await;
    for message in ["", "x"] {
        let options = TurnOptions::new().with_max_rounds(1);
        let error = conversation.send_with(message, options).await.unwrap_err();
        let expected = match message {
            "" => Kind::InvalidInput,
            _ => Kind::Provider,
        };
        assert_eq!(error.kind(), expected);
    }
    // The second message failed before anything came of an answer; it is kept.
    assert_eq!(history(&conversation).await, [(Role::User, "x".to_owned())]);
}
