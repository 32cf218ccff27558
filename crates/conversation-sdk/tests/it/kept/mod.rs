//! What providers keep: files of media and stored answers, over restarts and deletions.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use conversation_sdk::state::conformance::{Fault, FaultyState, Operation};
use conversation_sdk::{
    AnthropicProvider, ConversationErrorKind, ConversationManager, ConversationManagerBuilder,
    FilePolicy, InMemoryStateStore, LeaseTimes, ManagerConfig, Message, Owner, Provider,
    ProviderFiles, ResponsesProvider, Role, Start, StateStore, UserMessage, Window,
};
use media_storage::InMemoryStorage;
use media_storage_testkit::{MockRequest, MockResponse, MockServer};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::support::{KIB, image, take_over};

mod answers;
mod files;

/// The line and the body of a request.
type Asked = (String, Vec<u8>);

const KEY: &str = "sk-test-0123456789";

/// An API with files, messages and stored responses, which notes what it is asked.
#[derive(Clone)]
struct Api {
    server: MockServer,
    log: Log,
}

/// What was asked.
#[derive(Clone, Default)]
struct Log {
    asked: Arc<Mutex<Vec<Asked>>>,
    /// How often it was asked.
    times: watch::Sender<usize>,
    /// Whether messages wait for their answers.
    is_held: watch::Sender<bool>,
    /// Where streams of stored answers break.
    breaks: watch::Sender<Option<Break>>,
}

/// Where the stream of a stored answer breaks.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Break {
    /// After its id.
    AfterId,
    /// In its text.
    InText,
    /// With an error of the provider, before anything of it came.
    Failed,
}

impl Log {
    fn lines(&self) -> Vec<String> {
        let asked = self.asked.lock().unwrap();
        asked.iter().map(|(line, _)| line.clone()).collect()
    }

    async fn answer(self, request: MockRequest) -> MockResponse {
        let line = format!("{} {}", request.method, request.target);
        let before = self.lines();
        let asked = (line.clone(), request.body.to_vec());
        self.asked.lock().unwrap().push(asked);
        self.times.send_modify(|times| *times += 1);
        if line == "POST /v1/messages" {
            let mut held = self.is_held.subscribe();
            held.wait_for(|held| !held).await.unwrap();
        }
        let breaks = *self.breaks.borrow();
        if let ("POST /v1/responses", Some(breaks)) = (line.as_str(), breaks) {
            let asked = before.iter().filter(|line| *line == "POST /v1/responses");
            let stream = broken(asked.count() + 1, breaks);
            return MockResponse::new(200, "text/event-stream", stream).with_declared_len(None);
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
        MockResponse::new(status, "application/json", answer.to_string())
    }
}

impl Api {
    async fn start() -> Self {
        let log = Log::default();
        let answering = log.clone();
        let server = MockServer::start(move |request| answering.clone().answer(request));
        Self {
            server: server.await.unwrap(),
            log,
        }
    }

    fn url(&self) -> String {
        self.server.url("v1")
    }

    fn lines(&self) -> Vec<String> {
        self.log.lines()
    }

    fn count(&self, start: &str) -> usize {
        let lines = self.lines();
        lines.iter().filter(|line| line.starts_with(start)).count()
    }

    /// Waits until something was asked so many times.
    async fn asked(&self, start: &str, times: usize) {
        let mut changes = self.log.times.subscribe();
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
        let asked = self.log.asked.lock().unwrap();
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

/// A stream of an answer that the provider keeps, as far as it comes.
fn broken(number: usize, breaks: Break) -> String {
    let response =
        json!({"id": format!("resp_{number}"), "model": "gpt-5", "status": "in_progress"});
    let mut events = vec![json!({"type": "response.created", "response": response})];
    if breaks == Break::InText {
        events.push(
            json!({"type": "response.output_text.delta", "output_index": 0, "delta": "Once"}),
        );
    }
    if breaks == Break::Failed {
        let error = json!({"code": "server_error", "message": "m"});
        let failed = json!({"id": format!("resp_{number}"), "status": "failed", "error": error});
        events.push(json!({"type": "response.failed", "response": failed}));
    }
    events
        .iter()
        .map(|event| format!("data: {event}\n\n"))
        .collect()
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
