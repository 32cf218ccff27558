//! Opening one file from many tasks and processes at once.

use std::path::Path;
use std::process::{Command, Stdio};

use conversation_state::*;
use conversation_types::Message;
use media_types::ConversationId;

use super::harness::SqliteHarness;

const TASKS: usize = 6;
const ROUNDS: usize = 50;
/// Names the file that a child process opens.
const FILE: &str = "CONVERSATION_STATE_TEST_FILE";

/// Opens a file and adds a message to a conversation that all openers share.
async fn open_and_write(path: &Path, name: &str) -> StoreId {
    let store = SqliteStateStore::open(path).await.unwrap();
    let id: ConversationId = "shared".parse().unwrap();
    // Whoever is first creates it.
    let _ = store
        .create(NewConversation::new(ConversationRecord::new(id.clone())))
        .await;
    loop {
        let loaded = store.load(&id, Window::MetadataOnly.into()).await.unwrap();
        let record = loaded.unwrap().record;
        let fence = Fence::Head {
            head: record.head,
            turn: None,
        };
        let write = StateWrite::new(&record, fence).with_append([Message::user(name)]);
        match store.apply(write).await {
            Ok(_) => return store.info().await.unwrap().id,
            Err(error) if error.kind() == StateErrorKind::Conflict => {}
            Err(error) => panic!("{error:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_tasks_open_a_new_file_at_once() {
    for round in 0..ROUNDS {
        let harness = SqliteHarness::new();
        let tasks: Vec<_> = (0..TASKS)
            .map(|n| {
                let path = harness.path();
                tokio::spawn(async move { open_and_write(&path, &format!("task {n}")).await })
            })
            .collect();
        let mut ids = Vec::new();
        for task in tasks {
            ids.push(task.await.unwrap());
        }
        ids.dedup();
        assert_eq!(ids.len(), 1, "round {round}: one store, one id");
        assert_messages(&harness, TASKS).await;
    }
}

async fn assert_messages(harness: &SqliteHarness, count: usize) {
    let store = harness.store().await;
    let loaded = store
        .load(&"shared".parse().unwrap(), Window::All.into())
        .await;
    let loaded = loaded.unwrap().unwrap();
    assert_eq!(loaded.messages.len(), count);
    let positions: Vec<u64> = loaded
        .messages
        .iter()
        .map(|stored| stored.position)
        .collect();
    assert_eq!(positions, (0..count as u64).collect::<Vec<_>>());
}

#[tokio::test]
async fn six_processes_open_a_new_file_at_once() {
    for _ in 0..10 {
        let harness = SqliteHarness::new();
        let children: Vec<_> = (0..TASKS)
            .map(|_| {
                Command::new(std::env::current_exe().unwrap())
                    .args(["--exact", "sqlite::opening::child_process", "--nocapture"])
                    .env(FILE, harness.path())
                    .stdout(Stdio::piped())
                    .stderr(Stdio::piped())
                    .spawn()
                    .unwrap()
            })
            .collect();
        for child in children {
            let output = child.wait_with_output().unwrap();
            let stderr = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{stderr}");
            assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"));
        }
        assert_messages(&harness, TASKS * 5).await;
    }
}

/// What each of the processes does; nothing where it was not started by the test above.
#[tokio::test]
async fn child_process() {
    let Some(path) = std::env::var_os(FILE) else {
        return;
    };
    for n in 0..5 {
        // Opened anew each time, so that the log is removed and made again under the others.
        open_and_write(Path::new(&path), &format!("process {n}")).await;
    }
}

#[tokio::test]
async fn opening_a_second_handle_ends_no_lock_of_the_first() {
    // A file that is opened and closed beside SQLite loses all locks of the process on it.
    let harness = SqliteHarness::new();
    let first = harness.store().await;
    let raw = rusqlite::Connection::open(harness.path()).unwrap();
    raw.execute_batch("BEGIN IMMEDIATE").unwrap();
    let second = harness.store().await;
    let other = rusqlite::Connection::open(harness.path()).unwrap();
    other.busy_timeout(std::time::Duration::ZERO).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap_err();
    raw.execute_batch("ROLLBACK").unwrap();
    drop((first, second));
}

#[cfg(unix)]
#[tokio::test]
async fn the_file_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let harness = SqliteHarness::new();
    let store = harness.store().await;
    let record = ConversationRecord::new("a".parse().unwrap());
    store.create(NewConversation::new(record)).await.unwrap();
    for suffix in ["", "-wal", "-shm"] {
        let mut path = harness.path().into_os_string();
        path.push(suffix);
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", path.display());
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_path_that_cannot_be_followed_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let circle = directory.path().join("circle");
    std::os::unix::fs::symlink(&circle, &circle).unwrap();
    let error = SqliteStateStore::open(circle.join("state.db")).await;
    let error = error.unwrap_err();
    assert_eq!(error.kind(), StateErrorKind::Other);
    assert!(error.to_string().contains("circle/state.db"), "{error}");
    assert!(std::error::Error::source(&error).is_some());
}
