//! Media that no history names.

use media_image::{PARENT_TAG, RENDITION_TAG};
use media_storage::{MediaMetadata, MediaStorageExt as _};
use media_store_fs::FileStore;
use media_types::{Mime, base64};
use serde_json::Value;

use crate::media::{Home, png};

fn home() -> Home {
    Home::new().with_environment("MEDIA_HISTORY_KEY", "0123456789abcdef0123456789abcdef")
}

fn history(color: u8) -> String {
    let data = base64::encode(&png(40, color));
    format!("[{{\"image_url\":{{\"url\":\"data:image/png;base64,{data}\"}}}}]")
}

/// Makes a slim history of a picture.
fn slim(home: &Home, name: &str, color: u8) {
    slim_in(home, name, color, "c");
}

/// Makes a slim history of a picture in a conversation.
fn slim_in(home: &Home, name: &str, color: u8, conversation: &str) {
    home.file(name, history(color).as_bytes());
    home.run(&[
        "history",
        "slim",
        "store",
        name,
        "--create",
        "--hot",
        "--threshold",
        "0",
        "--user",
        "ada",
        "--session",
        "s",
        "--conversation",
        conversation,
    ])
    .ended(0);
}

fn orphans(home: &Home, options: &[&str]) -> Value {
    let arguments = [
        "orphans",
        "store",
        "--histories",
        "h",
        "--user",
        "ada",
        "--json",
    ];
    let ran = home.run(&[&arguments[..], options].concat());
    ran.ended(0).one()["stores"][0].clone()
}

#[test]
fn what_no_file_names_goes_when_two_runs_have_found_it_so() {
    let home = home();
    std::fs::create_dir_all(home.path("h/deep")).unwrap();
    slim(&home, "h/a.json", 1);
    slim(&home, "h/deep/b.txt", 2);
    slim(&home, "h/c.json", 3);
    std::fs::remove_file(home.path("h/c.json")).unwrap();
    home.put("store", "bob", "bobs.png", &png(20, 9));

    // The first run only takes note of it.
    let first = orphans(&home, &["--yes"]);
    assert_eq!(
        [
            &first["examined"],
            &first["unnamed"],
            &first["waiting"],
            &first["deleted"]
        ],
        [&Value::from(3), &1.into(), &1.into(), &0.into()],
        "{first}"
    );
    let dry = orphans(&home, &["--grace", "0s"]);
    assert_eq!((&dry["due"], &dry["deleted"]), (&1.into(), &0.into()));
    assert_eq!(home.ids("store").len(), 4);
    let done = orphans(&home, &["--grace", "0s", "--yes"]);
    assert_eq!(done["deleted"], 1, "{done}");
    assert_eq!(home.ids("store").len(), 3);
    home.run(&[
        "history",
        "check",
        "store",
        "h/a.json",
        "h/deep/b.txt",
        "--user",
        "ada",
    ])
    .ended(0);
    assert_eq!(orphans(&home, &["--grace", "0s", "--yes"])["unnamed"], 0);
}

#[test]
fn media_of_another_conversation_of_the_user_is_not_looked_at() {
    let home = home();
    for directory in ["h/one", "h/two"] {
        std::fs::create_dir_all(home.path(directory)).unwrap();
    }
    slim_in(&home, "h/one/a.json", 1, "c1");
    slim_in(&home, "h/one/gone.json", 2, "c1");
    slim_in(&home, "h/two/b.json", 3, "c2");
    std::fs::remove_file(home.path("h/one/gone.json")).unwrap();
    let run = |options: &[&str]| {
        let arguments = ["orphans", "store", "--histories", "h/one", "--json"];
        let rules = ["--grace", "0s", "--yes", "--force"];
        home.run(&[&arguments[..], &rules, options].concat())
    };
    let owner = ["--user", "ada", "--session", "s", "--conversation", "c1"];
    let found = run(&owner).ended(0).one()["stores"][0].clone();
    assert_eq!(
        (&found["examined"], &found["deleted"]),
        (&2.into(), &1.into()),
        "{found}"
    );
    assert_eq!(home.ids("store").len(), 2);
    for owner in [["--user", "ada"], ["--run", "r"]] {
        run(&[&owner[..], &["--unscoped"]].concat())
            .ended(2)
            .says("--unscoped");
    }
    assert_eq!(home.ids("store").len(), 2);
}

