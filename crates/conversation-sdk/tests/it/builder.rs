//! The order in which a manager is built does not matter.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use conversation_sdk::{
    ConversationManager, ConversationManagerBuilder, InMemoryStateStore, ManagerConfig,
    OnStorageError,
};
use media_loader::MediaLoader;
use media_storage::InMemoryStorage;
use proptest::prelude::*;
use serde_json::Value;
use std::sync::Arc;

use crate::externalizer::Gives;
use crate::support::{Heard, KIB, Scripted, config, pack, picture, references};

type Step = Box<dyn FnOnce(ConversationManagerBuilder) -> ConversationManagerBuilder>;

/// What a conversation of two turns shows: the questions, the state, the events.
fn behaviour(order: &[usize], own_loader: bool) -> Value {
    let (provider, store) = (Scripted::new(), InMemoryStorage::new());
    let (state, heard) = (InMemoryStateStore::new(), Heard::default());
    let loader = MediaLoader::builder()
        .with_storage(Arc::new(store.clone()))
        .build();
    let config_of_manager = ManagerConfig::default()
        .with_media_size_threshold_kb(1)
        .with_on_storage_error(OnStorageError::FailTurn);
    let (p, s, st, h) = (
        provider.clone(),
        store.clone(),
        state.clone(),
        heard.clone(),
    );
    let mut steps: Vec<Option<Step>> = vec![
        Some(Box::new(move |b| b.with_provider(p))),
        Some(Box::new(move |b| b.with_media_storage(s))),
        Some(Box::new(move |b| b.with_state_store(st))),
        Some(Box::new(move |b| b.with_listener(h))),
        Some(Box::new(move |b| b.with_config(config_of_manager))),
        Some(Box::new(|b| b.with_tool(Gives(vec![])))),
        Some(Box::new(move |b| {
            if own_loader {
                b.with_media_loader(loader)
            } else {
                b
            }
        })),
    ];
    let mut builder = ConversationManager::builder();
    for step in order {
        builder = steps[*step].take().unwrap()(builder);
    }
    let manager = builder.build().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut conversation = manager.new_conversation(&pack(), config()).await.unwrap();
        let media = [picture(1, KIB), picture(2, KIB - 1)];
        conversation.send_with_media("one", media).await.unwrap();
        conversation.send("two").await.unwrap();
        let messages = conversation.messages().await.unwrap();
        let asked: Vec<_> = provider
            .asked()
            .iter()
            .map(|asked| {
                let media: Vec<_> = asked
                    .media
                    .iter()
                    .map(|one| one.as_ref().unwrap().len())
                    .collect();
                (
                    asked.system.clone(),
                    asked.messages.len(),
                    asked.tools.len(),
                    media,
                )
            })
            .collect();
        let listed = manager.conversations("user-1").await.unwrap().len();
        let mut heard = heard.names();
        if own_loader {
            heard.retain(|name| *name != "retrieved");
        }
        serde_json::json!([
            format!("{asked:?}"),
            messages.len(),
            references(&messages).len(),
            listed,
            heard,
        ])
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(60) })]

    #[test]
    fn any_order_gives_the_same_manager(
        order in Just((0..7).collect::<Vec<usize>>()).prop_shuffle(),
        own_loader: bool,
    ) {
        let straight: Vec<usize> = (0..7).collect();
        prop_assert_eq!(behaviour(&order, own_loader), behaviour(&straight, own_loader));
    }
}

#[test]
fn building_needs_no_runtime_and_the_last_call_counts() {
    let provider = Scripted::new();
    let manager = ConversationManager::builder()
        .with_provider(provider.clone())
        .with_media_storage(InMemoryStorage::new())
        .with_optional_media_storage(None)
        .build()
        .unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut conversation = manager.new_conversation(&pack(), config()).await.unwrap();
        let response = conversation
            .send_with_media("x", [picture(1, 200 * KIB)])
            .await
            .unwrap();
        assert!(references(response.messages()).is_empty());
    });
}
