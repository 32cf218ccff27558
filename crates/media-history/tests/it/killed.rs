//! What the next run does with what a killed one stored.

use std::fs;
use std::path::PathBuf;

use media_history::file::{FileOptions, abandon, externalize_file, restore_file};
use media_history::{History, HistoryErrorKind, HistoryKey};
use media_storage::{InMemoryStorage, Scope};
use tempfile::TempDir;

use crate::files::{history, hot, lines, names, references};

/// A history, and a run over it that is killed.
struct Killed {
    directory: TempDir,
    store: InMemoryStorage,
    history: History,
}

impl Killed {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("a"), lines(3)).unwrap();
        let store = InMemoryStorage::new();
        let history = history(&store);
        Self {
            directory,
            store,
            history,
        }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn names(&self) -> Vec<String> {
        names(self.directory.path())
    }

    /// The run is killed when its result has its name, and its journal is still there.
    async fn at_the_end(&self, options: &FileOptions) {
        // A run that cannot give its result the name leaves the same journal.
        let blocked = self.at("blocked");
        fs::write(&blocked, "").unwrap();
        externalize_file(&self.history, self.at("a"), &hot().with_output(&blocked))
            .await
            .unwrap_err();
        fs::remove_file(blocked).unwrap();
        let journal = fs::read_to_string(self.at(".a.media-journal")).unwrap();
        externalize_file(&self.history, self.at("a"), options)
            .await
            .unwrap();
        let stored = journal.lines().filter(|line| line.contains("stored"));
        let mut journal: String = stored.map(|line| format!("{line}\n")).collect();
        if let Some(output) = options.output() {
            let output = std::path::absolute(output).unwrap().into_os_string();
            let output = serde_json::json!({ "output": output });
            journal.push_str(&format!("{output}\n"));
        }
        fs::write(self.at(".a.media-journal"), journal).unwrap();
        assert_eq!(references(&self.store).await, 3);
    }
}

fn other_handles(store: &InMemoryStorage) -> [History; 3] {
    let other = || History::new(store, HistoryKey::new("another secret of theirs").unwrap());
    let user = Scope::User("user".parse().unwrap());
    [
        other().with_scope(user).with_threshold_kb(0),
        other().unscoped(),
        history(store).unscoped(),
    ]
}

/// The key was rotated, or the command was given another one: media of the file is never deleted.
#[tokio::test]
async fn what_a_file_names_with_another_key_or_scope_stays() {
    for at in 0..3 {
        let killed = Killed::new();
        killed.at_the_end(&hot()).await;
        let journal = fs::read(killed.at(".a.media-journal")).unwrap();
        let other = &other_handles(&killed.store)[at];
        externalize_file(other, killed.at("a"), &hot())
            .await
            .unwrap();
        assert_eq!(references(&killed.store).await, 3, "handle {at}");
        fs::write(killed.at(".a.media-journal"), journal).unwrap();
        assert_eq!(abandon(other, killed.at("a")).await.unwrap(), 0);
        assert_eq!(references(&killed.store).await, 3, "handle {at}");
        restore_file(&killed.history, killed.at("a"), &hot())
            .await
            .unwrap();
        assert_eq!(fs::read_to_string(killed.at("a")).unwrap(), lines(3));
    }
}

/// The same for a history that replaces another: a process that has the old key only reads it.
#[tokio::test]
async fn what_the_new_history_names_with_another_key_stays() {
    let store = InMemoryStorage::new();
    let old = history(&store);
    let slim = old.externalize(lines(2).as_bytes()).await.unwrap();
    let rotated = HistoryKey::new("another secret of theirs").unwrap();
    let rotated = rotated.with_retired("a secret of sixteen bytes").unwrap();
    let new = History::new(&store, rotated)
        .with_scope(Scope::User("user".parse().unwrap()))
        .with_threshold_kb(0)
        .with_known(slim.bytes())
        .unwrap();
    let again = new.externalize(lines(2).as_bytes()).await.unwrap();
    assert_ne!(again.bytes(), slim.bytes());
    let report = old.replace(slim.bytes(), again.bytes()).await.unwrap();
    assert_eq!((report.deleted.len(), report.kept), (0, 2));
    assert_eq!(references(&store).await, 2);
}

