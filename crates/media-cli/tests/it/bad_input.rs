//! What goes wrong, in one sentence and with the right code.

use crate::media::Home;

#[test]
fn a_mistyped_directory_is_told_and_never_created() {
    let home = Home::new();
    let id = home.put("store", "ada", "x.txt", b"x");
    let reading: [&[&str]; 12] = [
        &["info", "typo"],
        &["ls", "typo"],
        &["du", "typo"],
        &["stat", "typo", "abcdef"],
        &["cat", "typo", "abcdef"],
        &["verify", "typo"],
        &["sweep", "typo"],
        &["rm", "typo", "abcdef"],
        &["forget", "typo", "--user", "ada", "--yes"],
        &["report", "typo"],
        &["metrics", "typo"],
        &["copy", "typo", "store"],
    ];
    for arguments in reading {
        home.run(arguments)
            .ended(1)
            .says("the directory \"typo\" does not exist");
        assert!(!home.path("typo").exists(), "{arguments:?}");
    }
    home.run(&["put", "typo", "x.txt", "--conversation", "c"])
        .ended(1)
        .says("the directory \"typo\" does not exist; --create makes a store there");
    assert!(!home.path("typo").exists());
    std::fs::create_dir(home.path("empty")).unwrap();
    home.run(&["ls", "empty"])
        .ended(1)
        .says("no media store in the directory");
    assert_eq!(std::fs::read_dir(home.path("empty")).unwrap().count(), 0);
    home.run(&["ls", "x.txt"]).ended(1).says("not a directory");
    home.run(&["stat", "store", "zzzzzz"])
        .ended(1)
        .says("no media with the id");
    home.run(&["stat", "store", "x"])
        .ended(2)
        .says("4 characters");
    home.run(&["stat", "store", "{\"id\":1}"])
        .ended(2)
        .says("not a reference");
    home.run(&[
        "put",
        "store",
        "missing.txt",
        "--conversation",
        "c",
        "--session",
        "s",
    ])
    .ended(1)
    .says("failed to open");
    home.run(&["put", "store", "x.txt"])
        .ended(2)
        .says("--session and --conversation");
    let _ = id;
}

#[test]
fn a_command_line_that_cannot_be_used_ends_with_2() {
    let home = Home::new();
    for arguments in [
        &["nonsense"][..],
        &["ls"],
        &["ls", "store", "--larger", "big"],
        &["ls", "store", "--since", "yesterday"],
        &["du", "store", "--by", "color"],
        &["verify", "store", "--read-data", "0"],
        &["ls", "store", "--type", "picture"],
        &["metrics", "store", "--listen", "nowhere"],
        &[],
    ] {
        let ran = home.run(arguments).ended(2);
        assert!(ran.stdout.is_empty(), "{ran:?}");
    }
    let help = home.run(&["--help"]).ended(0).stdout;
    let codes = help.split_once("Exit codes: ").unwrap().1;
    for code in ["0 fine", "1 ", "2 ", "3 ", "130 ", "143 "] {
        assert!(codes.contains(code), "{help}");
    }
    home.run(&["--version"]).ended(0);
    home.run(&["copy", "--help"]).ended(0);
}

#[test]
fn secrets_are_never_repeated() {
    let home = Home::new()
        .with_environment("AWS_ACCESS_KEY_ID", "AKIAHUNTER2")
        .with_environment("AWS_SECRET_ACCESS_KEY", "hunter2secret");
    for arguments in [
        &["ls", "s3://AKIAHUNTER2:hunter2secret@bucket/x"][..],
        &["ls", "s3://bucket/x?secret=hunter2secret"],
        &["ls", "s3://bucket", "-o", "hunter2secret"],
        &[
            "ls",
            "s3://bucket",
            "-o",
            "secret_access_keyy=hunter2secret",
        ],
        &[
            "ls",
            "s3://bucket",
            "-o",
            "endpoint=http://hunter2secret@127.0.0.1:1",
        ],
        &[
            "info",
            "s3://bucket",
            "-o",
            "endpoint=http://127.0.0.1:1",
            "-o",
            "allow_http=true",
            "-o",
            "region=us-east-1",
            "-o",
            "retry_timeout=1s",
            "-o",
            "max_retries=0",
        ],
        &["copy", "s3://bucket", "s3://x:hunter2secret@b"],
    ] {
        let ran = home.run(arguments);
        assert!(ran.code == 1 || ran.code == 2, "{ran:?}");
        let said = format!("{}{}", ran.stdout, ran.stderr).to_lowercase();
        assert!(!said.contains("hunter2"), "{arguments:?}: {said}");
    }
}

#[test]
fn a_damaged_format_file_is_the_datas_fault() {
    let home = Home::new();
    home.put("store", "ada", "x.txt", b"x");
    std::fs::write(home.path("store/.store/format.json"), b"{").unwrap();
    home.run(&["ls", "store"]).ended(3).says("format.json");
}

#[cfg(unix)]
#[test]
fn interrupts_end_with_the_usual_codes_and_a_closed_pipe_is_no_failure() {
    use rustix::process::{Pid, Signal, kill_process};
    use std::io::{BufRead as _, BufReader, Read as _};
    use std::process::Stdio;
    let home = Home::new();
    home.put("store", "ada", "x.txt", b"x");
    for (signal, code, sentence) in [
        (Signal::INT, 130, "the command was interrupted by ^C\n"),
        (Signal::TERM, 143, "the command was ended by SIGTERM\n"),
    ] {
        let mut child = home
            .command(&["metrics", "store", "--listen", "127.0.0.1:0"])
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut said = BufReader::new(child.stderr.take().unwrap());
        said.read_line(&mut line).unwrap();
        kill_process(Pid::from_child(&child), signal).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(code));
        line.clear();
        said.read_to_string(&mut line).unwrap();
        assert_eq!(line, sentence);
    }
    let mut child = home
        .command(&["ls", "store", "--quiet"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(
        output.stderr.is_empty(),
        "{:?}",
        String::from_utf8_lossy(&output.stderr)
    );
}
