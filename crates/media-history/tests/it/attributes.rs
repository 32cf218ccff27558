//! What a file keeps when it is replaced, and files whose directory cannot be written.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink};
use std::path::PathBuf;

use media_history::HistoryErrorKind;
use media_history::file::{Links, abandon, externalize_file, restore_file};
use media_storage::InMemoryStorage;

use crate::files::{history, hot, lines, names, references};

#[tokio::test]
async fn links_are_refused_or_followed_and_attributes_kept() {
    let directory = tempfile::tempdir().unwrap();
    let (path, link) = (directory.path().join("a"), directory.path().join("link"));
    fs::write(&path, lines(2)).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    let before = fs::metadata(&path).unwrap();
    symlink(&path, &link).unwrap();
    let history = history(&InMemoryStorage::new());
    let error = externalize_file(&history, &link, &hot()).await.unwrap_err();
    assert_eq!(error.kind(), HistoryErrorKind::Refused);
    let options = hot().with_links(Links::Follow);
    externalize_file(&history, &link, &options).await.unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    let after = fs::metadata(&path).unwrap();
    assert_eq!(after.mode(), before.mode());
    assert_eq!((after.uid(), after.gid()), (before.uid(), before.gid()));

    fs::hard_link(&path, directory.path().join("other")).unwrap();
    let error = restore_file(&history, &path, &hot()).await.unwrap_err();
    assert_eq!(error.kind(), HistoryErrorKind::Refused);
    let error = externalize_file(&history, directory.path(), &hot())
        .await
        .unwrap_err();
    assert!(matches!(
        error.kind(),
        HistoryErrorKind::Refused | HistoryErrorKind::Read
    ));
    assert_eq!(names(directory.path()), ["a", "link", "other"]);
}