/// A file that holds the restored text names nothing, and says nothing of what is needed.
#[tokio::test]
async fn restoring_deletes_nothing_that_a_killed_run_stored() {
    let killed = Killed::new();
    killed.at_the_end(&hot()).await;
    let whole = hot().with_output(killed.at("whole"));
    restore_file(&killed.history, killed.at("a"), &whole)
        .await
        .unwrap();
    assert_eq!(references(&killed.store).await, 3);
    assert_eq!(killed.names(), ["a", "whole"], "the file names all of it");

    // Killed before the file was replaced: it can still be taken up or given up.
    let killed = Killed::new();
    let before = killed.history.externalize(lines(3).as_bytes()).await;
    let stored = &before.unwrap().report().values.clone();
    let journal = stored.iter().map(|value| {
        let reference = serde_json::to_string(&value.reference).unwrap();
        format!("{{\"stored\":{reference}}}\n")
    });
    fs::write(killed.at(".a.media-journal"), journal.collect::<String>()).unwrap();
    restore_file(&killed.history, killed.at("a"), &hot())
        .await
        .unwrap();
    assert_eq!(references(&killed.store).await, 3);
    assert_eq!(killed.names(), [".a.media-journal", "a"]);
    assert_eq!(
        abandon(&killed.history, killed.at("a")).await.unwrap(),
        3,
        "nothing names it"
    );
    assert_eq!(killed.names(), ["a"]);
}

/// The result went to another file, which is the one that names what was stored.
#[tokio::test]
async fn what_a_result_elsewhere_names_stays() {
    let killed = Killed::new();
    let out = killed.at("out");
    killed.at_the_end(&hot().with_output(&out)).await;
    let journal = fs::read(killed.at(".a.media-journal")).unwrap();
    assert_eq!(abandon(&killed.history, killed.at("a")).await.unwrap(), 0);
    assert_eq!(references(&killed.store).await, 3);

    // A run that looks at the same file without the result does not delete it either.
    fs::write(killed.at(".a.media-journal"), &journal).unwrap();
    let large = history(&killed.store).with_threshold_kb(100);
    let outcome = externalize_file(&large, killed.at("a"), &hot()).await;
    assert!(!outcome.unwrap().changed);
    assert_eq!(references(&killed.store).await, 3);
    assert_eq!(killed.names(), ["a", "out"]);

    // It may have another name now.
    fs::write(killed.at(".a.media-journal"), &journal).unwrap();
    fs::rename(&out, killed.at("moved")).unwrap();
    let error = abandon(&killed.history, killed.at("a")).await.unwrap_err();
    assert_eq!(error.kind(), HistoryErrorKind::Refused);
    externalize_file(&large, killed.at("a"), &hot())
        .await
        .unwrap();
    assert_eq!(references(&killed.store).await, 3);
    assert_eq!(killed.names(), [".a.media-journal", "a", "moved"]);
}

/// The journal of a run that cannot give its result the name says where that was to go.
#[tokio::test]
async fn a_journal_names_where_the_result_goes() {
    let killed = Killed::new();
    let out = killed.at("out");
    fs::write(&out, "").unwrap();
    externalize_file(&killed.history, killed.at("a"), &hot().with_output(&out))
        .await
        .unwrap_err();
    // As if it had been killed right behind the last step.
    let journal = fs::read(killed.at(".a.media-journal")).unwrap();
    fs::remove_file(&out).unwrap();
    externalize_file(&killed.history, killed.at("a"), &hot().with_output(&out))
        .await
        .unwrap();
    fs::write(killed.at(".a.media-journal"), journal).unwrap();
    assert_eq!(abandon(&killed.history, killed.at("a")).await.unwrap(), 0);
    assert_eq!(references(&killed.store).await, 3);
    let whole = hot().with_output(killed.at("whole"));
    restore_file(&killed.history, out, &whole).await.unwrap();
    assert_eq!(fs::read_to_string(killed.at("whole")).unwrap(), lines(3));
}

/// Given up in the name of somebody else, it stays and can still be given up by its owner.
#[tokio::test]
async fn what_is_of_another_scope_is_not_given_up() {
    let killed = Killed::new();
    killed.at_the_end(&hot()).await;
    fs::write(killed.at("a"), "[]").unwrap();
    let eve = history(&killed.store).with_scope(Scope::User("eve".parse().unwrap()));
    let error = abandon(&eve, killed.at("a")).await.unwrap_err();
    assert_eq!(error.kind(), HistoryErrorKind::Refused);
    externalize_file(&eve, killed.at("a"), &hot())
        .await
        .unwrap();
    assert_eq!(references(&killed.store).await, 3);
    assert_eq!(killed.names(), [".a.media-journal", "a"]);
    assert_eq!(abandon(&killed.history, killed.at("a")).await.unwrap(), 3);
    assert_eq!(killed.names(), ["a"]);
}
