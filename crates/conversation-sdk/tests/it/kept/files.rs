//! Files of media, over restarts and deletions.

use super::*;

#[tokio::test]
async fn a_file_is_uploaded_once_over_restarts_and_goes_with_its_conversation() {
    let api = Api::start().await;
    let (state, store) = (InMemoryStateStore::new(), InMemoryStorage::new());
    let claude = || api.claude();
    let start = || Start::new().with_user("u1");

    let first = api.node(claude(), &state, &store);
    let mut conversation = first.start(start()).await.unwrap();
    let message = UserMessage::from("look").with_part(image(1, 200 * KIB));
    conversation.send(message).await.unwrap();
    conversation.send("and now?").await.unwrap();
    let id = conversation.id().clone();
    drop((conversation, first));

    // Another process knows the file by the state.
    let second = api.node(claude(), &state, &store);
    let mut conversation = second.resume(&id, Owner::user("u1")).await.unwrap();
    conversation.send("still?").await.unwrap();
    assert_eq!(api.count("POST /v1/files"), 1, "{:?}", api.lines());
    for body in api.bodies("POST /v1/messages") {
        let source = &body["messages"][0]["content"][1]["source"];
        assert_eq!(*source, json!({"type": "file", "file_id": "file_1"}));
    }

    // Another conversation of the same node uses the same file, and has it named too.
    let mut other = second.start(start()).await.unwrap();
    let message = UserMessage::from("look").with_part(image(1, 200 * KIB));
    other.send(message).await.unwrap();
    assert_eq!(api.count("POST /v1/files"), 1);

    let receipt = second
        .delete_conversation(&id, Owner::user("u1"))
        .await
        .unwrap();
    assert!(receipt.is_complete(), "{receipt:?}");
    assert_eq!(receipt.copies.len(), 1, "{receipt:?}");
    let copies = &receipt.copies[0];
    assert_eq!(
        (copies.place.as_str(), copies.copies),
        ("provider files", 1)
    );
    assert_eq!(copies.bytes, 200 * KIB as u64);
    assert!(api.count("DELETE /v1/files/file_1") > 0);

    // What an erasure removes is listed.
    let message = UserMessage::from("and this").with_part(image(2, 200 * KIB));
    other.send(message).await.unwrap();
    let receipt = second.erase_user(&"u1".parse().unwrap()).await.unwrap();
    assert!(receipt.is_complete(), "{receipt:?}");
    assert_eq!(api.count("POST /v1/files"), api.count_deleted());
    assert!(receipt.copies.iter().any(|copies| copies.copies > 0));
}

fn look(seed: u64) -> UserMessage {
    UserMessage::from("look").with_part(image(seed, 200 * KIB))
}

#[tokio::test]
async fn a_file_of_a_turn_whose_conversation_is_deleted_is_deleted() {
    let api = Api::start().await;
    let (state, store) = (InMemoryStateStore::new(), InMemoryStorage::new());
    let manager = api.node(api.claude(), &state, &store);
    for (times, is_erased) in [(1, false), (2, true)] {
        let start = Start::new().with_user("u1");
        let mut conversation = manager.start(start).await.unwrap();
        let id = conversation.id().clone();
        api.log.is_held.send_replace(true);
        let turn = tokio::spawn(async move { conversation.send(look(times as u64)).await });
        api.asked("POST /v1/messages", times).await;
        match is_erased {
            true => drop(manager.erase_user(&"u1".parse().unwrap()).await.unwrap()),
            false => drop(
                manager
                    .delete_conversation(&id, Owner::any())
                    .await
                    .unwrap(),
            ),
        }
        let error = turn.await.unwrap().unwrap_err();
        assert_eq!(error.kind(), ConversationErrorKind::NotFound);
        assert_eq!(api.count("POST /v1/files"), times);
        assert_eq!(api.count_deleted(), times, "{:?}", api.lines());
        api.log.is_held.send_replace(false);
    }
}

#[tokio::test]
async fn a_file_of_a_turn_that_another_owner_took_over_is_deleted() {
    let api = Api::start().await;
    let (state, store) = (InMemoryStateStore::new(), InMemoryStorage::new());
    // The next renewal finds out.
    let times = LeaseTimes::with_ttl(Duration::from_secs(8));
    let builder = api.builder(api.claude(), state.clone(), &store, Some(KEY));
    let builder = builder.with_config(ManagerConfig::new().with_lease_times(times));
    let manager = builder.build().unwrap();
    let mut conversation = manager.start(Start::new()).await.unwrap();
    let id = conversation.id().clone();
    api.log.is_held.send_replace(true);
    let turn = tokio::spawn(async move { conversation.send(look(1)).await });
    api.asked("POST /v1/messages", 1).await;
    take_over(&state, &id).await;
    let error = turn.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ConversationErrorKind::LeaseLost);
    assert_eq!(api.count("POST /v1/files"), 1);
    assert_eq!(api.count_deleted(), 1, "{:?}", api.lines());
}

#[tokio::test]
async fn a_file_that_another_conversation_names_outlives_a_write_that_fails() {
    let api = Api::start().await;
    let state = FaultyState::new(InMemoryStateStore::new());
    let store = InMemoryStorage::new();
    let manager = api.node_with(api.claude(), state.clone(), &store, Some(KEY));
    let mut one = manager.start(Start::new()).await.unwrap();
    one.send(look(1)).await.unwrap();
    let mut other = manager.start(Start::new()).await.unwrap();
    api.log.is_held.send_replace(true);
    let message = look(1).with_part(image(2, 200 * KIB));
    let turn = tokio::spawn(async move { other.send(message).await });
    api.asked("POST /v1/messages", 2).await;
    state.inject_lasting(Operation::Apply, Fault::Before);
    api.log.is_held.send_replace(false);
    turn.await.unwrap().unwrap_err();
    state.heal();
    assert_eq!(api.count("DELETE /v1/files/file_1"), 0, "{:?}", api.lines());
    one.send("still?").await.unwrap();
    assert_eq!(api.count("POST /v1/files"), 2);
}

#[tokio::test]
async fn files_of_a_key_that_was_replaced_are_deleted_with_the_new_one_or_reported() {
    let api = Api::start().await;
    let (state, store) = (InMemoryStateStore::new(), InMemoryStorage::new());
    let first = api.node(api.claude(), &state, &store);
    let mut conversation = first.start(Start::new()).await.unwrap();
    conversation.send(look(1)).await.unwrap();
    let id = conversation.id().clone();
    let without = api.node_with(api.claude(), state.clone(), &store, None);
    let receipt = without.delete_conversation(&id, Owner::any()).await;
    let receipt = receipt.unwrap();
    assert!(!receipt.is_complete(), "{receipt:?}");
    assert_eq!(api.count("DELETE"), 0);
    let rotated = api.node_with(api.claude(), state.clone(), &store, Some("sk-new"));
    let completed = async {
        // The manager goes on with the deletion by itself too.
        while !rotated
            .delete_conversation(&id, Owner::any())
            .await
            .unwrap()
            .is_complete()
        {
            tokio::task::yield_now().await;
        }
    };
    let guard = Duration::from_secs(120);
    tokio::time::timeout(guard, completed).await.unwrap();
    // The second pass does not ask for what the first has deleted.
    assert_eq!(api.count("DELETE /v1/files/file_1"), 1);
}
