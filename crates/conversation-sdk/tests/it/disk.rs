//! The end of conversations with stores on disk: SQLite and files.
#![cfg(feature = "sqlite")]

use std::time::Duration;

use conversation_providers::testing::{ScriptedAnswer, ScriptedProvider};
use conversation_sdk::{
    Conversation, ConversationManager, Message, Owner, ReconcileOptions, SqliteStateStore, Start,
    StateStore, TruncationMode, Upload, Window,
};
use futures_util::TryStreamExt;
use media_storage::{MediaMetadata, MediaStorage, MediaStorageExt, Scope};
use media_store_fs::FileStore;
use media_types::Mime;

use crate::support::{KIB, image, image_bytes, references};

struct Disk {
    manager: ConversationManager,
    state: SqliteStateStore,
    store: FileStore,
    _directory: tempfile::TempDir,
}

impl Disk {
    async fn open() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let state = SqliteStateStore::open(directory.path().join("state.db"))
            .await
            .unwrap();
        let store = FileStore::open(directory.path().join("media"))
            .await
            .unwrap();
        let provider = (0..8).fold(ScriptedProvider::new(), |provider, _| {
            provider.with_answer(ScriptedAnswer::new().text("ok"))
        });
        let manager = ConversationManager::builder()
            .with_provider(provider)
            .with_media_storage(store.clone())
            .with_state_store(state.clone())
            .build()
            .unwrap();
        Self {
            manager,
            state,
            store,
            _directory: directory,
        }
    }

    async fn talk(&self, images: u64) -> Conversation {
        let mut conversation = self
            .manager
            .start(Start::new().with_user("u1"))
            .await
            .unwrap();
        for seed in 0..images {
            let image = image(seed, 150 * KIB);
            conversation.send_with_media("look", [image]).await.unwrap();
        }
        conversation
    }

    async fn stored(&self) -> usize {
        let entries = self.store.inventory().unwrap().list(Scope::All);
        entries.try_collect::<Vec<_>>().await.unwrap().len()
    }
}

async fn all(conversation: &Conversation) -> Vec<Message> {
    conversation.messages(Window::All).await.unwrap()
}

#[tokio::test]
async fn branches_truncations_and_deletions_leave_what_is_named_and_nothing_else() {
    let disk = Disk::open().await;
    let original = disk.talk(2).await;
    let messages = all(&original).await;
    let branch = original.branch(&messages[3].id).await.unwrap();
    let child = original.child(Start::new()).await.unwrap();
    assert_eq!(disk.stored().await, 4);
    original
        .truncate(&messages[1].id, TruncationMode::Remove)
        .await
        .unwrap();
    assert_eq!(disk.stored().await, 3);
    let receipt = disk
        .manager
        .delete_conversation(original.id(), Owner::any())
        .await
        .unwrap();
    assert!(
        receipt.is_complete() && receipt.conversations == 2,
        "{receipt:?}"
    );
    assert_eq!(disk.stored().await, 2);
    assert!(disk.manager.resume(child.id(), Owner::any()).await.is_err());
    for reference in references(&all(&branch).await) {
        disk.store
            .retrieve_bytes(&reference, u64::MAX)
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn orphans_are_found_by_the_id_of_the_state_store() {
    let disk = Disk::open().await;
    let conversation = disk.talk(1).await;
    for own in [true, false] {
        let mut metadata = MediaMetadata::new()
            .with_session(conversation.session().unwrap().clone())
            .with_conversation(conversation.id().clone());
        if own {
            metadata = metadata.with_state_store(disk.state.info().await.unwrap().id.to_string());
        }
        disk.store
            .store_bytes(Mime::IMAGE_PNG, "orphan", metadata)
            .await
            .unwrap();
    }
    let options = ReconcileOptions::new()
        .with_grace(Duration::ZERO)
        .with_force(true);
    disk.manager.reconcile(options.clone()).await.unwrap();
    let report = disk.manager.reconcile(options).await.unwrap();
    let store = &report.stores[0];
    assert_eq!(
        (store.examined, store.foreign, store.unnamed),
        (1, 1, 0),
        "{store:?}"
    );
    assert_eq!(disk.stored().await, 2);
}

#[tokio::test]
async fn a_user_is_erased() {
    let disk = Disk::open().await;
    disk.talk(2).await;
    let upload = Upload::new(Mime::IMAGE_PNG, image_bytes(9, 20));
    disk.manager
        .upload(Owner::user("u1"), upload)
        .await
        .unwrap();
    assert_eq!(disk.stored().await, 3);
    let receipt = disk
        .manager
        .erase_user(&"u1".parse().unwrap())
        .await
        .unwrap();
    assert!(receipt.is_complete(), "{receipt:?}");
    assert_eq!((receipt.conversations, disk.stored().await), (1, 0));
    let report = disk.manager.run_upkeep_once().await.unwrap();
    assert!(report.failures.is_empty(), "{report:?}");
}
