//! Interrupted answers go on at an API that enforces its rules: each answer is cut after every seventh
//! of its bytes (long ones after every 31st; after every one with `MEDIA_EVERY_CUT`), stored as its turn
//! stores it, and sent back.

use std::sync::Arc;

use conversation_sdk::{
    AnthropicProvider, ConversationManager, FilePolicy, GeminiProvider, InMemoryStateStore,
    OpenAiProvider, Owner, Provider, ProviderFiles, ResponsesProvider, Start, TurnStatus,
};
use media_storage::InMemoryStorage;
use test_servers::llm::{LlmApi, LlmServer};

use crate::support::image;

macro_rules! golden {
    ($name:literal) => {
        include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../conversation-providers/tests/golden/",
            $name,
            ".answer.sse"
        ))
    };
}

const KEY: &str = "sk-test-0123456789";

/// How many bytes of an answer lie between two cuts.
fn step(len: usize) -> usize {
    match std::env::var_os("MEDIA_EVERY_CUT") {
        Some(_) => 1,
        None if len < 2500 => 7,
        None => 31,
    }
}

/// Cuts a stream of an API, and has the conversation go on in the same process and after a restart.
async fn show<P: Provider>(
    api: LlmApi,
    stream: &str,
    provider: impl Fn(String) -> P + Send + Sync,
) {
    let server = LlmServer::start(api, stream).await.unwrap();
    let (state, store) = (InMemoryStateStore::new(), InMemoryStorage::new());
    let node = || {
        ConversationManager::builder()
            .with_provider(provider(server.url()))
            .with_media_storage(store.clone())
            .with_state_store(state.clone())
            .build()
            .unwrap()
    };
    let (first, second) = (node(), node());
    let (mut cuts, mut partial) = (0, 0);
    let len = server.stream_len();
    for cut in (0..len).step_by(step(len)).chain([len]) {
        let mut conversation = first.start(Start::new()).await.unwrap();
        server.stream_next(cut);
        if let Err(error) = conversation.send("x").await {
            let kept = error.kept().map(|kept| kept.status());
            partial += usize::from(kept == Some(TurnStatus::Interrupted));
        }
        // A later turn, where the answer was read from the state.
        let id = conversation.id().clone();
        let mut resumed = second.resume(&id, Owner::any()).await.unwrap();
        let answer = resumed.send("go on").await;
        let answer = answer.unwrap_or_else(|error| {
            panic!("{api:?}, cut {cut}: {error:?}, {:?}", server.refusals())
        });
        assert_eq!(answer.text(), "done", "{api:?}, cut {cut}");
        let refusals = server.refusals();
        assert!(refusals.is_empty(), "{api:?}, cut {cut}: {refusals:?}");
        first.delete_conversation(&id, Owner::any()).await.unwrap();
        cuts += 1;
    }
    assert!(partial > cuts / 3, "{partial} of {cuts} left something");
    println!("{api:?}: {cuts} of {cuts} interrupted answers accepted, {partial} of them not empty");
}

#[tokio::test]
async fn interrupted_answers_of_chat_completions_are_accepted() {
    let provider = |url| OpenAiProvider::new(KEY, "gpt-4o").with_base_url(url);
    for stream in [golden!("openai/chat_tools"), golden!("openai/chat_audio")] {
        show(LlmApi::OpenAiChat, stream, provider).await;
    }
}

#[tokio::test]
async fn interrupted_answers_of_responses_are_accepted() {
    let provider = |url| ResponsesProvider::new(KEY, "gpt-5").with_base_url(url);
    for stream in [
        golden!("openai/responses_stream"),
        golden!("openai/responses_rich"),
    ] {
        show(LlmApi::OpenAiResponses, stream, provider).await;
    }
}

#[tokio::test]
async fn interrupted_answers_of_anthropic_are_accepted() {
    let provider = |url| AnthropicProvider::new(KEY, "claude-sonnet-4-5").with_base_url(url);
    for stream in [golden!("anthropic/stream"), golden!("anthropic/rich")] {
        show(LlmApi::AnthropicMessages, stream, provider).await;
    }
}

#[tokio::test]
async fn interrupted_answers_of_gemini_are_accepted() {
    let provider = |url| GeminiProvider::new(KEY, "gemini-3-pro").with_base_url(url);
    for stream in [golden!("gemini/stream"), golden!("gemini/rich")] {
        show(LlmApi::Gemini, stream, provider).await;
    }
}

#[tokio::test]
async fn files_are_uploaded_named_and_deleted_with_their_conversation() {
    for api in [LlmApi::AnthropicMessages, LlmApi::Gemini] {
        let server = LlmServer::start(api, "").await.unwrap();
        let url = server.url();
        let host = url.trim_end_matches("/v1beta");
        let policy = FilePolicy::from_size(1000);
        let (provider, files): (Arc<dyn Provider>, _) = match api {
            LlmApi::Gemini => (
                Arc::new(GeminiProvider::new(KEY, "gemini-3-pro").with_base_url(host)),
                ProviderFiles::gemini(KEY, Some(host), policy),
            ),
            _ => (
                Arc::new(AnthropicProvider::new(KEY, "claude-sonnet-4-5").with_base_url(host)),
                ProviderFiles::anthropic(KEY, Some(host), policy),
            ),
        };
        let manager = ConversationManager::builder()
            .with_provider(provider)
            .with_provider_files(files)
            .with_media_storage(InMemoryStorage::new())
            .with_state_store(InMemoryStateStore::new())
            .build()
            .unwrap();
        let mut conversation = manager.start(Start::new()).await.unwrap();
        for seed in 1..=2 {
            let answer = conversation
                .send_with_media("see", [image(seed, 5000)])
                .await;
            assert_eq!(answer.unwrap().text(), "done", "{api:?}");
            assert_eq!(server.files(), seed as usize, "{api:?}");
        }
        assert!(server.refusals().is_empty(), "{:?}", server.refusals());
        let id = conversation.id().clone();
        manager
            .delete_conversation(&id, Owner::any())
            .await
            .unwrap();
        assert_eq!(server.files(), 0, "{api:?}");
    }
}
