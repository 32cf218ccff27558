//! Deleting on a disk that is full.

use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use conversation_state::*;
use conversation_types::Message;

/// Names the directory of the small disk.
const DISK: &str = "CONVERSATION_STATE_TEST_DISK";
/// What the small disk is mounted with.
const MOUNT: &str = "mount -t tmpfs -o size=4m,mode=700 none \"$1\" && shift && exec \"$@\"";

#[test]
fn a_conversation_is_deleted_on_a_full_disk() {
    let directory = tempfile::tempdir().unwrap();
    let disk = directory.path().to_str().unwrap();
    // A mount of the child's own, which is gone with it.
    let unshare = ["--user", "--map-root-user", "--mount", "sh", "-c"];
    let probe = Command::new("unshare")
        .args(unshare)
        .args([MOUNT, "sh", disk, "true"])
        .output();
    if !probe.is_ok_and(|probe| probe.status.success()) {
        eprintln!("NOT TESTED: deletion on a full disk needs `unshare` and user namespaces");
        return;
    }
    let test = std::env::current_exe().unwrap();
    let test = test.to_str().unwrap();
    let output = Command::new("unshare")
        .args(unshare)
        .args([
            MOUNT,
            "sh",
            disk,
            test,
            "--exact",
            "sqlite::full_disk::child_process",
            "--nocapture",
        ])
        .env(DISK, disk)
        .output()
        .unwrap();
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && stdout.contains("1 passed"),
        "{stdout}{stderr}"
    );
}

/// Writes to a new file until the disk is full.
fn fill(path: &Path) {
    let mut file = std::fs::File::create(path).unwrap();
    for size in [1 << 16, 1 << 12, 1] {
        while file.write_all(&vec![0; size]).is_ok() {}
    }
}

/// What happens on the small disk; nothing where it was not started by the test above.
#[tokio::test]
async fn child_process() {
    let Some(disk) = std::env::var_os(DISK) else {
        return;
    };
    let disk = Path::new(&disk);
    let store = SqliteStateStore::open(disk.join("c.sqlite")).await.unwrap();
    let mut known = Vec::new();
    for name in ["a", "b"] {
        let record = ConversationRecord::new(name.parse().unwrap());
        let record = store
            .create(NewConversation::new(record))
            .await
            .unwrap()
            .into_record();
        let messages = (0..20).map(|_| Message::user("secret text ".repeat(1000)));
        known.push(store.apply(append(&record, messages)).await.unwrap().record);
    }
    // As every thousand pages: what is in the log has its place in the file.
    let raw = rusqlite::Connection::open(disk.join("c.sqlite")).unwrap();
    raw.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))
        .unwrap();
    fill(&disk.join("filler"));
    // Writing fails with the reason, and leaves everything as it was.
    let large = append(&known[1], [Message::user("x".repeat(3 << 20))]);
    let error = store.apply(large).await.unwrap_err();
    assert_eq!(error.kind(), StateErrorKind::DiskSpace, "{error:?}");
    // Deleting works.
    store
        .tombstone(&known[0].id, Duration::from_secs(60))
        .await
        .unwrap();
    store.purge(&known[0].id).await.unwrap();
    assert!(
        store
            .load(&known[0].id, Window::All.into())
            .await
            .unwrap()
            .is_none()
    );
    let other = store
        .load(&known[1].id, Window::All.into())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(other.messages.len(), 20);
    // With room again, everything goes on.
    std::fs::remove_file(disk.join("filler")).unwrap();
    store
        .apply(append(&known[1], [Message::user("x")]))
        .await
        .unwrap();
}

fn append(record: &ConversationRecord, messages: impl IntoIterator<Item = Message>) -> StateWrite {
    let fence = Fence::Head {
        head: record.head,
        turn: None,
    };
    StateWrite::new(record, fence).with_append(messages)
}
