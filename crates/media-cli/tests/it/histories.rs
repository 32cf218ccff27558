//! Media out of histories, and back.

use std::io::Write as _;
use std::process::Stdio;
use std::time::{Duration, SystemTime};

use media_types::base64;

use crate::media::{Home, png};

const KEY: &str = "0123456789abcdef0123456789abcdef";

fn home() -> Home {
    Home::new().with_environment("MEDIA_HISTORY_KEY", KEY)
}

fn history(image: &[u8]) -> String {
    let data = base64::encode(image);
    format!(
        "{{\"role\":\"user\",  \"content\":[{{\"type\":\"image_url\",\"image_url\":{{\"url\":\
         \"data:image/png;base64,{data}\"}}}}]}}\n{{\"role\":\"assistant\",\"content\":\"nice\"}}\n"
    )
}

/// A picture that base64 makes larger than the default threshold.
fn photo() -> Vec<u8> {
    let mut bytes = png(20, 1);
    bytes.resize(200_000, 7);
    bytes
}

fn filter(home: &Home, arguments: &[&str], input: &[u8]) -> (i32, Vec<u8>, String) {
    let mut child = home
        .command(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = std::thread::spawn(move || {
        let _ = stdin.write_all(&input);
    });
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code().unwrap(), output.stdout, said)
}

const OWNER: [&str; 6] = ["--user", "ada", "--session", "s", "--conversation", "c"];

#[test]
fn a_stream_becomes_slim_and_fat_again() {
    let home = home();
    let text = history(&photo());
    let slim = [&["history", "slim", "store", "-", "--create"][..], &OWNER].concat();
    let (code, slimmed, said) = filter(&home, &slim, text.as_bytes());
    assert_eq!(code, 0, "{said}");
    assert!(slimmed.len() < 2000, "{}", slimmed.len());
    assert!(String::from_utf8_lossy(&slimmed).contains("media-ref:v1:file:"));
    assert_eq!(home.ids("store").len(), 1);
    let fatten = ["history", "fatten", "store", "-", "--user", "ada"];
    let (code, fat, said) = filter(&home, &fatten, &slimmed);
    assert_eq!(code, 0, "{said}");
    assert_eq!(fat, text.as_bytes());

    home.file("slim.jsonl", &slimmed);
    let check = [
        "history",
        "check",
        "store",
        "slim.jsonl",
        "--user",
        "ada",
        "--json",
    ];
    let sound = home.run(&check).ended(0).one();
    assert_eq!(
        (&sound["resolved"], &sound["unresolved_count"]),
        (&1.into(), &0.into())
    );
    // Another user's name does not open it.
    let (code, theirs, said) = filter(
        &home,
        &["history", "fatten", "store", "-", "--user", "eve"],
        &slimmed,
    );
    assert_eq!(code, 3, "{said}");
    assert!(
        said.contains("1 placeholders are of another key or owner"),
        "{said}"
    );
    assert_eq!(theirs, slimmed);
    home.run(&[
        "history",
        "fatten",
        "store",
        "slim.jsonl",
        "-O",
        "theirs.jsonl",
        "--hot",
        "--user",
        "eve",
    ])
    .ended(3)
    .says("of another key or owner");
    assert_eq!(std::fs::read(home.path("theirs.jsonl")).unwrap(), slimmed);
    home.run(&["rm", "store", "--user", "ada", "--yes"])
        .ended(0);
    let gone = home.run(&check).ended(3).one();
    assert_eq!(gone["unresolved_count"], 1);
    let (code, _, said) = filter(&home, &fatten, &slimmed);
    assert_eq!(code, 3, "{said}");
    assert!(said.contains("not found"), "{said}");
}