#[test]
fn the_lock_of_marks_is_no_other_file() {
    let home = home();
    std::fs::create_dir_all(home.path("h")).unwrap();
    slim(&home, "h/a.json", 1);
    std::fs::remove_file(home.path("h/a.json")).unwrap();
    home.file("marks.lock", b"of somebody else");
    home.file("own.lock", b"");
    for name in ["marks.txt", "own.lock"] {
        let runs = [(); 2].map(|()| {
            orphans(&home, &["--marks", name]);
            std::fs::read_to_string(home.path(name)).unwrap()
        });
        assert_eq!(runs[0].lines().count(), 1, "{runs:?}");
        assert_eq!(runs[0], runs[1]);
    }
    let other = std::fs::read(home.path("marks.lock")).unwrap();
    assert_eq!(other, b"of somebody else");
    let marks = ["orphans", "store", "--histories", "h", "--user", "ada"];
    home.run(&[&marks[..], &["--marks", "marks.lock"]].concat())
        .ended(1)
        .says("has no marks");
    assert_eq!(std::fs::read(home.path("marks.lock")).unwrap(), other);
}

#[test]
fn a_file_with_a_line_that_is_no_mark_is_left_as_it_is() {
    let home = home();
    std::fs::create_dir_all(home.path("h")).unwrap();
    slim(&home, "h/a.json", 1);
    let mark = "{\"id\":\"m\",\"since\":\"2026-01-01T00:00:00Z\"}\n";
    let longer = mark.replace('}', ",\"text\":\"of somebody else\"}");
    let marks = ["orphans", "store", "--histories", "h", "--user", "ada"];
    for text in [format!("of somebody else\n{mark}"), longer, "\n{".into()] {
        home.file("marks", text.as_bytes());
        home.run(&[&marks[..], &["--marks", "marks"]].concat())
            .ended(1)
            .says("has no marks");
        assert_eq!(std::fs::read_to_string(home.path("marks")).unwrap(), text);
    }
    home.file("marks", format!("{mark}{{\"id\":").as_bytes());
    orphans(&home, &["--marks", "marks"]);
}

#[test]
fn more_than_a_tenth_is_not_deleted_unasked() {
    let home = home();
    std::fs::create_dir_all(home.path("h")).unwrap();
    for color in 0..18 {
        slim(&home, "h/a.json", color);
    }
    let arguments = [
        "orphans",
        "store",
        "--histories",
        "h",
        "--user",
        "ada",
        "--grace",
        "0s",
        "--yes",
    ];
    home.run(&arguments).ended(3).says("a tenth");
    assert_eq!(home.ids("store").len(), 18);
    home.run(&[&arguments[..], &["--force"]].concat()).ended(0);
    assert_eq!(home.ids("store").len(), 1);
}

#[tokio::test]
async fn media_of_databases_and_renditions_is_left_alone() {
    let home = home();
    std::fs::create_dir_all(home.path("h")).unwrap();
    slim(&home, "h/a.json", 1);
    let store = FileStore::open(home.path("store")).await.unwrap();
    let metadata = MediaMetadata::new()
        .with_user("ada".parse().unwrap())
        .with_session("s".parse().unwrap())
        .with_conversation("c".parse().unwrap());
    for metadata in [
        metadata.clone().with_state_store("a database".to_owned()),
        metadata
            .with_tag(PARENT_TAG, "x")
            .with_tag(RENDITION_TAG, "10x10 v1"),
    ] {
        let stored = store.store_bytes(Mime::IMAGE_PNG, png(10, 1), metadata);
        stored.await.unwrap();
    }
    store.close().await.unwrap();
    let found = orphans(&home, &["--grace", "0s", "--yes", "--force"]);
    assert_eq!(
        (&found["foreign"], &found["deleted"]),
        (&2.into(), &0.into())
    );
}

#[test]
fn what_cannot_be_read_deletes_nothing() {
    let home = home();
    std::fs::create_dir_all(home.path("h")).unwrap();
    slim(&home, "h/a.json", 1);
    std::fs::remove_file(home.path("h/a.json")).unwrap();
    let run = |options: &[&str]| {
        let arguments = [
            "orphans", "store", "--grace", "0s", "--yes", "--user", "ada",
        ];
        home.run(&[&arguments[..], options].concat())
    };
    run(&["--histories", "typo"])
        .ended(1)
        .says("is not a directory");
    std::os::unix::fs::symlink(home.path("gone"), home.path("h/link")).unwrap();
    run(&["--histories", "h"]).ended(1).says("failed to read");
    std::fs::remove_file(home.path("h/link")).unwrap();
    std::os::unix::fs::symlink(home.path("."), home.path("h/link")).unwrap();
    run(&["--histories", "h"])
        .ended(1)
        .says("link to a directory");
    home.run(&["orphans", "store"]).ended(2).says("--histories");
    home.run(&["orphans", "store", "--histories", "h"])
        .ended(2)
        .says("whose histories");
    assert_eq!(home.ids("store").len(), 1);
}
