//! How results look.

use serde_json::Value;

use crate::media::{Home, png};

#[test]
fn colors_only_where_wanted_and_names_do_not_steer_the_terminal() {
    let home = Home::new();
    home.file("x.txt", b"x");
    let user = "evil\u{1b}[31m\nuser";
    home.run(&[
        "put",
        "store",
        "x.txt",
        "--create",
        "--user",
        user,
        "--session",
        "s",
        "--conversation",
        "c",
    ])
    .ended(0);
    let plain = home.run(&["du", "store"]).ended(0).stdout;
    assert!(
        !plain.contains('\u{1b}') && plain.contains("\\u{1b}[31m"),
        "{plain:?}"
    );
    let colored = home
        .run(&["du", "store", "--color", "always"])
        .ended(0)
        .stdout;
    assert!(
        colored.contains("\u{1b}[1m") && !colored.contains("\u{1b}[31m"),
        "{colored:?}"
    );
    let json = home
        .run(&["du", "store", "--json", "--color", "always"])
        .ended(0)
        .one();
    assert_eq!(json["user"], user);
    let quiet = home.run(&["ls", "store", "--quiet"]).ended(0);
    assert!(quiet.stderr.is_empty());
    assert!(
        home.run(&["ls", "store"])
            .stderr
            .contains("1 reference, 1 B")
    );
}

/// `media rm ... | head -1` deletes all of it, and faults are told by the exit code.
#[test]
fn work_is_finished_though_nobody_reads_the_results() {
    let home = Home::new();
    let owner = ["--user", "ada", "--session", "s", "--conversation", "c"];
    for name in ["a", "b", "c"] {
        home.file(name, name.as_bytes());
    }
    let put = [&["put", "store", "a", "b", "c", "--create"][..], &owner].concat();
    home.run_unread(&put).ended(0);
    let ids = home.ids("store");
    assert_eq!(ids.len(), 3);
    home.run_unread(&["copy", "store", "other", "--create"])
        .ended(0);
    home.run_unread(&["rm", "store", "--user", "ada", "--yes"])
        .ended(0);
    assert!(home.ids("store").is_empty());
    std::fs::write(home.path("other").join(&ids[0]), b"x").unwrap();
    home.run_unread(&["verify", "other"]).ended(3);
    home.run_unread(&["export", "other", "--user", "ada", "-O", "-"])
        .ended(1)
        .says("failed to write the output");
}

#[test]
fn what_only_shows_something_ends_well_when_nobody_reads_it() {
    let home = Home::new().with_environment("MEDIA_HISTORY_KEY", "0123456789abcdef");
    let id = home.put("store", "ada", "x.txt", b"x");
    home.file("h.json", b"[]");
    let shown: [&[&str]; 5] = [
        &["ls", "store", "--quiet"],
        &["du", "store"],
        &["stat", "store", &id],
        &["cat", "store", &id],
        &["completions", "bash"],
    ];
    for command in shown {
        let ran = home.run_unread(command).ended(0);
        assert_eq!(ran.stderr, "", "{command:?}");
    }
    for direction in ["slim", "fatten"] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let rewrite = [
            "history",
            direction,
            "store",
            "-",
            "--unscoped",
            "--session",
        ];
        let output = home
            .command(&[&rewrite[..], &["s", "--conversation", "c"]].concat())
            .stdin(std::fs::File::open(home.path("h.json")).unwrap())
            .stdout(writer)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert!(output.stderr.is_empty(), "{output:?}");
    }
}

/// Where results are data, the report is on standard error.
#[test]
fn every_report_is_json_where_that_is_asked_for() {
    let home = Home::new().with_environment("MEDIA_HISTORY_KEY", "0123456789abcdef");
    home.put("store", "ada", "x.png", &png(20, 1));
    home.file("h.json", b"[]");
    let export = ["export", "store", "--user", "ada", "--json", "-O"];
    let report = home.run(&[&export[..], &["a.tar"]].concat()).ended(0).one();
    assert_eq!(
        (&report["media"], &report["missing"]),
        (&1.into(), &0.into())
    );
    let written = home
        .run(&["dedup-index", "store", "--write", "--json"])
        .ended(0)
        .one();
    assert_eq!(written["written"], ".dedup-index.json");
    let metrics = home.run(&["metrics", "store", "--json"]).ended(0).one();
    assert_eq!(metrics["references"], 1);
    assert_eq!(metrics["types"]["image/png"]["references"], 1);
    let beside = |arguments: &[&str]| {
        let output = home
            .command(arguments)
            .stdin(std::fs::File::open(home.path("h.json")).unwrap())
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let told = String::from_utf8(output.stderr).unwrap();
        let told = told.lines().find(|line| line.starts_with('{')).unwrap();
        serde_json::from_str::<Value>(told).unwrap()
    };
    assert_eq!(beside(&[&export[..], &["-"]].concat())["media"], 1);
    for direction in ["slim", "fatten"] {
        let rewrite = [
            "history",
            direction,
            "store",
            "-",
            "--json",
            "--unscoped",
            "--session",
            "s",
            "--conversation",
            "c",
        ];
        let told = beside(&rewrite);
        assert!(told["report"].is_object(), "{told}");
    }
}
