//! What is special to the SQLite file: other processes, damage, what lies in it, what a turn costs.

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use conversation_sdk::state::LoadedConversation;
use conversation_sdk::{
    ConversationFilter, ConversationManager, ConversationRecord, ConversationStatus, ManagerConfig,
    Message, Role, SqliteStateStore, StateError, StateErrorKind, StateStore, Window,
};
use media_storage::{MediaStorageExt, Scope};
use media_store_fs::FileStore;
use media_types::{ConversationId, base64};
use rusqlite::Connection;
use tempfile::TempDir;

use crate::support::{
    FaultyState, KIB, Scripted, config, pack, picture, picture_bytes, references, stored,
};

/// A store in a directory that goes with it.
#[derive(Debug)]
pub(super) struct InDirectory {
    store: SqliteStateStore,
    directory: TempDir,
}

impl InDirectory {
    pub(super) async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = SqliteStateStore::open(directory.path().join("c.sqlite"))
            .await
            .unwrap();
        Self { store, directory }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("c.sqlite")
    }
}

#[async_trait]
impl StateStore for InDirectory {
    async fn load(
        &self,
        id: &ConversationId,
        window: Window,
    ) -> Result<Option<LoadedConversation>, StateError> {
        self.store.load(id, window).await
    }
    async fn append(
        &self,
        record: &ConversationRecord,
        expected_version: u64,
        messages: &[Message],
    ) -> Result<ConversationRecord, StateError> {
        self.store.append(record, expected_version, messages).await
    }
    async fn replace(
        &self,
        record: &ConversationRecord,
        expected_version: u64,
        messages: &[(u64, Message)],
    ) -> Result<ConversationRecord, StateError> {
        self.store.replace(record, expected_version, messages).await
    }
    async fn set_status(
        &self,
        id: &ConversationId,
        status: ConversationStatus,
    ) -> Result<Option<ConversationRecord>, StateError> {
        self.store.set_status(id, status).await
    }
    async fn delete(&self, id: &ConversationId) -> Result<(), StateError> {
        self.store.delete(id).await
    }
    async fn list(
        &self,
        filter: &ConversationFilter,
    ) -> Result<Vec<ConversationRecord>, StateError> {
        self.store.list(filter).await
    }
}

fn record(id: &str) -> ConversationRecord {
    ConversationRecord::new(id.parse().unwrap())
}

/// Everything that lies in the directory of the file, the file itself and those beside it.
fn bytes_beside(path: &Path) -> Vec<u8> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(path.parent().unwrap()).unwrap() {
        let entry = entry.unwrap();
        if entry.file_name().to_string_lossy().starts_with("c.sqlite") {
            all.extend(std::fs::read(entry.path()).unwrap());
        }
    }
    all
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack
        .windows(needle.len())
        .any(|window| window == needle)
}

#[tokio::test]
async fn the_file_holds_references_and_they_resolve_after_a_restart_elsewhere() {
    let root = tempfile::tempdir().unwrap();
    let state_path = root.path().join("c.sqlite");
    let mut media_dir = root.path().join("media");
    let mut id = None;
    for restart in 0..3_u64 {
        let store = FileStore::builder(&media_dir)
            .with_deduplication(true)
            .build()
            .await
            .unwrap();
        let provider = Scripted::new();
        let manager = ConversationManager::builder()
            .with_provider(provider.clone())
            .with_media_storage(store.clone())
            .with_state_store(SqliteStateStore::open(&state_path).await.unwrap())
            .build()
            .unwrap();
        let mut conversation = match &id {
            None => manager.new_conversation(&pack(), config()).await.unwrap(),
            Some(id) => manager.resume(&pack(), id).await.unwrap(),
        };
        conversation
            .send_with_media(
                "look",
                [picture(restart, 300 * KIB), picture(99, 1000 * KIB)],
            )
            .await
            .unwrap();
        let expected: Vec<_> = (0..=restart)
            .flat_map(|n| {
                [
                    Ok(picture_bytes(n, 300 * KIB)),
                    Ok(picture_bytes(99, 1000 * KIB)),
                ]
            })
            .collect();
        assert_eq!(provider.last().media, expected);

        let messages = conversation.messages().await.unwrap();
        for reference in references(&messages) {
            let json = serde_json::to_string(&reference).unwrap();
            assert!(json.len() <= 400, "{} bytes: {json}", json.len());
        }
        let file = bytes_beside(&state_path);
        assert!(contains(&file, b"storage_reference"));
        for seed in [restart, 99] {
            let text = base64::encode(&picture_bytes(seed, 300 * KIB));
            assert!(
                !contains(&file, &text.as_bytes()[..48]),
                "base64 in the file"
            );
        }
        let size = std::fs::metadata(&state_path).unwrap().len();
        assert!(size < 100 * KIB as u64, "{size} bytes");
        id = Some(conversation.id().clone());
        drop((conversation, manager));
        store.close().await.unwrap();
        let moved = root.path().join(format!("moved-{restart}"));
        std::fs::rename(&media_dir, &moved).unwrap();
        media_dir = moved;
    }
    // The same picture of three turns is one file's bytes; deleting the conversation takes all.
    let store = FileStore::builder(&media_dir)
        .with_deduplication(true)
        .build()
        .await
        .unwrap();
    let inventory = media_storage::MediaStorage::inventory(&store).unwrap();
    let usage = inventory.usage(Scope::All).await.unwrap();
    assert_eq!((usage.references, usage.blobs), (6, 4));
    let manager = ConversationManager::builder()
        .with_provider(Scripted::new())
        .with_media_storage(store.clone())
        .with_state_store(SqliteStateStore::open(&state_path).await.unwrap())
        .build()
        .unwrap();
    manager.delete_conversation(&id.unwrap()).await.unwrap();
    assert!(stored(inventory, Scope::All).await.is_empty());
    assert!(
        !contains(&bytes_beside(&state_path), b"storage_reference"),
        "deleted is overwritten"
    );
}

