//! Stored answers, which go with their conversation.

use super::*;

#[tokio::test]
async fn stored_answers_go_with_their_conversation() {
    let api = Api::start().await;
    let (state, store) = (InMemoryStateStore::new(), InMemoryStorage::new());
    let storing = api.node(api.gpt(true), &state, &store);
    let later = api.node(api.gpt(false), &state, &store);
    // Also where the provider keeps none any more.
    for (manager, first) in [(&storing, 1), (&later, 3)] {
        let mut conversation = storing.start(Start::new()).await.unwrap();
        conversation.send("Hello").await.unwrap();
        conversation.send("Again").await.unwrap();
        let id = conversation.id().clone();
        let receipt = manager
            .delete_conversation(&id, Owner::any())
            .await
            .unwrap();
        assert!(receipt.is_complete(), "{receipt:?}");
        let listed: Vec<_> = receipt
            .copies
            .iter()
            .filter(|copies| copies.copies > 0)
            .map(|copies| (copies.place.as_str(), copies.copies))
            .collect();
        assert_eq!(listed, [("openai responses", 2)]);
        for number in [first, first + 1] {
            assert!(api.count(&format!("DELETE /v1/responses/resp_{number}")) > 0);
        }
    }
}

#[tokio::test]
async fn stored_answers_of_an_original_stay_when_copies_are_deleted() {
    let api = Api::start().await;
    let (state, store) = (InMemoryStateStore::new(), InMemoryStorage::new());
    let manager = api.node(api.gpt(true), &state, &store);
    let mut original = manager.start(Start::new()).await.unwrap();
    original.send("Hello").await.unwrap();
    let messages = original.messages(Window::All).await.unwrap();
    let mut branch = original.branch(&messages[1].id).await.unwrap();
    branch.send("Here").await.unwrap();
    let imported = manager.start(Start::new()).await.unwrap();
    imported.append(messages).await.unwrap();
    for copy in [branch.id(), imported.id()] {
        let receipt = manager.delete_conversation(copy, Owner::any()).await;
        assert!(receipt.unwrap().is_complete());
    }
    assert_eq!(api.count("DELETE /v1/responses/resp_1"), 0);
    assert!(api.count("DELETE /v1/responses/resp_2") > 0);
    let receipt = manager.delete_conversation(original.id(), Owner::any());
    assert!(receipt.await.unwrap().is_complete());
    assert!(api.count("DELETE /v1/responses/resp_1") > 0);
}

#[tokio::test]
async fn stored_answers_of_a_long_history_are_looked_for_in_pages() {
    let api = Api::start().await;
    let state = FaultyState::new(InMemoryStateStore::new());
    let manager = api.node_with(api.gpt(true), state.clone(), &InMemoryStorage::new(), None);
    let mut calls = Vec::new();
    for (number, len) in [(1, 1), (2, 500)] {
        let mut conversation = manager.start(Start::new()).await.unwrap();
        for _ in 0..len {
            let message = Message::user(UserMessage::from("earlier"));
            conversation.append([message]).await.unwrap();
        }
        conversation.send("Hello").await.unwrap();
        state.take_counts();
        let receipt = manager.delete_conversation(conversation.id(), Owner::any());
        assert!(receipt.await.unwrap().is_complete());
        calls.push(state.take_counts().calls);
        assert!(api.count(&format!("DELETE /v1/responses/resp_{number}")) > 0);
    }
    assert!(calls[1] >= calls[0] + 7, "{calls:?}");
}

#[tokio::test]
async fn stored_answers_whose_stream_broke_go_with_their_conversation() {
    let api = Api::start().await;
    let (state, store) = (InMemoryStateStore::new(), InMemoryStorage::new());
    let manager = api.node(api.gpt(true), &state, &store);
    let mut conversation = manager.start(Start::new()).await.unwrap();
    api.log.breaks.send_replace(Some(Break::InText));
    for _ in 0..2 {
        let error = conversation.send("A story").await.unwrap_err();
        assert_eq!(error.kept().unwrap().text(), "Once");
    }
    // The next request names an answer that is whole, and none that broke.
    api.log.breaks.send_replace(None);
    conversation.send("Go on").await.unwrap();
    conversation.send("And on").await.unwrap();
    let bodies = api.bodies("POST /v1/responses");
    let named: Vec<_> = bodies
        .iter()
        .map(|body| &body["previous_response_id"])
        .collect();
    assert_eq!(
        named,
        [&Value::Null, &Value::Null, &Value::Null, &json!("resp_3")]
    );
    let id = conversation.id().clone();
    let receipt = manager
        .delete_conversation(&id, Owner::any())
        .await
        .unwrap();
    assert!(receipt.is_complete(), "{receipt:?}");
    for number in 1..=4 {
        assert!(
            api.count(&format!("DELETE /v1/responses/resp_{number}")) > 0,
            "{number}"
        );
    }
}

#[tokio::test]
async fn a_stored_answer_of_which_nothing_came_is_deleted_at_once() {
    let api = Api::start().await;
    let (state, store) = (InMemoryStateStore::new(), InMemoryStorage::new());
    let manager = api.node(api.gpt(true), &state, &store);
    let mut conversation = manager.start(Start::new()).await.unwrap();
    for (number, breaks) in [(1, Break::AfterId), (2, Break::Failed)] {
        api.log.breaks.send_replace(Some(breaks));
        conversation.send("A story").await.unwrap_err();
        // Deleting the conversation would not find it: no message has its id.
        let line = format!("DELETE /v1/responses/resp_{number}");
        let deleted = api.asked(&line, 1);
        tokio::time::timeout(Duration::from_secs(120), deleted)
            .await
            .unwrap();
    }
    let history = conversation.messages(Window::All).await.unwrap();
    assert_eq!(history.len(), 2);
    assert!(history.iter().all(|message| message.role == Role::User));
}
