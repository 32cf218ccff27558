//! What providers keep: files of media and stored answers, over restarts and deletions.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use conversation_sdk::{
    AnthropicProvider, ConversationManager, FilePolicy, InMemoryStateStore, Owner, Provider,
    ProviderFiles, ResponsesProvider, Start, UserMessage,
};
use media_storage::InMemoryStorage;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::support::{KIB, image};

/// The line and the body of a request.
type Asked = (String, Vec<u8>);

const KEY: &str = "sk-test-0123456789";

/// An API with files, messages and stored responses, which notes what it is asked.
#[derive(Clone)]
struct Api {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Api {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let api = Self {
            address: listener.local_addr().unwrap(),
            asked: Arc::default(),
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
        let policy = FilePolicy::from_size(100);
        ConversationManager::builder()
            .with_provider(provider)
            .with_media_storage(store.clone())
            .with_state_store(state.clone())
            .with_provider_files(ProviderFiles::anthropic(KEY, Some(&self.url()), policy))
            .build()
            .unwrap()
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
    let claude = || AnthropicProvider::new(KEY, "claude-sonnet-4-5").with_base_url(api.url());
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

#[tokio::test]
async fn stored_answers_go_with_their_conversation() {
    let api = Api::start().await;
    let (state, store) = (InMemoryStateStore::new(), InMemoryStorage::new());
    for is_stored in [true, false] {
        let provider = ResponsesProvider::new(KEY, "gpt-5")
            .with_base_url(api.url())
            .with_stored_responses(is_stored);
        let manager = api.node(provider, &state, &store);
        let mut conversation = manager.start(Start::new()).await.unwrap();
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
        match is_stored {
            true => assert_eq!(listed, [("openai responses", 2)]),
            false => assert!(listed.is_empty()),
        }
        assert!(api.count("DELETE /v1/responses/resp_1") > 0);
        assert_eq!(api.count("DELETE /v1/responses/resp_3"), 0);
    }
}
