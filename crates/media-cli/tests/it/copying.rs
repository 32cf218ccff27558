//! Moving between directories; buckets are in `buckets`.

use std::time::Duration;

use media_image::{PARENT_TAG, RENDITION_TAG};
use media_storage::{MediaMetadata, MediaStorageExt as _};
use media_store_fs::FileStore;
use media_types::Mime;

use crate::media::{Home, png};

/// What every reference of a store is, without what depends on the kind of store.
pub(crate) fn contents(home: &Home, store: &str) -> Vec<String> {
    let listed = home.run(&["ls", store, "--json"]).ended(0).json();
    let mut all: Vec<String> = listed
        .into_iter()
        .map(|mut entry| {
            entry.as_object_mut().unwrap().remove("backend");
            entry.to_string()
        })
        .collect();
    all.sort();
    all
}

#[test]
fn ids_times_and_bytes_are_kept() {
    let home = Home::new();
    home.put("a", "ada", "x.png", &png(30, 1));
    home.put("a", "bob", "y.png", &png(30, 1));
    home.file("z.bin", &vec![9; 3_000_000]);
    home.run(&[
        "put",
        "a",
        "z.bin",
        "--session",
        "s 2",
        "--conversation",
        "c",
        "--retention",
        "retain-3days",
    ])
    .ended(0);
    home.run(&["copy", "a", "b"])
        .ended(1)
        .says("does not exist");
    let copied = home
        .run(&["copy", "a", "b", "--create", "--json", "--read-back"])
        .ended(0)
        .one();
    assert_eq!(copied["copied"], 3);
    assert_eq!(contents(&home, "a"), contents(&home, "b"));
    home.run(&["verify", "b"]).ended(0);
    assert_eq!(home.run(&["info", "b", "--json"]).one()["blobs"], 2);
    // Again: everything is there.
    let again = home.run(&["copy", "a", "b", "--json"]).ended(0).one();
    assert_eq!(
        (&again["copied"], &again["present"]),
        (&0.into(), &3.into())
    );
    // A part only, into a store that is laid out otherwise: the ids bring their own directories.
    home.file("f.txt", b"f");
    home.run(&["put", "flat", "f.txt", "--create", "--organization", "flat"])
        .ended(0);
    home.run(&["copy", "a", "flat", "--user", "bob"]).ended(0);
    assert_eq!(home.ids("flat").len(), 2);
    let scoped = home
        .run(&["ls", "flat", "--session", "s1", "--ids"])
        .ended(0)
        .stdout;
    assert_eq!(
        scoped.lines().count(),
        1,
        "a scoped walk finds what was copied"
    );
    home.run(&["copy", "a", "a"]).ended(2).says("same store");
}

#[test]
fn a_copy_that_was_killed_goes_on() {
    let home = Home::new();
    for n in 0..60_u8 {
        home.put("a", "ada", "x.bin", &vec![n; 20_000]);
    }
    let mut interrupted = 0;
    for attempt in 0..200 {
        let mut child = home
            .command(&[
                "copy",
                "a",
                "b",
                "--create",
                "--jobs",
                "1",
                "--quiet",
                "--journal",
                "j",
            ])
            .stderr(std::process::Stdio::null())
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        // Killed when it has copied some more.
        let before = done(&home);
        while child.try_wait().unwrap().is_none() && done(&home) < before + 9 {
            std::thread::sleep(Duration::from_millis(1));
        }
        let _ = child.kill();
        if child.wait().unwrap().success() {
            break;
        }
        interrupted += 1;
        assert!(attempt < 199, "it comes to an end");
    }
    assert!(interrupted >= 2, "{interrupted}");
    assert!(
        !home.path("j").exists(),
        "the journal goes when all is done"
    );
    assert_eq!(contents(&home, "a"), contents(&home, "b"));
    home.run(&["verify", "b"]).ended(0);
}

fn done(home: &Home) -> usize {
    std::fs::read_to_string(home.path("j")).map_or(0, |journal| journal.lines().count())
}

#[test]
fn what_is_damaged_is_not_copied() {
    let home = Home::new();
    let id = home.put("a", "ada", "x.bin", b"sound");
    home.put("a", "ada", "y.bin", b"other");
    let path = home.path("a").join(&id);
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, b"wrong").unwrap();
    let ran = home.run(&["copy", "a", "b", "--create", "--json"]).ended(1);
    assert_eq!(
        (&ran.one()["copied"], &ran.one()["failed"]),
        (&1.into(), &1.into())
    );
    assert_eq!(home.ids("b").len(), 1);
    home.run(&["verify", "b"]).ended(0);
}

