use std::time::Duration;

use conversation_providers::testing::{Gate, ScriptedAnswer, ScriptedProvider};
use conversation_sdk::{
    Checkpoint, ConversationErrorKind as Kind, EventPosition, ManagerConfig, OnDrop, Part, Start,
    TruncationMode, TurnEvent, TurnOptions,
};
use media_loader::{FileAccess, MediaLoader};
use media_types::{MediaContent, Mime};

use crate::support::{KIB, Rig, first_text, history, image, image_bytes};

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
    assert!(error.unsent().is_some());
}

#[tokio::test]
async fn readers_of_a_repetition_continue_with_the_original() {
    let gate = Gate::new();
    let answer = ScriptedAnswer::new().text("one ").gate(&gate).text("two");
    let config = ManagerConfig::new().with_checkpoint(Some(Checkpoint::new(Duration::ZERO, 1)));
    let rig = Rig::with(ScriptedProvider::new().with_answer(answer), |builder| {
        builder.with_config(config)
    });
    let mut conversation = rig.start().await;
    let options = TurnOptions::new().with_idempotency_key("k1");
    let mut first = conversation.stream_with("Hi", options.clone());
    first_text(&mut first).await;
    let mut positions = Vec::new();
    let (here, there) = (rig.beside(), rig.beside());
    for node in [&rig, &here] {
        let mut repeating = node.resume(conversation.id()).await;
        let on_drop = options.clone().with_on_drop(OnDrop::Finish);
        let mut second = repeating.stream_with("Hi", on_drop);
        assert_eq!(first_text(&mut second).await, "one ");
        assert_eq!(second.turn(), first.turn());
        positions.push(second.position());
    }
    gate.open();
    for position in positions {
        assert_eq!(&position.turn, first.turn());
        let position: EventPosition = position.to_string().parse().unwrap();
        // Where the turn runs, where it was repeated, and elsewhere.
        for node in [&rig, &here, &there] {
            let reader = node.resume(conversation.id()).await;
            let mut events = reader.attach(position.clone());
            let Ok(TurnEvent::Lagged(snapshot)) = events.next().await.unwrap() else {
                panic!("nothing to redraw from");
            };
            let mut text = snapshot.texts.concat();
            while let Some(event) = events.next().await {
                if let TurnEvent::TextDelta(delta) = event.unwrap() {
                    text.push_str(&delta);
                }
            }
            assert_eq!(text.replace('\n', ""), "one two");
        }
    }
    assert_eq!(first.response().await.unwrap().text(), "one two");
    assert_eq!(rig.provider.requests().len(), 1);
}

#[tokio::test]
async fn a_turn_that_was_cut_off_keeps_its_answer_for_its_key() {
    let provider = ["one", "two", "three"]
        .iter()
        .fold(ScriptedProvider::new(), |provider, text| {
            provider.with_answer(ScriptedAnswer::new().text(*text))
        });
    let rig = Rig::new(provider);
    let mut conversation = rig.start().await;
    let options = TurnOptions::new().with_idempotency_key("k1");
    let first = conversation.send_with("Hi", options.clone()).await.unwrap();
    let again = conversation.regenerate(first.turn());
    assert_eq!(again.response().await.unwrap().text(), "two");
    let asked = first.messages()[0].id.clone();
    // The answer goes, then the question, and another turn comes.
    let cut = conversation.truncate(&asked, TruncationMode::KeepAsBranch);
    cut.await.unwrap();
    for edits in 0..2 {
        let repeated = conversation.send_with("Hi", options.clone()).await.unwrap();
        assert_eq!(repeated.text(), "two", "after {edits} edits");
        assert_eq!(repeated.messages().len(), 2);
        let attached = conversation.attach(first.turn().clone()).response().await;
        assert_eq!(attached.unwrap().text(), "two");
        if edits == 0 {
            let edited = conversation.edit_and_resend(&asked, "Hello");
            assert_eq!(edited.response().await.unwrap().text(), "three");
        }
    }
    assert_eq!(rig.provider.requests().len(), 3);
}

#[tokio::test]
async fn an_answer_that_was_replaced_does_not_come_back_when_the_new_one_is_removed() {
    let provider = ["old", "new"]
        .iter()
        .fold(ScriptedProvider::new(), |provider, text| {
            provider.with_answer(ScriptedAnswer::new().text(*text))
        });
    let rig = Rig::new(provider);
    let mut conversation = rig.start().await;
    let options = TurnOptions::new().with_idempotency_key("k1");
    let first = conversation.send_with("Hi", options.clone()).await.unwrap();
    let again = conversation.regenerate(first.turn());
    assert_eq!(again.response().await.unwrap().text(), "new");
    let asked = first.messages()[0].id.clone();
    let removed = conversation.truncate(&asked, TruncationMode::Remove);
    removed.await.unwrap();
    let repeated = conversation.send_with("Hi", options).await.unwrap();
    assert_eq!(repeated.text(), "");
    assert_eq!(repeated.messages().len(), 1);
    let attached = conversation.attach(first.turn().clone()).response().await;
    assert_eq!(attached.unwrap().text(), "");
    assert_eq!(rig.provider.requests().len(), 2);
}

#[tokio::test]
async fn files_are_recognized_by_what_is_in_them() {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, seed: u64| {
        let path = directory.path().join(name);
        std::fs::write(path, image_bytes(seed, 300 * KIB)).unwrap();
        MediaContent::from_path(Mime::IMAGE_PNG, name)
    };
    let access = FileAccess::Under(directory.path().to_owned());
    let provider = ScriptedProvider::new().with_answer(ScriptedAnswer::new().text("ok"));
    let rig = Rig::with(provider, |builder| {
        builder.with_media_loader(MediaLoader::builder().with_file_access(access).build())
    });
    let mut conversation = rig.start().await;
    let options = TurnOptions::new().with_idempotency_key("k1");
    let mut send = async |media: MediaContent| {
        let parts: Vec<Part> = vec!["look".into(), media.into()];
        let sent = conversation.send_with(parts, options.clone()).await;
        sent.map_err(|error| error.kind())
    };
    send(file("first.png", 1)).await.unwrap();
    send(file("spooled-again.png", 1)).await.unwrap();
    send(image(1, 300 * KIB)).await.unwrap();
    assert_eq!(
        send(file("first.png", 2)).await.unwrap_err(),
        Kind::KeyReused
    );
    // What was sent then is gone with its request, and so is what nobody ever sent.
    for (name, answered) in [("first.png", Ok(())), ("gone.png", Err(Kind::Media))] {
        let gone = file(name, 1);
        std::fs::remove_file(directory.path().join(name)).unwrap();
        assert_eq!(send(gone).await.map(drop), answered);
    }
    assert_eq!(rig.provider.requests().len(), 1);
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
