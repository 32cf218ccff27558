//! What providers keep: files of media and stored answers, over restarts and deletions.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use conversation_sdk::state::conformance::{Fault, FaultyState, Operation};
use conversation_sdk::state::{Fence, StateWrite, TurnFence};
use conversation_sdk::{
    AnthropicProvider, ConversationErrorKind, ConversationManager, ConversationManagerBuilder,
    FilePolicy, InMemoryStateStore, LeaseTimes, ManagerConfig, Message, Owner, Provider,
    ProviderFiles, ResponsesProvider, Start, StateStore, TurnStatus, UserMessage, Window,
};
use media_storage::InMemoryStorage;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::support::{KIB, image};

/// The line and the body of a request.
type Asked = (String, Vec<u8>);

const KEY: &str = "sk-test-0123456789";

/// An API with files, messages and stored responses, which notes what it is asked.
#[derive(Clone)]
struct Api {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    /// How often it was asked.
    times: watch::Sender<usize>,
    /// Whether messages wait for their answers.
    is_held: watch::Sender<bool>,
}

impl Api {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let api = Self {
            address: listener.local_addr().unwrap(),
            asked: Arc::default(),
            times: watch::Sender::default(),
            is_held: watch::Sender::default(),
        };
        let served = api.clone();
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(served.clone().serve(socket));
            }
        });
        api
    }

    async fn serve(self, mut socket: TcpStream) {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            match socket.read_u8().await {
                Ok(byte) => head.push(byte),
                Err(_) => return,
            }
        }
        let head = String::from_utf8(head).unwrap();
        let line = head.lines().next().unwrap().to_owned();
        let len = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length")
                .then(|| value.trim().parse::<usize>().unwrap())
        });
        let mut body = vec![0; len.unwrap_or(0)];
        socket.read_exact(&mut body).await.unwrap();
        let line = line.trim_end_matches(" HTTP/1.1").to_owned();
        let before = self.lines();
        self.asked.lock().unwrap().push((line.clone(), body));
        self.times.send_modify(|times| *times += 1);
        if line == "POST /v1/messages" {
            let mut held = self.is_held.subscribe();
            held.wait_for(|held| !held).await.unwrap();
        }
        let count = |start: &str| before.iter().filter(|line| line.starts_with(start)).count();
        let (status, answer) = match line.as_str() {
            "POST /v1/files" => (
                200,
                json!({"id": format!("file_{}", count("POST /v1/files") + 1)}),
            ),
            "POST /v1/messages" => (200, message()),
            "POST /v1/responses" => (200, response(count("POST /v1/responses") + 1)),
            // What was deleted is gone.
            line if line.starts_with("DELETE") => match count(line) {
                0 => (200, json!({"deleted": true})),
                _ => (404, json!({"error": {"message": "not found"}})),
            },
            _ => (500, json!({})),
        };
        let answer = answer.to_string();
        let head = format!(
            "HTTP/1.1 {status} x\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            answer.len()
        );
        let _ = socket.write_all((head + &answer).as_bytes()).await;
    }

    fn url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    fn lines(&self) -> Vec<String> {
        let asked = self.asked.lock().unwrap();
        asked.iter().map(|(line, _)| line.clone()).collect()
    }

    fn count(&self, start: &str) -> usize {
        let lines = self.lines();
        lines.iter().filter(|line| line.starts_with(start)).count()
    }

    /// Waits until something was asked so many times.
    async fn asked(&self, start: &str, times: usize) {
        let mut changes = self.times.subscribe();
        while self.count(start) < times {
            changes.changed().await.unwrap();
        }
    }

    /// How many files were deleted.
    fn count_deleted(&self) -> usize {
        let mut lines = self.lines();
        lines.retain(|line| line.starts_with("DELETE /v1/files/"));
        lines.sort();
        lines.dedup();
        lines.len()
    }

    /// The bodies of requests to a path.
    fn bodies(&self, of: &str) -> Vec<Value> {
        let asked = self.asked.lock().unwrap();
        let of = asked.iter().filter(|(line, _)| line == of);
        of.map(|(_, body)| serde_json::from_slice(body).unwrap())
            .collect()
    }

    fn node(
        &self,
        provider: impl Provider,
        state: &InMemoryStateStore,
        store: &InMemoryStorage,
    ) -> ConversationManager {
        self.node_with(provider, state.clone(), store, Some(KEY))
    }

    /// A node whose account has a key, or that has no account.
    fn node_with(
        &self,
        provider: impl Provider,
        state: impl StateStore,
        store: &InMemoryStorage,
        key: Option<&str>,
    ) -> ConversationManager {
        self.builder(provider, state, store, key).build().unwrap()
    }

    fn builder(
        &self,
        provider: impl Provider,
        state: impl StateStore,
        store: &InMemoryStorage,
        key: Option<&str>,
    ) -> ConversationManagerBuilder {
        let policy = FilePolicy::from_size(100);
        let builder = ConversationManager::builder()
            .with_provider(provider)
            .with_media_storage(store.clone())
            .with_state_store(state)
            .with_config(ManagerConfig::new().with_state_retry_time(Duration::ZERO));
        let files = key.map(|key| ProviderFiles::anthropic(key, Some(&self.url()), policy));
        files
            .into_iter()
            .fold(builder, ConversationManagerBuilder::with_provider_files)
    }

    fn claude(&self) -> AnthropicProvider {
        AnthropicProvider::new(KEY, "claude-sonnet-4-5").with_base_url(self.url())
    }

    fn gpt(&self, is_stored: bool) -> ResponsesProvider {
        ResponsesProvider::new(KEY, "gpt-5")
            .with_base_url(self.url())
            .with_stored_responses(is_stored)
    }
}

fn message() -> Value {
    json!({
        "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-sonnet-4-5",
        "content": [{"type": "text", "text": "seen"}], "stop_reason": "end_turn",
        "usage": {"input_tokens": 1, "output_tokens": 1}
    })
}

fn response(number: usize) -> Value {
    json!({
        "id": format!("resp_{number}"), "object": "response", "status": "completed",
        "model": "gpt-5",
        "output": [{"id": "msg_1", "type": "message", "role": "assistant", "status": "completed",
            "content": [{"type": "output_text", "text": "seen", "annotations": []}]}],
        "usage": {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}
    })
}

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
        api.is_held.send_replace(true);
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
        api.is_held.send_replace(false);
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
    api.is_held.send_replace(true);
    let turn = tokio::spawn(async move { conversation.send(look(1)).await });
    api.asked("POST /v1/messages", 1).await;
    let loaded = state.load(&id, Window::All.into()).await.unwrap().unwrap();
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
    state.apply(write).await.unwrap();
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
    api.is_held.send_replace(true);
    let message = look(1).with_part(image(2, 200 * KIB));
    let turn = tokio::spawn(async move { other.send(message).await });
    api.asked("POST /v1/messages", 2).await;
    state.inject_lasting(Operation::Apply, Fault::Before);
    api.is_held.send_replace(false);
    turn.await.unwrap().unwrap_err();
    state.heal();
    // What this turn uploaded alone is gone.
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