#[tokio::test]
async fn two_conversations_share_bytes_and_part_without_harm() {
    let root = tempfile::tempdir().unwrap();
    let store = FileStore::builder(root.path().join("m"))
        .with_deduplication(true)
        .build()
        .await
        .unwrap();
    let manager = ConversationManager::builder()
        .with_provider(Scripted::new())
        .with_media_storage(store.clone())
        .build()
        .unwrap();
    let mut kept = None;
    let mut ids = Vec::new();
    for _ in 0..2 {
        let mut conversation = manager.new_conversation(&pack(), config()).await.unwrap();
        let response = conversation
            .send_with_media("x", [picture(1, 200 * KIB)])
            .await
            .unwrap();
        kept = references(response.messages()).pop();
        ids.push(conversation.id().clone());
    }
    let inventory = media_storage::MediaStorage::inventory(&store).unwrap();
    assert_eq!(inventory.usage(Scope::All).await.unwrap().blobs, 1);
    manager.delete_conversation(&ids[0]).await.unwrap();
    let bytes = store
        .retrieve_bytes(&kept.unwrap(), u64::MAX)
        .await
        .unwrap();
    assert_eq!(bytes, picture_bytes(1, 200 * KIB));
}

#[tokio::test]
async fn two_handles_on_one_file_see_each_other() {
    let one = InDirectory::new().await;
    let two = SqliteStateStore::open(one.path()).await.unwrap();
    let mut wins = [0, 0];
    let mut known = one.append(&record("a"), 0, &[]).await.unwrap();
    for _ in 0..30 {
        let turn = [Message::user("x")];
        let (first, second) = tokio::join!(
            one.append(&known, known.version, &turn),
            two.append(&known, known.version, &turn),
        );
        let winner = match (first, second) {
            (Ok(record), Err(error)) => (0, record, error),
            (Err(error), Ok(record)) => (1, record, error),
            both => panic!("{both:?}"),
        };
        assert_eq!(winner.2.kind(), StateErrorKind::Conflict);
        wins[winner.0] += 1;
        known = winner.1;
    }
    assert_eq!(known.messages, 30);
    let seen = two.load(&known.id, Window::All).await.unwrap().unwrap();
    assert_eq!((seen.record, seen.messages.len()), (known, 30));
}

#[tokio::test]
async fn a_file_that_is_damaged_or_of_something_else_is_named_and_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    std::fs::write(
        path("text"),
        "this is no database at all, only some text".repeat(50),
    )
    .unwrap();
    let other = Connection::open(path("other")).unwrap();
    other.execute_batch("CREATE TABLE t (a)").unwrap();
    drop(other);
    drop(SqliteStateStore::open(path("newer")).await.unwrap());
    let newer = Connection::open(path("newer")).unwrap();
    newer.execute_batch("PRAGMA user_version = 99").unwrap();
    drop(newer);
    std::fs::create_dir(path("directory")).unwrap();
    for (name, kind) in [
        ("text", StateErrorKind::Corrupted),
        ("other", StateErrorKind::Corrupted),
        ("newer", StateErrorKind::TooNew),
        ("directory", StateErrorKind::Config),
        ("no/such/directory", StateErrorKind::Config),
    ] {
        let before = std::fs::read(path(name)).ok();
        let error = SqliteStateStore::open(path(name)).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{name}: {error:?}");
        assert_eq!(error.path(), Some(path(name).as_path()));
        assert!(error.to_string().contains(name), "{error}");
        assert!(!error.hint().is_empty());
        assert_eq!(std::fs::read(path(name)).ok(), before, "{name} was changed");
    }
    assert!(!path("no").exists());
    // An empty file is a new one.
    std::fs::write(path("empty"), "").unwrap();
    SqliteStateStore::open(path("empty")).await.unwrap();
}

