//! What the tests of conversations share.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests"
)]

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use conversation_providers::testing::ScriptedProvider;
use conversation_sdk::state::{Fence, StateStore, StateWrite, TurnFence};
use conversation_sdk::{
    Conversation, ConversationManager, ConversationManagerBuilder, Event, InMemoryStateStore,
    Message, Owner, Role, Start, TurnEvent, TurnEvents, TurnStatus, Window,
};
use futures_util::TryStreamExt;
use media_storage::{InMemoryStorage, MediaStorage, Scope};
use media_types::{ConversationId, MediaContent, Mime, StorageReference};

/// A manager with its stores.
pub(crate) struct Rig {
    pub(crate) manager: ConversationManager,
    pub(crate) provider: ScriptedProvider,
    pub(crate) state: InMemoryStateStore,
    pub(crate) store: InMemoryStorage,
    pub(crate) events: Arc<Mutex<Vec<Event>>>,
}

impl Rig {
    pub(crate) fn new(provider: ScriptedProvider) -> Self {
        Self::with(provider, |builder| builder)
    }

    pub(crate) fn with(
        provider: ScriptedProvider,
        change: impl FnOnce(ConversationManagerBuilder) -> ConversationManagerBuilder,
    ) -> Self {
        Self::on(
            provider,
            InMemoryStateStore::new(),
            InMemoryStorage::new(),
            change,
        )
    }

    /// Another node on the same stores.
    pub(crate) fn on(
        provider: ScriptedProvider,
        state: InMemoryStateStore,
        store: InMemoryStorage,
        change: impl FnOnce(ConversationManagerBuilder) -> ConversationManagerBuilder,
    ) -> Self {
        let events = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&events);
        let builder = ConversationManager::builder()
            .with_provider(provider.clone())
            .with_media_storage(store.clone())
            .with_state_store(state.clone())
            .with_listener(move |event: &Event| heard.lock().unwrap().push(event.clone()));
        Self {
            manager: change(builder).build().unwrap(),
            provider,
            state,
            store,
            events,
        }
    }

    /// Another node on the same stores, whose model answers nothing.
    pub(crate) fn beside(&self) -> Self {
        let (state, store) = (self.state.clone(), self.store.clone());
        Self::on(ScriptedProvider::new(), state, store, |builder| builder)
    }

    /// Resumes a conversation of any owner.
    pub(crate) async fn resume(&self, id: &ConversationId) -> Conversation {
        self.manager.resume(id, Owner::any()).await.unwrap()
    }

    pub(crate) async fn start(&self) -> Conversation {
        let start = Start::new().with_system("Be exact.").with_user("u1");
        self.manager.start(start).await.unwrap()
    }

    /// References in the store.
    pub(crate) async fn stored(&self) -> Vec<StorageReference> {
        let inventory = self.store.inventory().unwrap();
        let entries: Vec<_> = inventory.list(Scope::All).try_collect().await.unwrap();
        entries.into_iter().map(|entry| entry.reference).collect()
    }

    pub(crate) fn event_names(&self) -> Vec<String> {
        let events = self.events.lock().unwrap();
        events
            .iter()
            .map(|event| {
                let json = serde_json::to_value(event).unwrap();
                json["event"].as_str().unwrap().to_owned()
            })
            .collect()
    }
}

/// Reads until the answer has begun, and returns its first text.
pub(crate) async fn first_text(events: &mut TurnEvents) -> String {
    loop {
        if let TurnEvent::TextDelta(text) = events.next().await.unwrap().unwrap() {
            return text;
        }
    }
}

/// An image of a number of bytes, different for each seed.
pub(crate) fn image(seed: u64, len: usize) -> MediaContent {
    MediaContent::from_bytes(Mime::IMAGE_PNG, image_bytes(seed, len))
}

pub(crate) fn image_bytes(seed: u64, len: usize) -> Bytes {
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut state = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    while bytes.len() < len {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        bytes.extend_from_slice(&state.to_be_bytes());
    }
    bytes.truncate(len);
    bytes.into()
}

/// Makes the runtime of a node that dies: with one worker, no task hears of the end of another.
pub(crate) fn node_runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap()
}

/// Ends a node; no task of it runs afterwards.
pub(crate) async fn kill_node(runtime: tokio::runtime::Runtime) {
    let ended = move || runtime.shutdown_timeout(std::time::Duration::from_secs(60));
    tokio::task::spawn_blocking(ended).await.unwrap();
}

pub(crate) const KIB: usize = 1024;

/// Ends the first turn of a conversation, as another owner does.
pub(crate) async fn take_over(state: &impl StateStore, id: &ConversationId) {
    let loaded = state.load(id, Window::All.into()).await.unwrap().unwrap();
    let mut taken = loaded.turns[0].clone();
    let held = TurnFence::new(taken.id.clone(), taken.epoch);
    taken = match taken.before_retry {
        Some(_) => taken.with_end_before_retry(),
        None => {
            taken.status = TurnStatus::Interrupted;
            taken
        }
    };
    taken.lease = None;
    taken.epoch += 1;
    let fence = Fence::Head {
        head: loaded.record.head,
        turn: Some(held),
    };
    let write = StateWrite::new(&loaded.record, fence).with_turn(taken);
    state.apply(write).await.unwrap();
}

/// Roles and texts of a history.
pub(crate) async fn history(conversation: &Conversation) -> Vec<(Role, String)> {
    let messages = conversation.messages(Window::All).await.unwrap();
    messages.iter().map(|m| (m.role, m.text())).collect()
}

/// The references of messages, in order.
pub(crate) fn references(messages: &[Message]) -> Vec<StorageReference> {
    messages
        .iter()
        .flat_map(Message::media)
        .filter_map(|media| media.reference().cloned())
        .collect()
}
