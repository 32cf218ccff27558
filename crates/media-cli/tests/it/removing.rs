//! Deleting: dry unless asked, and complete.

use crate::media::Home;

/// All bytes of all files below a directory, and their names.
fn everything(path: &std::path::Path) -> Vec<u8> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(path).unwrap() {
        let entry = entry.unwrap();
        all.extend(entry.file_name().into_encoded_bytes());
        if entry.file_type().unwrap().is_dir() {
            all.extend(everything(&entry.path()));
        } else {
            all.extend(std::fs::read(entry.path()).unwrap());
        }
    }
    all
}

fn contains(all: &[u8], part: &[u8]) -> bool {
    all.windows(part.len()).any(|window| window == part)
}

#[test]
fn rm_deletes_only_when_told() {
    let home = Home::new();
    let a = home.put("store", "ada", "a.txt", b"a");
    let b = home.put("store", "bob", "b.txt", b"b");
    let told = home.run(&["rm", "store", &a]).ended(0);
    assert!(
        told.stderr.contains("would delete 1 reference, 1 B"),
        "{told:#?}"
    );
    assert_eq!(home.ids("store").len(), 2);
    let dry = home.run(&["rm", "store", &a, "--json"]).ended(0).one();
    assert_eq!(dry["deleted"], false);
    home.run(&["rm", "store", &a, "--yes"]).ended(0);
    assert_eq!(home.ids("store"), std::slice::from_ref(&b));
    home.run(&["rm", "store", &a, "--yes"])
        .ended(1)
        .says("no media with the id");
    home.run(&["rm", "store", "--yes"])
        .ended(2)
        .says("name ids");
    home.run(&["rm", "store", &b, "--user", "bob", "--yes"])
        .ended(2)
        .says("not both");
    home.run(&["rm", "store", "--conversation", "c1"]).ended(0);
    assert_eq!(home.ids("store").len(), 1);
    home.run(&["rm", "store", "--conversation", "c1", "--yes"])
        .ended(0);
    assert!(home.ids("store").is_empty());
}

#[test]
fn forget_leaves_nothing_and_says_so() {
    let home = Home::new();
    home.put("store", "ada-lovelace", "x.txt", b"bytes of ada alone");
    home.put("store", "ada-lovelace", "shared.txt", b"bytes of both");
    let kept = home.put("store", "bob", "shared2.txt", b"bytes of both");
    let forget = |more: &[&str]| {
        let mut arguments = vec![
            "forget",
            "store",
            "--user",
            "ada-lovelace",
            "--receipt",
            "receipt.json",
        ];
        arguments.extend(more);
        home.run(&arguments)
    };
    let dry = forget(&["--json"]).ended(0).one();
    assert_eq!(dry["would_delete"]["references"], 2);
    assert!(!home.path("receipt.json").exists());
    forget(&["--yes"]).ended(0);
    let receipt: serde_json::Value =
        serde_json::from_slice(&std::fs::read(home.path("receipt.json")).unwrap()).unwrap();
    assert_eq!(receipt["complete"], true);
    assert_eq!(receipt["deleted_references"], 2);
    assert_eq!(receipt["remaining_references"], 0);
    assert_eq!(home.ids("store"), [kept]);
    let left = everything(&home.path("store"));
    assert!(!contains(&left, b"ada-lovelace") && !contains(&left, b"ada alone"));
    assert!(contains(&left, b"bytes of both"));
    // A receipt is never overwritten.
    forget(&["--yes"]).ended(1).says("exists already");
}

#[test]
fn a_sweep_removes_what_is_due_and_more_only_when_told() {
    let home = Home::new();
    home.file("x.txt", b"gone at once");
    let put = [
        "put",
        "store",
        "x.txt",
        "--create",
        "--session",
        "s",
        "--conversation",
        "c",
    ];
    home.run(&[&put[..], &["--retention", "retain-0hours"]].concat())
        .ended(0);
    home.put("store", "ada", "y.txt", &[7; 2000]);
    home.put("store", "ada", "z.txt", &[8; 2000]);
    let dry = home
        .run(&["sweep", "store", "--dry-run", "--json"])
        .ended(0)
        .one();
    assert_eq!(dry["expired"], 1);
    let swept = home
        .run(&["sweep", "store", "--full", "--json"])
        .ended(0)
        .one();
    assert_eq!(swept["expired"], 1);
    assert_eq!(swept["dry_run"], false);
    let pruned = home
        .run(&["sweep", "store", "--capacity", "3k", "--json"])
        .ended(0)
        .one();
    assert_eq!(
        (&pruned["dry_run"], &pruned["pruned"]),
        (&true.into(), &1.into())
    );
    assert_eq!(home.ids("store").len(), 2);
    home.run(&["sweep", "store", "--capacity", "3k", "--yes"])
        .ended(0);
    assert_eq!(home.ids("store").len(), 1);
    let aged = home
        .run(&["sweep", "store", "--older-than", "1d", "--yes", "--json"])
        .ended(0)
        .one();
    assert_eq!(aged["older"], 0);
    let aged = home
        .run(&["sweep", "store", "--older-than", "0s", "--json"])
        .ended(0)
        .one();
    assert_eq!(aged["older"], 1);
    home.run(&["sweep", "store", "--older-than", "0s", "--yes"])
        .ended(0);
    assert!(home.ids("store").is_empty());
}