#[tokio::test]
async fn damage_inside_is_told_and_harms_no_other_conversation() {
    let state = InDirectory::new().await;
    for id in ["a", "b", "c"] {
        let turn = ["x", "y", "z"].map(Message::user);
        state.append(&record(id), 0, &turn).await.unwrap();
    }
    let raw = Connection::open(state.path()).unwrap();
    let key = |id: &str| format!("(SELECT key FROM conversations WHERE id = '{id}')");
    raw.execute(
        &format!(
            "DELETE FROM messages WHERE position = 1 AND conversation = {}",
            key("a")
        ),
        [],
    )
    .unwrap();
    raw.execute(
        &format!(
            "UPDATE messages SET message = '{{' WHERE position = 1 AND conversation = {}",
            key("b")
        ),
        [],
    )
    .unwrap();
    for id in ["a", "b"] {
        let error = state
            .load(&id.parse().unwrap(), Window::All)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), StateErrorKind::Corrupted, "{error:?}");
        assert_eq!(error.path(), Some(state.path().as_path()));
    }
    let whole = state
        .load(&"c".parse().unwrap(), Window::All)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(whole.messages.len(), 3);
}

#[cfg(unix)]
#[tokio::test]
async fn the_file_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let state = InDirectory::new().await;
    state.append(&record("a"), 0, &[]).await.unwrap();
    for name in ["c.sqlite", "c.sqlite-wal", "c.sqlite-shm"] {
        let mode = std::fs::metadata(state.directory.path().join(name))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[tokio::test]
async fn a_locked_file_is_unavailable_and_works_again() {
    let state = InDirectory::new().await;
    let one = state.append(&record("a"), 0, &[]).await.unwrap();
    let raw = Connection::open(state.path()).unwrap();
    raw.execute_batch("BEGIN IMMEDIATE").unwrap();
    // Reading goes on beside a writer.
    assert!(state.load(&one.id, Window::All).await.unwrap().is_some());
    let error = state.append(&one, 1, &[]).await.unwrap_err();
    assert_eq!(error.kind(), StateErrorKind::Unavailable);
    raw.execute_batch("ROLLBACK").unwrap();
    assert_eq!(state.append(&one, 1, &[]).await.unwrap().version, 2);
}

/// How many steps each of them takes in the database is counted beside the store.
#[tokio::test]
async fn a_turn_costs_the_same_after_ten_thousand() {
    let inner = InDirectory::new().await;
    let store = inner.store.clone();
    let state = FaultyState::new(store.clone());
    let provider = Scripted::new();
    let manager = ConversationManager::builder()
        .with_provider(provider.clone())
        .with_state_store(state.clone())
        .with_config(ManagerConfig::default().with_max_history_messages(Some(20)))
        .build()
        .unwrap();
    let mut conversation = manager.new_conversation(&pack(), config()).await.unwrap();
    for turns in [10_u64, 10_000] {
        let loaded = store.load(conversation.id(), Window::Record).await.unwrap();
        let mut record = loaded.map_or_else(|| conversation.record().clone(), |one| one.record);
        while record.messages < turns * 2 {
            let some: Vec<_> = (0..500_u64.min(turns))
                .flat_map(|n| {
                    let question = Message::user(format!("question {n}"));
                    let answer = Message::new(Role::Assistant, vec![format!("answer {n}").into()]);
                    [question, answer]
                })
                .collect();
            record.externalized = record.messages + some.len() as u64;
            record = store.append(&record, record.version, &some).await.unwrap();
        }
        conversation = manager.resume(&pack(), &record.id).await.unwrap();
        conversation.send("warm").await.unwrap();
        for _ in 0..40 {
            state.take_counts();
            conversation.send("x").await.unwrap();
            let (read, written) = state.take_counts();
            assert_eq!((read, written), (20, 2), "after {turns} turns");
        }
        let asked = provider.last().messages.len();
        assert!(asked <= 21, "{asked}");
    }
}