#[tokio::test]
async fn the_owner_of_a_file_is_kept() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a");
    fs::write(&path, lines(2)).unwrap();
    if chown(&path, Some(1000), Some(1001)).is_err() {
        eprintln!("NOT RUN: a file of another owner needs root");
        return;
    }
    // A change of the owner clears this bit.
    fs::set_permissions(&path, fs::Permissions::from_mode(0o4750)).unwrap();
    let history = history(&InMemoryStorage::new());
    for _ in 0..2 {
        let done = externalize_file(&history, &path, &hot()).await.unwrap();
        assert!(done.changed);
        let after = fs::metadata(&path).unwrap();
        assert_eq!((after.uid(), after.gid()), (1000, 1001));
        assert_eq!(after.mode() & 0o7777, 0o4750);
        restore_file(&history, &path, &hot()).await.unwrap();
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn extended_attributes_of_a_file_are_kept() {
    use rustix::fs::{XattrFlags, getxattr, listxattr, setxattr};

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a");
    fs::write(&path, lines(2)).unwrap();
    let (long, none) = (vec![7; 2000], Vec::new());
    let all = [
        ("user.short", b"1".to_vec()),
        ("user.long", long),
        ("user.none", none),
    ];
    for (name, value) in &all {
        if setxattr(&path, *name, value, XattrFlags::empty()) == Err(rustix::io::Errno::NOTSUP) {
            eprintln!("NOT RUN: the file system has no extended attributes");
            return;
        }
    }
    let history = history(&InMemoryStorage::new());
    let done = externalize_file(&history, &path, &hot()).await.unwrap();
    assert!(done.changed);
    restore_file(&history, &path, &hot()).await.unwrap();
    let mut buffer = vec![0_u8; 4096];
    for (name, value) in &all {
        let len = getxattr(&path, *name, &mut buffer).unwrap();
        assert_eq!(&buffer[..len], value, "{name}");
    }
    let len = listxattr(&path, &mut buffer).unwrap();
    let listed = String::from_utf8_lossy(&buffer[..len]);
    assert!(listed.matches("user.").count() == all.len(), "{listed}");
}

/// A file that anybody may read, in a directory where nothing can be created.
#[cfg(target_os = "linux")]
fn in_a_fixed_directory() -> Option<PathBuf> {
    let paths = ["/sys/kernel/fscaps", "/sys/kernel/address_bits"].map(PathBuf::from);
    paths.into_iter().find(|path| path.is_file())
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_file_whose_directory_cannot_be_written_goes_elsewhere() {
    let Some(path) = in_a_fixed_directory() else {
        eprintln!("NOT RUN: there is no /sys");
        return;
    };
    let text = fs::read(&path).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let history = history(&InMemoryStorage::new());
    let slim = hot().with_output(directory.path().join("slim"));
    externalize_file(&history, &path, &slim).await.unwrap();
    let fat = hot().with_output(directory.path().join("fat"));
    restore_file(&history, &path, &fat).await.unwrap();
    assert_eq!(names(directory.path()), ["fat", "slim"]);
    for name in ["fat", "slim"] {
        assert_eq!(fs::read(directory.path().join(name)).unwrap(), text);
    }
    let error = externalize_file(&history, &path, &hot()).await.unwrap_err();
    assert_eq!(error.kind(), HistoryErrorKind::Write);
}

/// What the journal of a run lists that stored three media items and was killed.
async fn stored(history: &media_history::History) -> String {
    let slim = history.externalize(lines(3).as_bytes()).await.unwrap();
    let listed = slim.report().values.iter().map(|value| {
        let reference = serde_json::to_string(&value.reference).unwrap();
        format!("{{\"stored\":{reference}}}\n")
    });
    listed.collect()
}

#[tokio::test]
async fn a_run_that_was_killed_before_its_result_was_there_is_given_up_by_the_path_of_the_result() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    let (out, journal) = (at("out"), at(".out.media-out-journal"));
    let store = InMemoryStorage::new();
    let history = history(&store);
    fs::write(&journal, stored(&history).await).unwrap();
    assert_eq!(abandon(&history, &out).await.unwrap(), 3);
    assert_eq!(references(&store).await, 0);
    assert!(names(directory.path()).is_empty());
    let error = abandon(&history, &out).await.unwrap_err();
    assert_eq!(error.kind(), HistoryErrorKind::Read, "there is nothing");

    // About to get its name: it may have had it, and have another now.
    let listed = stored(&history).await;
    let line = serde_json::json!({ "output": out.clone().into_os_string() });
    fs::write(&journal, format!("{listed}{line}\n")).unwrap();
    let error = abandon(&history, &out).await.unwrap_err();
    assert_eq!(error.kind(), HistoryErrorKind::Refused);
    assert_eq!(references(&store).await, 3);
    assert_eq!(names(directory.path()), [".out.media-out-journal"]);

    // It has it, and is given up together with a run over itself.
    fs::write(&out, lines(1)).unwrap();
    fs::write(at(".out.media-journal"), stored(&history).await).unwrap();
    assert_eq!(abandon(&history, &out).await.unwrap(), 6);
    assert_eq!(references(&store).await, 0);
    assert_eq!(names(directory.path()), ["out"]);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_run_that_goes_elsewhere_takes_over_no_journal_of_another() {
    let Some(fixed) = in_a_fixed_directory() else {
        eprintln!("NOT RUN: there is no /sys");
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    let store = InMemoryStorage::new();
    let history = history(&store);

    // A run over the result itself is half done. Its own journal is not that of a run that goes there.
    let half_done = [".out.media-journal", ".out.media-old"];
    for name in half_done {
        fs::write(at(name), "{}\n").unwrap();
    }
    fs::write(at(".out.media-out-journal"), stored(&history).await).unwrap();
    externalize_file(&history, &fixed, &hot().with_output(at("out")))
        .await
        .unwrap();
    assert_eq!(references(&store).await, 0, "the killed run was taken up");
    assert_eq!(names(directory.path()), [half_done[0], half_done[1], "out"]);
    for name in half_done {
        assert_eq!(fs::read_to_string(at(name)).unwrap(), "{}\n");
    }

    // The journal of the file is there and cannot be opened for writing.
    fs::write(at("a"), lines(2)).unwrap();
    symlink(&fixed, at(".a.media-journal")).unwrap();
    let error = externalize_file(&history, at("a"), &hot().with_output(at("b"))).await;
    assert_eq!(error.unwrap_err().kind(), HistoryErrorKind::Write);
    assert!(!at("b").exists() && !at(".b.media-out-journal").exists());
    assert_eq!(references(&store).await, 0);
}
