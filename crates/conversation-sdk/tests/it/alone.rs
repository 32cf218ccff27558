//! An application that depends on the SDK and on nothing else of this workspace.

use conversation_sdk::media_loader::{FileAccess, MediaLoader};
use conversation_sdk::media_storage::{InMemoryStorage, MediaStorage};
use conversation_sdk::media_types::{ConversationId, MediaContent, Mime, UserId};
use conversation_sdk::prompt_pack::{PackOptions, PromptPack};
use conversation_sdk::providers::testing::{ScriptedAnswer, ScriptedProvider};
use conversation_sdk::{
    ConversationConfig, ConversationErrorKind, ConversationManager, InMemoryStateStore, Owner,
};

#[tokio::test]
async fn an_application_resumes_erases_and_loads_through_paths_of_the_sdk_alone() {
    let store = InMemoryStorage::new();
    let provider = ScriptedProvider::new().with_answer(ScriptedAnswer::new().text("A cat."));
    let loader = MediaLoader::builder().with_file_access(FileAccess::Deny);
    let manager = ConversationManager::builder()
        .with_provider(provider)
        .with_media_storage(store.clone())
        .with_state_store(InMemoryStateStore::new())
        .with_media_loader(loader.build())
        .build()
        .unwrap();
    let json = br#"{"id": "p", "version": "1.0.0", "prompts": {"p": {"system_template": "Be."}}}"#;
    let pack = PromptPack::from_json_with(json, &PackOptions::new()).unwrap();
    let config = ConversationConfig::new("p").with_user("ada");
    let mut started = manager.new_conversation(&pack, config).await.unwrap();
    let photo = MediaContent::from_bytes(Mime::IMAGE_PNG, vec![0; 200 * 1024]);
    let response = started.send_with_media("What is this?", [photo]);
    assert_eq!(response.await.unwrap().text(), "A cat.");
    assert!(store.inventory().is_some());

    let id = ConversationId::new(started.id().as_str()).unwrap();
    manager.resume(&id, Owner::user("ada")).await.unwrap();
    manager
        .erase_user(&UserId::new("ada").unwrap())
        .await
        .unwrap();
    let gone = manager.resume(&id, Owner::user("ada")).await.unwrap_err();
    assert_eq!(gone.kind(), ConversationErrorKind::NotFound);
}
