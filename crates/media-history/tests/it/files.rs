//! Histories in files.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use media_history::file::{FileOptions, abandon, externalize_file, restore_file};
use media_history::{History, HistoryErrorKind, HistoryKey};
use media_storage::{InMemoryStorage, Inventory as _, Scope};
use media_types::base64;
use serde_json::json;

pub(crate) fn hot() -> FileOptions {
    FileOptions::new().with_quiet_for(Duration::ZERO)
}

pub(crate) fn history(store: &InMemoryStorage) -> History {
    History::new(store, HistoryKey::new("a secret of sixteen bytes").unwrap())
        .with_scope(Scope::User("user".parse().unwrap()))
        .with_threshold_kb(0)
}

pub(crate) fn line(number: usize) -> String {
    let bytes: Vec<u8> = (0..2000 + number).map(|at| (at * number) as u8).collect();
    let data = base64::encode(&bytes);
    format!("{{\"role\":\"user\",\"source\":{{\"type\":\"base64\",\"data\":\"{data}\"}}}}\n")
}

pub(crate) fn lines(count: usize) -> String {
    (1..=count).map(line).collect()
}

/// The names in a directory.
pub(crate) fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

pub(crate) async fn references(store: &InMemoryStorage) -> u64 {
    store.usage(Scope::All).await.unwrap().references
}

#[tokio::test]
async fn a_file_is_replaced_and_comes_back() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("session.jsonl");
    let text = lines(20);
    fs::write(&path, &text).unwrap();
    let store = InMemoryStorage::new();
    let history = history(&store);
    let outcome = externalize_file(&history, &path, &hot()).await.unwrap();
    assert!(outcome.changed && !outcome.resumed);
    assert_eq!(outcome.report.totals.replaced, 20);
    assert!(fs::metadata(&path).unwrap().len() < text.len() as u64 / 4);
    assert_eq!(names(directory.path()), ["session.jsonl"]);
    let again = externalize_file(&history, &path, &hot()).await.unwrap();
    assert!(!again.changed);
    let outcome = restore_file(&history, &path, &hot()).await.unwrap();
    assert_eq!(outcome.report.restored, 20);
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
    assert_eq!(names(directory.path()), ["session.jsonl"]);
}

#[tokio::test]
async fn media_may_be_added_to_a_file_that_has_placeholders() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("session.jsonl");
    fs::write(&path, lines(3)).unwrap();
    let store = InMemoryStorage::new();
    let history = history(&store);
    externalize_file(&history, &path, &hot()).await.unwrap();
    let slim = fs::read_to_string(&path).unwrap();
    // The same media as before, and other media.
    let grown = format!("{slim}{}{}{slim}", line(2), line(4));
    fs::write(&path, &grown).unwrap();
    let outcome = externalize_file(&history, &path, &hot()).await.unwrap();
    assert!(outcome.changed);
    assert_eq!(outcome.report.totals.replaced, 2);
    let whole = [lines(3), line(2), line(4), lines(3)].concat();
    restore_file(&history, &path, &hot()).await.unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), whole);

    // Media that is gone is no reason to keep other media inline.
    fs::write(&path, &grown).unwrap();
    history.forget(slim.as_bytes()).await.unwrap();
    let outcome = externalize_file(&history, &path, &hot()).await.unwrap();
    assert_eq!(outcome.report.totals.replaced, 2);
    assert!(fs::read_to_string(&path).unwrap().starts_with(&slim));
}

#[tokio::test]
async fn the_result_may_go_elsewhere() {
    let directory = tempfile::tempdir().unwrap();
    let (path, slim) = (directory.path().join("a"), directory.path().join("b"));
    fs::write(&path, lines(3)).unwrap();
    let store = InMemoryStorage::new();
    let options = hot().with_output(&slim);
    externalize_file(&history(&store), &path, &options)
        .await
        .unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), lines(3));
    let whole = directory.path().join("c");
    restore_file(&history(&store), &slim, &hot().with_output(&whole))
        .await
        .unwrap();
    assert_eq!(fs::read_to_string(&whole).unwrap(), lines(3));
    assert_eq!(names(directory.path()), ["a", "b", "c"]);
    let error = externalize_file(&history(&store), &path, &options)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), HistoryErrorKind::Write);
}

#[tokio::test]
async fn files_that_changed_a_moment_ago_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a");
    fs::write(&path, lines(1)).unwrap();
    let history = history(&InMemoryStorage::new());
    let error = externalize_file(&history, &path, &FileOptions::new())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), HistoryErrorKind::Refused);
    assert_eq!(fs::read_to_string(&path).unwrap(), lines(1));
    assert_eq!(names(directory.path()), ["a"]);
}

