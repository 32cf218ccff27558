//! Looking at a directory.

use crate::media::{Home, png};

#[test]
fn what_is_put_is_seen_and_comes_back() {
    let home = Home::new();
    let photo = png(40, 1);
    let id = home.put("store", "ada", "photo.png", &photo);
    home.put("store", "bob", "copy.png", &photo);
    home.put("store", "bob", "note.txt", b"a note");

    let info = home.run(&["info", "store", "--json"]).ended(0).one();
    assert_eq!(info["references"], 3);
    assert_eq!(info["blobs"], 2);
    assert_eq!(info["backend"], "file");
    assert_eq!(info["deduplication"], true);
    assert_eq!(info["saved_bytes"], photo.len());

    let all = home.run(&["ls", "store", "--json"]).ended(0).json();
    assert_eq!(all.len(), 3);
    let of_ada = home
        .run(&["ls", "store", "--json", "--user", "ada"])
        .ended(0)
        .one();
    assert_eq!(of_ada["id"], id);
    assert_eq!(of_ada["mime_type"], "image/png");
    let count = |arguments: &[&str]| {
        let mut whole = vec!["ls", "store", "--json"];
        whole.extend(arguments);
        home.run(&whole).ended(0).json().len()
    };
    assert_eq!(count(&["--type", "image"]), 2);
    assert_eq!(count(&["--type", "image/*", "--user", "bob"]), 1);
    assert_eq!(count(&["--type", "text/plain"]), 1);
    assert_eq!(count(&["--larger", "10"]), 2);
    assert_eq!(count(&["--since", "1d"]), 3);
    assert_eq!(count(&["--before", "1d"]), 0);
    assert_eq!(count(&["--session", "other"]), 0);
    assert_eq!(count(&["--limit", "2"]), 2);

    // By the whole id, by the end of it, by a reference.
    let name = id.rsplit('/').next().unwrap();
    let reference = format!("{{\"id\":\"{id}\",\"backend\":\"file\"}}");
    for way in [id.as_str(), name, &name[7..20], &reference] {
        let stat = home.run(&["stat", "store", way, "--json"]).ended(0).one();
        assert_eq!(stat["id"], id, "{way}");
        assert_eq!(stat["filename"], "photo.png");
        let cat = home.command(&["cat", "store", way]).output().unwrap();
        assert_eq!(cat.stdout, photo, "{way}");
    }
    home.run(&["get", "store", &id, "-O", "back.png"]).ended(0);
    assert_eq!(std::fs::read(home.path("back.png")).unwrap(), photo);
    home.run(&["get", "store", &id, "-O", "back.png"])
        .ended(1)
        .says("exists");
    home.run(&["get", "store", &id, "-O", "back.png", "--force"])
        .ended(0);
    std::fs::create_dir(home.path("files")).unwrap();
    home.run(&["get", "store", &id, "-O", "files"]).ended(0);
    assert_eq!(std::fs::read(home.path("files/photo.png")).unwrap(), photo);
    home.run(&["url", "store", &id]).ended(1).says("no URLs");
}

#[test]
fn space_is_told_by_user_type_and_day() {
    let home = Home::new();
    home.put("store", "ada", "a.txt", &[b'a'; 1000]);
    home.put("store", "ada", "b.txt", &[b'b'; 500]);
    home.put("store", "bob", "c.txt", &[b'a'; 1000]);
    let users = home.run(&["du", "store", "--json"]).ended(0).json();
    assert_eq!(users[0]["user"], "ada");
    assert_eq!(users[0]["seen_bytes"], 1500);
    assert_eq!(users[0]["alone_bytes"], 500);
    assert_eq!(users[1]["stored_bytes"], 1000);
    assert_eq!(users[1]["alone_bytes"], 0);
    for by in ["session", "conversation", "type", "day"] {
        let one = home
            .run(&["du", "store", "--by", by, "--json"])
            .ended(0)
            .one();
        assert_eq!(one["references"], 3, "{by}");
        assert_eq!(one["stored_bytes"], 1500, "{by}");
    }
    let table = home.run(&["du", "store"]).ended(0).stdout;
    assert!(
        table.contains("1.46 KiB") && !table.contains('\u{1b}'),
        "{table}"
    );
}

#[test]
fn standard_input_is_stored() {
    use std::io::Write as _;
    let home = Home::new();
    let mut child = home
        .command(&[
            "put",
            "store",
            "-",
            "--create",
            "--json",
            "--organization",
            "flat",
        ])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(&png(8, 3)).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let stat = home.run(&["ls", "store", "--json"]).ended(0).one();
    assert_eq!(stat["mime_type"], "image/png");
    assert!(!stat["id"].as_str().unwrap().contains('/'));
}