#[test]
fn a_placeholder_of_somebody_else_beside_media_that_came_back_is_named_and_fails_nothing() {
    let home = home();
    let text = history(&photo());
    let [ours, theirs] = ["ada", "eve"].map(|user| {
        let owner = ["--user", user, "--session", "s", "--conversation", "c"];
        let slim = [&["history", "slim", "store", "-", "--create"][..], &owner].concat();
        let (code, slimmed, said) = filter(&home, &slim, text.as_bytes());
        assert_eq!(code, 0, "{said}");
        slimmed
    });
    let fatten = ["history", "fatten", "store", "-", "--user", "ada"];
    let (code, fat, said) = filter(&home, &fatten, &[&ours[..], &theirs].concat());
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("1 placeholders are of another key or owner"));
    assert!(fat == [text.as_bytes(), &theirs].concat());
    let (code, fat, _) = filter(&home, &fatten, &theirs);
    assert!(code == 3 && fat == theirs, "nothing came back");
}

#[test]
fn what_is_missing_on_the_command_line_is_said() {
    let home = Home::new();
    home.put("store", "ada", "x.txt", b"x");
    home.file("h.json", b"[]");
    home.run(&["history", "check", "store", "h.json", "--user", "ada"])
        .ended(2)
        .says("a key is needed");
    home.file("key", KEY.as_bytes());
    let keyed = ["history", "check", "store", "h.json", "--key-file", "key"];
    home.run(&keyed).ended(2).says("whose histories");
    home.run(&[&keyed[..], &["--unscoped"]].concat()).ended(0);
    home.file("short", b"short\n");
    home.run(&[
        "history",
        "check",
        "store",
        "h.json",
        "--key-file",
        "short",
        "--unscoped",
    ])
    .ended(2)
    .says("fewer than 16 bytes");
    home.run(&[
        "history",
        "check",
        "typo",
        "h.json",
        "--key-file",
        "key",
        "--unscoped",
    ])
    .ended(1)
    .says("does not exist");
    home.run(&[
        "history",
        "check",
        "store",
        "none.json",
        "--key-file",
        "key",
        "--unscoped",
    ])
    .ended(1)
    .says("failed to open");
}

#[test]
fn files_are_rewritten_in_place_and_elsewhere() {
    let home = home();
    std::fs::create_dir_all(home.path("in/deep")).unwrap();
    let text = history(&photo());
    home.file("in/a.jsonl", text.as_bytes());
    home.file("in/deep/b.json", text.lines().next().unwrap().as_bytes());
    home.file("in/notes.txt", b"no history");
    let slim = |more: &[&str]| {
        let base = [
            &["history", "slim", "store", "in", "--create", "--json"][..],
            &OWNER,
        ]
        .concat();
        home.run(&[&base[..], more].concat())
    };
    // They changed a moment ago.
    let skipped = slim(&[]).ended(0).json();
    assert!(
        skipped.iter().all(|one| one["skipped"].is_string()),
        "{skipped:?}"
    );
    let old = SystemTime::now() - Duration::from_secs(3600);
    for name in ["in/a.jsonl", "in/deep/b.json"] {
        let file = std::fs::File::options()
            .append(true)
            .open(home.path(name))
            .unwrap();
        file.set_modified(old).unwrap();
    }
    slim(&["-O", "out"]).ended(0);
    assert_eq!(
        std::fs::read(home.path("in/a.jsonl")).unwrap(),
        text.as_bytes()
    );
    assert!(
        std::fs::metadata(home.path("out/deep/b.json"))
            .unwrap()
            .len()
            < 2000
    );
    let done = slim(&[]).ended(0).json();
    assert_eq!(done.len(), 2);
    assert!(done.iter().all(|one| one["changed"] == true), "{done:?}");
    assert!(std::fs::metadata(home.path("in/a.jsonl")).unwrap().len() < 2000);
    // Again: nothing is left to do.
    let again = slim(&["--hot"]).ended(0).json();
    assert!(again.iter().all(|one| one["changed"] == false), "{again:?}");
    home.run(&["history", "fatten", "store", "in", "--hot", "--user", "ada"])
        .ended(0);
    assert_eq!(
        std::fs::read(home.path("in/a.jsonl")).unwrap(),
        text.as_bytes()
    );
}