#[test]
fn an_export_is_an_archive_with_a_manifest() {
    let home = Home::new();
    let long = "s".repeat(110);
    home.put("a", "ada", "x.png", &png(10, 1));
    home.file("y.txt", b"text of ada");
    home.run(&[
        "put",
        "a",
        "y.txt",
        "--user",
        "ada",
        "--session",
        &long,
        "--conversation",
        "c",
    ])
    .ended(0);
    home.put("a", "bob", "z.txt", b"not hers");
    home.run(&["export", "a", "--user", "ada", "-O", "ada.tar"])
        .ended(0);
    let mut archive = tar::Archive::new(std::fs::File::open(home.path("ada.tar")).unwrap());
    let mut names = Vec::new();
    let mut all = String::new();
    for entry in archive.entries().unwrap() {
        use std::io::Read as _;
        let mut entry = entry.unwrap();
        names.push(entry.path().unwrap().display().to_string());
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        all.push_str(&String::from_utf8_lossy(&bytes));
    }
    assert_eq!(names.len(), 4, "{names:?}");
    assert!(names.iter().any(|name| name.contains(&long)));
    assert_eq!(names[2..], ["items.jsonl", "manifest.json"]);
    assert!(all.contains("text of ada") && !all.contains("not hers"));
    home.run(&["export", "a", "--user", "ada", "-O", "ada.tar"])
        .ended(1)
        .says("exists");
    let piped = home
        .command(&["export", "a", "--user", "ada", "-O", "-"])
        .output()
        .unwrap();
    assert_eq!(piped.status.code(), Some(0));
    assert_eq!(
        tar::Archive::new(&piped.stdout[..])
            .entries()
            .unwrap()
            .count(),
        4
    );
}

/// Puts `count` items of ada and damages them, and one of bob that is sound.
fn damaged(home: &Home, count: usize) {
    home.put("a", "bob", "sound.bin", b"sound");
    let sound = home.ids("a");
    let names: Vec<String> = (0..count).map(|n| format!("{n}.bin")).collect();
    for (n, name) in names.iter().enumerate() {
        home.file(name, format!("{n:04}").as_bytes());
    }
    let owner = ["--user", "ada", "--session", "s1", "--conversation", "c1"];
    let put: Vec<&str> = names.iter().map(String::as_str).collect();
    home.run(&[&["put", "a"][..], &put, &owner].concat())
        .ended(0);
    for id in home.ids("a").iter().filter(|id| !sound.contains(id)) {
        let path = home.path("a").join(id);
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, b"oops").unwrap();
    }
}

/// However many items are damaged in a row, the others are copied, and the copy comes to its end.
#[test]
fn damaged_items_do_not_end_a_copy() {
    let home = Home::new();
    damaged(&home, 45);
    let ran = home.run(&["copy", "a", "b", "--create", "--jobs", "1", "--json"]);
    let ran = ran.ended(1);
    assert_eq!(
        (&ran.one()["copied"], &ran.one()["failed"]),
        (&1.into(), &45.into())
    );
    ran.says("45 items were not copied");
    home.run(&["copy", "a", "b"]).ended(1).says("45 items");
    assert_eq!(home.ids("b").len(), 1);
}

/// The journal of an earlier store says nothing about the one that took its place.
#[test]
fn a_store_that_is_made_anew_gets_everything() {
    let home = Home::new();
    damaged(&home, 1);
    let copy = ["copy", "a", "b", "--create", "--json"];
    assert_eq!(home.run(&copy).ended(1).one()["copied"], 1);
    let again = home.run(&copy).ended(1).one();
    assert_eq!(
        (&again["copied"], &again["copied_before"]),
        (&0.into(), &1.into())
    );
    std::fs::remove_dir_all(home.path("b")).unwrap();
    let anew = home.run(&copy).ended(1).one();
    assert_eq!(
        (&anew["copied"], &anew["copied_before"]),
        (&1.into(), &0.into())
    );
    assert_eq!(home.ids("b").len(), 1);
}

/// What was made of an image belongs to it, and is made again where it is needed.
#[tokio::test]
async fn renditions_are_neither_copied_nor_exported() {
    let home = Home::new();
    let original = home.put("a", "ada", "x.png", &png(30, 1));
    let store = FileStore::open(home.path("a")).await.unwrap();
    let metadata = MediaMetadata::new()
        .with_user("ada".parse().unwrap())
        .with_session("s1".parse().unwrap())
        .with_conversation("c1".parse().unwrap())
        .with_tag(PARENT_TAG, original.as_str())
        .with_tag(RENDITION_TAG, "10x10 v1");
    let stored = store.store_bytes(Mime::IMAGE_PNG, png(10, 1), metadata);
    stored.await.unwrap();
    store.close().await.unwrap();
    assert_eq!(home.ids("a").len(), 2);
    home.run(&["copy", "a", "b", "--create"]).ended(0);
    assert_eq!(home.ids("b"), [original]);
    let export = ["export", "a", "--user", "ada", "-O", "a.tar", "--json"];
    assert_eq!(home.run(&export).ended(0).one()["media"], 1);
}