/// A run that was killed leaves a journal; the next uses what it stored, or it is given up.
#[tokio::test]
async fn a_killed_run_is_taken_up_or_given_up() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a");
    fs::write(&path, lines(5)).unwrap();
    let store = InMemoryStorage::new();
    let history = history(&store);
    // What a run has done that was killed before it replaced the file.
    let stored = history.externalize(lines(3).as_bytes()).await.unwrap();
    let mut journal = fs::File::create(directory.path().join(".a.media-journal")).unwrap();
    for value in &stored.report().values {
        let reference = serde_json::to_string(&value.reference).unwrap();
        writeln!(journal, "{{\"stored\":{reference}}}").unwrap();
    }
    write!(journal, "{{\"stored\":{{\"id\":\"to").unwrap();
    drop(journal);
    let copy = fs::read(directory.path().join(".a.media-journal")).unwrap();
    fs::write(directory.path().join(".a.media-new"), "half").unwrap();

    let outcome = externalize_file(&history, &path, &hot()).await.unwrap();
    assert!(outcome.resumed);
    assert_eq!(outcome.report.totals.stored, 2);
    assert_eq!(references(&store).await, 5);
    assert_eq!(names(directory.path()), ["a"]);

    // Killed between the replacement and the end: what the file names stays.
    fs::write(directory.path().join(".a.media-journal"), &copy).unwrap();
    assert_eq!(abandon(&history, &path).await.unwrap(), 0);
    assert_eq!(references(&store).await, 5);
    restore_file(&history, &path, &hot()).await.unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), lines(5));

    // Nothing names it: it goes.
    fs::write(directory.path().join(".a.media-journal"), &copy).unwrap();
    assert_eq!(abandon(&history, &path).await.unwrap(), 3);
    assert_eq!(references(&store).await, 2);
    assert_eq!(names(directory.path()), ["a"]);
}

/// Killed while it appended to the new file what was appended to the old one, beside another program.
#[tokio::test]
async fn what_was_appended_to_the_old_file_is_taken_over() {
    let text = lines(2);
    let piece = "one\ntwo\n";
    for others in ["", "three\n"] {
        // The last is the moment after the piece was written.
        for torn in [0, 1, 4, 6, piece.len()] {
            let directory = tempfile::tempdir().unwrap();
            let at = |name: &str| directory.path().join(name);
            fs::write(at("a"), &text).unwrap();
            let history = history(&InMemoryStorage::new());
            externalize_file(&history, at("a"), &hot()).await.unwrap();
            let slim = fs::read_to_string(at("a")).unwrap();
            let swap = json!({"swap": {
                "old_len": text.len(), "new_len": slim.len(), "appending": piece.len(),
            }});
            fs::write(at(".a.media-journal"), format!("{swap}\n")).unwrap();
            fs::write(at(".a.media-old"), format!("{text}{piece}four\n")).unwrap();
            fs::write(at("a"), format!("{slim}{others}{}", &piece[..torn])).unwrap();
            restore_file(&history, at("a"), &hot()).await.unwrap();
            assert_eq!(
                fs::read_to_string(at("a")).unwrap(),
                format!("{text}{others}{piece}four\n"),
                "{torn} bytes were written"
            );
            assert_eq!(names(directory.path()), ["a"]);
        }
    }
}

/// The old file had got its place again, or was about to, when the run ended.
#[cfg(unix)]
#[tokio::test]
async fn what_was_appended_to_the_new_file_is_taken_over_too() {
    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Killed {
        Before,
        Linked,
        HasItsPlace,
    }
    for killed in [Killed::Before, Killed::Linked, Killed::HasItsPlace] {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        let text = lines(2);
        fs::write(at("a"), &text).unwrap();
        let history = history(&InMemoryStorage::new());
        externalize_file(&history, at("a"), &hot()).await.unwrap();
        let slim = fs::read_to_string(at("a")).unwrap();
        let swap = json!({"swap": {
            "old_len": slim.len(), "new_len": text.len(), "is_back": true,
        }});
        fs::write(at(".a.media-journal"), format!("{swap}\n")).unwrap();
        fs::write(at("a"), format!("{slim}one\n")).unwrap();
        let old = at(".a.media-old");
        fs::write(&old, format!("{text}two\n")).unwrap();
        if killed != Killed::Before {
            fs::hard_link(at("a"), at(".a.media-back")).unwrap();
        }
        if killed == Killed::HasItsPlace {
            fs::rename(old, at("a")).unwrap();
        }
        restore_file(&history, at("a"), &hot()).await.unwrap();
        let appended = match killed {
            Killed::HasItsPlace => "two\none\n",
            _ => "one\ntwo\n",
        };
        assert_eq!(
            fs::read_to_string(at("a")).unwrap(),
            format!("{text}{appended}"),
            "{killed:?}"
        );
        assert_eq!(names(directory.path()), ["a"]);
    }
}