#[test]
fn a_file_that_is_no_json_ends_with_3_and_loses_nothing() {
    let home = home();
    let text = format!("{}no json at all {{", history(&photo()));
    home.file("h.jsonl", text.as_bytes());
    let slim = [
        &["history", "slim", "store", "h.jsonl", "--create", "--hot"][..],
        &OWNER,
    ]
    .concat();
    home.run(&slim).ended(3).says("not JSON");
    home.run(&[
        "history", "fatten", "store", "h.jsonl", "--hot", "--user", "ada",
    ]);
    assert_eq!(
        std::fs::read(home.path("h.jsonl")).unwrap(),
        text.as_bytes()
    );
}

#[test]
fn a_threshold_is_taken_to_the_byte() {
    let home = home();
    let text = history(&photo()[..1600]);
    for (threshold, is_taken) in [("1500", true), ("1600", true), ("1601", false)] {
        let slim = [
            "history",
            "slim",
            "store",
            "-",
            "--create",
            "--threshold",
            threshold,
        ];
        let (code, slimmed, said) = filter(&home, &[&slim[..], &OWNER].concat(), text.as_bytes());
        assert_eq!(code, 0, "{said}");
        assert_eq!(slimmed != text.as_bytes(), is_taken, "{threshold}");
    }
}

#[test]
fn what_is_given_up_is_told_as_json_too() {
    let home = home();
    home.put("store", "ada", "x.bin", b"x");
    home.file("h.jsonl", b"[]");
    let abandon = [
        "history", "abandon", "store", "h.jsonl", "--user", "ada", "--json",
    ];
    let told = home.run(&abandon).ended(0).one();
    assert_eq!(
        (&told["path"], &told["deleted"]),
        (&"h.jsonl".into(), &0.into())
    );
}

/// A pipe that nobody writes to, and one that nobody reads.
#[cfg(unix)]
#[test]
fn a_command_that_waits_for_a_pipe_can_be_interrupted() {
    use rustix::process::{Pid, Signal, kill_process};
    use std::io::Read as _;

    let home = home();
    let id = home.put("store", "ada", "x.bin", &vec![7; 4_000_000]);
    let check = ["history", "check", "store", "-", "--user", "ada"];
    let mut child = home.command(&check).stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // More than a pipe holds: what follows is written when the command reads.
    stdin.write_all(&vec![b' '; 1_000_000]).unwrap();
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));

    let cat = ["cat", "store", &id];
    let mut child = home.command(&cat).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    stdout.read_exact(&mut [0; 1000]).unwrap();
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
}

/// A program that has the file open, as this test has: nothing is lost, and the end says why.
#[cfg(target_os = "linux")]
#[test]
fn a_file_that_a_program_holds_open_stays_and_ends_with_3() {
    let home = home();
    let text = history(&photo());
    home.file("h.jsonl", text.as_bytes());
    let held = std::fs::File::options()
        .append(true)
        .open(home.path("h.jsonl"))
        .unwrap();
    let slim = [
        &["history", "slim", "store", "h.jsonl", "--create", "--hot"][..],
        &OWNER,
    ]
    .concat();
    home.run(&slim).ended(3).says("open for writing");
    let left = std::fs::read(home.path("h.jsonl")).unwrap();
    assert_eq!(left, text.as_bytes());
    drop(held);
    home.run(&slim).ended(0);
}

#[test]
fn missing_media_can_be_told_of_by_a_text() {
    let home = home();
    let slim = [&["history", "slim", "store", "-", "--create"][..], &OWNER].concat();
    let (_, slimmed, _) = filter(&home, &slim, history(&photo()).as_bytes());
    home.run(&["rm", "store", "--user", "ada", "--yes"])
        .ended(0);
    let fatten = [
        "history",
        "fatten",
        "store",
        "-",
        "--user",
        "ada",
        "--on-missing",
        "text",
    ];
    let (code, text, said) = filter(&home, &fatten, &slimmed);
    assert_eq!(code, 3, "{said}");
    let first: serde_json::Value =
        serde_json::from_slice(text.split(|byte| *byte == b'\n').next().unwrap()).unwrap();
    let part = &first["content"][0];
    assert_eq!(part["type"], "text", "{part}");
}
