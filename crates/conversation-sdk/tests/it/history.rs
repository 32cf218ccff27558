//! Changes of histories.

use conversation_providers::testing::{Gate, ScriptedAnswer, ScriptedProvider};
use conversation_sdk::{
    ConversationErrorKind as Kind, ConversationFilter, ManagerConfig, Message, MessageId, Role,
    StateStore, TruncationMode, TurnEvent, Window,
};
use conversation_state::LoadOptions;

use crate::cut::{Cut, CutState, CutStorage, MovedClock};
use crate::support::{KIB, Rig, history, image, references};

fn answers(texts: &[&str]) -> ScriptedProvider {
    texts
        .iter()
        .fold(ScriptedProvider::new(), |provider, text| {
            provider.with_answer(ScriptedAnswer::new().text(*text))
        })
}

async fn ids(conversation: &conversation_sdk::Conversation) -> Vec<MessageId> {
    let messages = conversation.messages(Window::All).await.unwrap();
    messages.into_iter().map(|message| message.id).collect()
}

#[tokio::test]
async fn appended_messages_are_stored_like_those_of_a_turn_and_go_with_the_next() {
    let rig = Rig::new(answers(&["ok"]));
    let mut conversation = rig.start().await;
    let appended = [
        Message::user(vec!["what is this?".into(), image(1, 200 * KIB).into()]),
        Message::assistant(vec!["a cat".into()]),
    ];
    let made: Vec<_> = appended.iter().map(|message| message.id.clone()).collect();
    assert_eq!(conversation.append(appended).await.unwrap(), made);
    assert_eq!(ids(&conversation).await, made);
    let messages = conversation.messages(Window::All).await.unwrap();
    assert_eq!(references(&messages), rig.stored().await);
    conversation.send("and its color?").await.unwrap();
    let request = rig.provider.requests().remove(0);
    let texts: Vec<_> = request.messages.iter().map(Message::text).collect();
    assert_eq!(texts, ["what is this?", "a cat", "and its color?"]);
}

#[tokio::test]
async fn nothing_is_appended_while_a_turn_runs() {
    let gate = Gate::new();
    let answer = ScriptedAnswer::new().text("one").gate(&gate);
    let rig = Rig::new(ScriptedProvider::new().with_answer(answer));
    let mut conversation = rig.start().await;
    let mut events = conversation.stream("hello");
    while !matches!(
        events.next().await.unwrap().unwrap(),
        TurnEvent::TextDelta(_)
    ) {}
    let note = Message::user(vec![image(1, 200 * KIB).into()]);
    let error = conversation.append([note]).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Busy);
    assert!(rig.stored().await.is_empty());
    // Other fields are not the turn's.
    conversation
        .set_title(Some("A title".to_owned()))
        .await
        .unwrap();
    conversation.set_tags(["red"]).await.unwrap();
    conversation
        .set_metadata([("a".to_owned(), 1.into())].into_iter().collect())
        .await
        .unwrap();
    gate.open();
    events.response().await.unwrap();
    let record = conversation.record().await.unwrap();
    assert_eq!(record.title.as_deref(), Some("A title"));
    assert_eq!(record.metadata["a"], 1);
    let filter = ConversationFilter::new().with_tag("red");
    assert_eq!(
        rig.manager
            .find_conversations(&filter)
            .await
            .unwrap()
            .records
            .len(),
        1
    );
}

#[tokio::test]
async fn fields_that_many_set_at_once_are_all_set() {
    let rig = Rig::new(answers(&[]));
    let conversation = rig.start().await;
    let all = (0..20).map(|n| {
        let conversation = conversation.clone();
        tokio::spawn(async move { conversation.set_title(Some(format!("{n}"))).await })
    });
    for set in futures_util::future::join_all(all).await {
        set.unwrap().unwrap();
    }
    let huge = "x".repeat(17 * KIB);
    assert!(conversation.set_title(Some(huge)).await.is_err());
}

#[tokio::test]
async fn an_edit_replaces_what_comes_after_it_and_keeps_it_out_of_sight() {
    let rig = Rig::new(answers(&["one", "two", "three"]));
    let mut conversation = rig.start().await;
    conversation.send("1").await.unwrap();
    conversation.send("2").await.unwrap();
    let before = ids(&conversation).await;
    let edited = conversation.edit_and_resend(&before[2], "2, but better");
    assert_eq!(edited.response().await.unwrap().text(), "three");
    let expected = [
        (Role::User, "1".to_owned()),
        (Role::Assistant, "one".to_owned()),
        (Role::User, "2, but better".to_owned()),
        (Role::Assistant, "three".to_owned()),
    ];
    assert_eq!(history(&conversation).await, expected);
    let all = LoadOptions::new(Window::All).with_branches(true);
    assert_eq!(conversation.read(all).await.unwrap().messages.len(), 6);
    let request = rig.provider.requests().remove(2);
    assert_eq!(request.messages.len(), 3);
    let error = conversation
        .edit_and_resend(&MessageId::mint(), "?")
        .response()
        .await;
    assert_eq!(error.unwrap_err().kind(), Kind::NotFound);
}

