//! Runs of tests.

use conversation_providers::testing::{ScriptedAnswer, ScriptedProvider};
use conversation_sdk::{ConversationManager, Start, TestRun, TokenUsage};
use media_storage::Organization;
use media_store_fs::FileStore;

use crate::support::{KIB, image};

#[tokio::test]
async fn media_and_results_are_in_the_directory() {
    let directory = tempfile::tempdir().unwrap();
    let run = TestRun::new(directory.path().join("out"));
    let store = FileStore::builder(run.prepare().await.unwrap())
        .with_organization(Organization::ByRun)
        .with_deduplication(true)
        .build()
        .await
        .unwrap();
    let provider = (0..3).fold(ScriptedProvider::new(), |provider, _| {
        let usage = TokenUsage::new(10, 2);
        provider.with_answer(ScriptedAnswer::new().text("ok").usage(usage))
    });
    let builder = ConversationManager::builder().with_provider(provider);
    let manager = run.configure(builder, store).build().unwrap();
    let mut ids = Vec::new();
    for _ in 0..3 {
        let mut conversation = manager.start(Start::new()).await.unwrap();
        conversation
            .send_with_media("look", [image(1, 200 * KIB)])
            .await
            .unwrap();
        ids.push(conversation.id().clone());
    }
    let results = run.finish(&manager).await.unwrap();
    let size = 200 * KIB as u64;
    assert_eq!((results.media.stored, results.media.unique), (3, 1));
    assert_eq!(
        (results.media.bytes, results.media.saved_bytes),
        (3 * size, 2 * size)
    );
    assert_eq!((results.turns, results.failed_turns), (3, 0));
    assert_eq!(results.usage.input_tokens, 30);
    let json = std::fs::read_to_string(run.results_file()).unwrap();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    for id in ids {
        assert_eq!(json["conversations"][id.as_str()]["media"]["stored"], 1);
    }
    let runs: Vec<_> = std::fs::read_dir(run.media_directory())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert!(
        runs.iter()
            .any(|name| name.to_string_lossy().contains(results.run.as_str())),
        "{runs:?}"
    );
}