/// A program keeps the file open that lost its place: what it goes on to write is not lost.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_file_that_lost_its_place_waits_for_its_writer() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    let text = lines(1);
    fs::write(at("a"), &text).unwrap();
    let history = history(&InMemoryStorage::new());
    externalize_file(&history, at("a"), &hot()).await.unwrap();
    let new_len = fs::metadata(at("a")).unwrap().len();
    let swap = json!({"swap": {"old_len": text.len(), "new_len": new_len}});
    fs::write(at(".a.media-journal"), format!("{swap}\n")).unwrap();
    fs::write(at(".a.media-old"), &text).unwrap();
    let mut writer = std::process::Command::new("sh")
        .args(["-c", "exec >> \"$1\"; read go; echo one", "writer"])
        .arg(at(".a.media-old"))
        .stdin(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    // The program has the file open as soon as that can be seen.
    let descriptors = format!("/proc/{}/fd/1", writer.id());
    while fs::read_link(&descriptors).is_ok_and(|open| open != at(".a.media-old")) {
        tokio::task::yield_now().await;
    }
    let error = restore_file(&history, at("a"), &hot()).await.unwrap_err();
    assert_eq!(error.kind(), HistoryErrorKind::Changed);
    writer.stdin.take().unwrap().write_all(b"\n").unwrap();
    assert!(writer.wait().unwrap().success());
    restore_file(&history, at("a"), &hot()).await.unwrap();
    assert_eq!(fs::read_to_string(at("a")).unwrap(), format!("{text}one\n"));
    assert_eq!(names(directory.path()), ["a"]);
}

/// Beside a program that opens the file, appends a line and closes it, hundreds of times in a row.
#[tokio::test(flavor = "multi_thread")]
async fn no_line_of_a_writer_is_lost() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a");
    fs::write(&path, lines(30)).unwrap();
    let go_on = directory.path().join("go-on");
    fs::write(&go_on, "").unwrap();
    let script = "n=0; while [ -e \"$2\" ]; do n=$((n+1)); echo \"{\\\"n\\\":$n}\" >> \"$1\"; [ $((n % 500)) -ne 0 ] || sleep 0.005; done; echo $n";
    let writer = std::process::Command::new("sh")
        .args(["-c", script, "writer"])
        .args([&path, &go_on])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let history = history(&InMemoryStorage::new());
    let mut replaced = 0;
    // A writer that is faster than the file can be replaced makes it stay as it is.
    for attempt in 0..200 {
        let done = match attempt % 2 {
            0 => externalize_file(&history, &path, &hot())
                .await
                .map(|outcome| outcome.changed),
            _ => restore_file(&history, &path, &hot())
                .await
                .map(|outcome| outcome.changed),
        };
        match done {
            Ok(changed) => replaced += u32::from(changed),
            Err(error) => {
                let kind = error.kind();
                assert!(
                    matches!(kind, HistoryErrorKind::Refused | HistoryErrorKind::Changed),
                    "{error:?}"
                );
            }
        }
        if replaced >= 4 {
            break;
        }
    }
    fs::remove_file(&go_on).unwrap();
    let said = writer.wait_with_output().unwrap();
    let written: u32 = String::from_utf8(said.stdout)
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    assert!(written > 0);
    externalize_file(&history, &path, &hot()).await.unwrap();
    restore_file(&history, &path, &hot()).await.unwrap();
    let text = fs::read_to_string(&path).unwrap();
    let appended = text.strip_prefix(&lines(30)).unwrap();
    let mut numbers: Vec<u32> = appended
        .lines()
        .map(|line| line[5..line.len() - 1].parse().unwrap())
        .collect();
    numbers.sort_unstable();
    let lost: Vec<u32> = (1..=written)
        .filter(|number| numbers.binary_search(number).is_err())
        .collect();
    assert!(lost.is_empty(), "lost: {lost:?}");
    assert_eq!(numbers.len(), written as usize, "a line stands twice");
}