#[tokio::test]
async fn an_edit_of_any_message_goes_with_the_turns_before_it() {
    let config = ManagerConfig::new().with_max_history_turns(Some(8));
    // The position of the message that is edited, and the first turn that goes with it.
    for (turn, first) in [(1, 1), (3, 1), (9, 1), (12, 4), (29, 21)] {
        let provider = ScriptedProvider::new().with_handler(|_| ScriptedAnswer::new().text("ok"));
        let rig = Rig::with(provider, |builder| builder.with_config(config.clone()));
        let mut conversation = rig.start().await;
        for number in 1..=30 {
            conversation.send(format!("{number}")).await.unwrap();
        }
        let edited = ids(&conversation).await[2 * (turn - 1)].clone();
        let events = conversation.edit_and_resend(&edited, "edited");
        events.response().await.unwrap();
        let sent = rig.provider.requests().pop().unwrap().messages;
        let sent: Vec<_> = sent
            .iter()
            .map(Message::text)
            .filter(|text| text != "ok")
            .collect();
        let mut expected: Vec<_> = (first..turn).map(|number| number.to_string()).collect();
        expected.push("edited".to_owned());
        assert_eq!(sent, expected, "turn {turn}");
    }
}

#[tokio::test]
async fn what_is_removed_goes_with_its_media_unless_something_else_names_it() {
    let rig = Rig::new(answers(&["one", "two", "three"]));
    let mut conversation = rig.start().await;
    conversation.send("1").await.unwrap();
    let first = conversation
        .send_with_media("2", [image(1, 200 * KIB)])
        .await
        .unwrap();
    let shared = first.messages()[0].media().next().unwrap().clone();
    let messages = conversation.messages(Window::All).await.unwrap();
    let after = messages[1].id.clone();
    conversation
        .send_with_media("3", [image(2, 200 * KIB)])
        .await
        .unwrap();
    conversation
        .truncate(&messages[3].id, TruncationMode::KeepAsBranch)
        .await
        .unwrap();
    assert_eq!(
        (ids(&conversation).await.len(), rig.stored().await.len()),
        (4, 2)
    );
    conversation
        .append([Message::user(vec![shared.into()])])
        .await
        .unwrap();
    // The appended message goes; so does the first that names the image.
    conversation
        .truncate(&messages[3].id, TruncationMode::Remove)
        .await
        .unwrap();
    assert_eq!(rig.stored().await.len(), 2);
    conversation
        .truncate(&after, TruncationMode::Remove)
        .await
        .unwrap();
    assert_eq!(
        (ids(&conversation).await.len(), rig.stored().await.len()),
        (2, 1)
    );
    let error = conversation
        .truncate(&MessageId::mint(), TruncationMode::Remove)
        .await;
    assert_eq!(error.unwrap_err().kind(), Kind::NotFound);
}

/// After a cut anywhere the history has all of the messages or none, and names nothing that is
/// gone.
#[tokio::test]
async fn an_append_that_is_cut_anywhere_is_whole_or_not_there() {
    let mut cuts = 0;
    for halves in 0..200 {
        let (clock, cut) = (MovedClock::default(), Cut::never());
        let (state, store) = (clock.state(), media_storage::InMemoryStorage::new());
        let rig = Rig::on(answers(&[]), state.clone(), store.clone(), |builder| {
            let (cut_state, cut_store) = (cut.clone(), cut.clone());
            builder
                .with_state_store(CutState {
                    inner: state.clone(),
                    cut: cut_state,
                })
                .with_media_storage(CutStorage {
                    inner: store.clone(),
                    cut: cut_store,
                })
        });
        let conversation = rig.start().await;
        cut.after(halves);
        let messages: Vec<_> = (0..3)
            .map(|seed| Message::user(vec![image(seed, 150 * KIB).into()]))
            .collect();
        let done = tokio::select! {
            appended = conversation.append(messages) => Some(appended.unwrap()),
            () = cut.reached() => None,
        };
        let loaded = state
            .load(conversation.id(), Window::All.into())
            .await
            .unwrap()
            .unwrap();
        assert!([0, 3].contains(&loaded.messages.len()));
        let named = state
            .referenced_by(conversation.id(), None, 100)
            .await
            .unwrap();
        let stored: Vec<_> = rig
            .stored()
            .await
            .iter()
            .map(conversation_state::ReferenceKey::from)
            .collect();
        assert!(
            named.iter().all(|key| stored.contains(key)),
            "after {halves} halves"
        );
        if done.is_some() {
            break;
        }
        cuts += 1;
    }
    assert!(cuts > 8, "{cuts} cuts");
}
