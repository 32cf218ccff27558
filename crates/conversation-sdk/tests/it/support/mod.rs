//! What the tests of conversations share.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests"
)]

mod listener;
mod provider;
mod state;
pub(crate) mod trace;

use bytes::Bytes;
use conversation_sdk::{
    ConversationConfig, ConversationManager, ConversationManagerBuilder, Message, PromptPack,
};
use futures_util::TryStreamExt;
use media_storage::{InMemoryStorage, Inventory, Scope};
use media_types::{MediaContent, Mime, StorageReference};
use serde_json::{Value, json};

pub(crate) use listener::Heard;
pub(crate) use provider::{Scripted, says};
pub(crate) use state::{FaultyState, StateFault};

/// A picture of so many bytes, different for each seed.
pub(crate) fn picture(seed: u64, len: usize) -> MediaContent {
    MediaContent::from_bytes(Mime::IMAGE_PNG, picture_bytes(seed, len))
}

pub(crate) fn picture_bytes(seed: u64, len: usize) -> Bytes {
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

pub(crate) const KIB: usize = 1024;

/// A pack with one prompt `p`, to which `fields` are added.
pub(crate) fn pack_with(fields: Value) -> PromptPack {
    let mut prompt = json!({"system_template": "Be {{mood}}.", "variables": [
        {"name": "mood", "type": "string", "default": "brief"}
    ]});
    prompt
        .as_object_mut()
        .unwrap()
        .extend(fields.as_object().unwrap().clone());
    let pack = json!({"id": "tests", "version": "1.0.0", "prompts": {"p": prompt}});
    PromptPack::from_json(pack.to_string().as_bytes()).unwrap()
}

pub(crate) fn pack() -> PromptPack {
    pack_with(json!({}))
}

pub(crate) fn config() -> ConversationConfig {
    ConversationConfig::new("p")
        .with_user("user-1")
        .with_session("session-1")
}

/// A manager on a store in memory.
pub(crate) fn builder(provider: &Scripted, store: &InMemoryStorage) -> ConversationManagerBuilder {
    ConversationManager::builder()
        .with_provider(provider.clone())
        .with_media_storage(store.clone())
}

/// The references of a scope.
pub(crate) async fn stored(store: &dyn Inventory, scope: Scope) -> Vec<StorageReference> {
    let entries: Vec<_> = store.list(scope).try_collect().await.unwrap();
    entries.into_iter().map(|entry| entry.reference).collect()
}

pub(crate) async fn count(store: &InMemoryStorage) -> usize {
    stored(store, Scope::All).await.len()
}

/// The references of messages, in order.
pub(crate) fn references(messages: &[Message]) -> Vec<StorageReference> {
    messages
        .iter()
        .flat_map(Message::media)
        .filter_map(|content| content.reference().cloned())
        .collect()
}