#[test]
fn damage_is_found_told_and_put_aside() {
    let home = Home::new();
    let good = home.put("store", "ada", "good.txt", b"good");
    let bad = home.put("store", "ada", "bad.txt", b"what was stored");
    let clean = home.run(&["verify", "store", "--json"]).ended(0).one();
    assert_eq!(clean["references"], 2);
    assert_eq!(clean["issue_count"], 0);

    let path = home.path("store").join(&bad);
    let mut permissions = std::fs::metadata(&path).unwrap().permissions();
    #[allow(clippy::permissions_set_readonly_false)]
    permissions.set_readonly(false);
    std::fs::set_permissions(&path, permissions).unwrap();
    std::fs::write(&path, b"what was damaged").unwrap();
    let found = home.run(&["verify", "store", "--json"]).ended(3).one();
    let issues = found["issues"].as_array().unwrap();
    assert!(
        issues
            .iter()
            .any(|issue| issue["kind"] == "wrong_bytes" && issue["key"] == bad.as_str())
    );
    home.run(&["cat", "store", &bad]).ended(3).says("corrupted");
    home.run(&["get", "store", &bad, "-O", "out"]).ended(3);
    assert!(!home.path("out").exists());
    home.run(&["verify", "store", "--structure-only"]).ended(3);

    home.run(&["verify", "store", "--quarantine"]).ended(3);
    home.run(&["verify", "store"]).ended(0);
    assert_eq!(home.ids("store"), std::slice::from_ref(&good));
    std::fs::remove_file(home.path("store").join(format!("{good}.meta"))).unwrap();
    home.run(&["verify", "store", "--repair"]).ended(3);
    home.run(&["verify", "store", "--read-data", "100%"])
        .ended(0);
    assert_eq!(home.ids("store"), [good]);
}

#[test]
fn a_sample_of_the_bytes_is_read() {
    let home = Home::new();
    for n in 0..40_u8 {
        home.put("store", "ada", "x.bin", &[n; 100]);
    }
    let report = home
        .run(&["verify", "store", "--read-data", "25%", "--json"])
        .ended(0)
        .one();
    let read = report["read"].as_u64().unwrap();
    assert!((1..30).contains(&read), "{report}");
    assert_eq!(report["read_bytes"].as_u64().unwrap(), read * 100);
    assert_eq!(report["references"], 40);
}

/// What deleting a group would free depends on everybody who refers to the same bytes.
#[test]
fn bytes_that_others_refer_to_are_nobodys_alone() {
    let home = Home::new();
    home.put("store", "ada", "x.bin", b"shared by both");
    home.put("store", "bob", "y.bin", b"shared by both");
    home.put("store", "ada", "z.bin", b"hers");
    let all = home.run(&["du", "store", "--json"]).ended(0).json();
    let hers = home
        .run(&["du", "store", "--user", "ada", "--json"])
        .ended(0)
        .one();
    assert_eq!(hers["alone_bytes"], 4, "{hers}");
    assert_eq!(
        (&hers["references"], &hers["stored_bytes"]),
        (&2.into(), &18.into())
    );
    assert!(all.contains(&hers), "{all:?}");
}

#[test]
fn media_of_one_name_is_saved_side_by_side() {
    let home = Home::new();
    let one = home.put("store", "ada", "image.png", b"one");
    let two = home.put("store", "ada", "image.png", b"two");
    std::fs::create_dir(home.path("out")).unwrap();
    for _ in 0..2 {
        let got = home
            .run(&["get", "store", &one, &two, "--force", "-O", "out", "--json"])
            .ended(0)
            .json();
        let bytes = |at: usize| std::fs::read(home.path(got[at]["path"].as_str().unwrap()));
        assert_eq!(bytes(0).unwrap(), b"one");
        assert_eq!(bytes(1).unwrap(), b"two");
        assert_eq!(std::fs::read_dir(home.path("out")).unwrap().count(), 2);
    }
}

#[test]
fn a_sample_moves_nothing_to_quarantine() {
    let home = Home::new();
    home.put("store", "ada", "x.bin", b"x");
    home.run(&["verify", "store", "--read-data", "10%", "--quarantine"])
        .ended(2)
        .says("--quarantine");
    home.run(&["verify", "store", "--quarantine"]).ended(0);
}
