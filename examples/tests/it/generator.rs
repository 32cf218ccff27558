use tempfile::tempdir;

use crate::run::{files, longest_base64, run, talk};

/// The names of the images that a run printed.
fn images(out: &str) -> Vec<&str> {
    out.lines()
        .filter_map(|line| line.trim().strip_prefix("image: ")?.split(' ').next())
        .collect()
}

fn conversation(out: &str) -> &str {
    out.split_whitespace()
        .find(|word| word.starts_with("conv-"))
        .unwrap()
        .trim_end_matches(',')
}

#[test]
fn the_main_job() {
    let place = tempdir().unwrap();
    let (media, state) = (
        place.path().join("media"),
        place.path().join("conversations.sqlite"),
    );
    let first = run("image_generator", place.path(), &[]).ok();
    assert!(
        first.contains("\n[4/4] Generate a beautiful sunset over mountains\n"),
        "{first}"
    );
    assert!(
        first.contains("Here is a beautiful sunset over mountains: "),
        "{first}"
    );
    assert!(first.contains("4 references to 3 unique files"), "{first}");
    assert!(first.contains(" saved by deduplication"), "{first}");

    let id = conversation(&first);
    let names = images(&first);
    assert_eq!(names.len(), 4);
    assert_eq!(
        names[0].get(..6),
        names[3].get(..6),
        "equal bytes, and the name begins with their hash"
    );
    let mut expected = vec![".dedup-index.json".to_owned()];
    for name in &names {
        expected.push(format!("session-demo-001/{id}/{name}"));
        expected.push(format!("session-demo-001/{id}/{name}.meta"));
    }
    expected.sort();
    assert_eq!(files(&media), expected);
    for name in &names {
        let file = std::fs::read(media.join("session-demo-001").join(id).join(name)).unwrap();
        assert!(
            file.len() > 1_000_000 && file.starts_with(b"\x89PNG"),
            "{name}: {} bytes",
            file.len()
        );
    }
    assert!(longest_base64(&state) < 1000, "base64 in the state");

    // Where the media lies is no part of the references, and a new process finds everything.
    std::fs::rename(&media, place.path().join("moved")).unwrap();
    let second = run("image_generator", place.path(), &["--media-dir", "moved"]).ok();
    assert!(
        second.contains(&format!("continuing {id}, 8 messages")),
        "{second}"
    );
    assert!(
        second.contains("8 references to 3 unique files"),
        "{second}"
    );
    assert!(
        !second.contains("left out"),
        "the model gets the earlier images: {second}"
    );
    assert!(!media.exists());

    let third = run(
        "image_generator",
        place.path(),
        &["--media-dir", "moved", "--new"],
    )
    .ok();
    assert_ne!(conversation(&third), id);
    assert!(third.contains("4 references to 3 unique files"), "{third}");
}

#[test]
fn references_in_the_state_are_small_and_nothing_else_is_there() {
    let place = tempdir().unwrap();
    run("image_generator", place.path(), &[]).ok();
    let bytes = std::fs::read(place.path().join("conversations.sqlite")).unwrap();
    let text = String::from_utf8_lossy(&bytes);
    let references: Vec<&str> = text
        .split(r#""storage_reference":"#)
        .skip(1)
        .map(|rest| &rest[..=rest.find('}').unwrap()])
        .collect();
    assert_eq!(references.len(), 4);
    for reference in references {
        let read: serde_json::Value = serde_json::from_str(reference).unwrap();
        assert_eq!(read["backend"], "file");
        assert!(
            reference.len() <= 400,
            "{} bytes: {reference}",
            reference.len()
        );
    }
    assert!(!text.contains(r#""data":"#));
}

#[test]
fn options_do_what_they_say() {
    let place = tempdir().unwrap();
    let layouts = [("flat", 1), ("by-conversation", 2), ("by-session", 3)];
    for (layout, depth) in layouts {
        let media = place.path().join(layout);
        let arguments = [
            "--interactive",
            "--new",
            "--organization",
            layout,
            "--media-dir",
            layout,
            "--no-dedup",
        ];
        let out = talk(
            "image_generator",
            place.path(),
            &arguments,
            "a red apple\na red apple\nquit\n",
        )
        .ok();
        assert!(out.contains("2 references to 2 unique files"), "{out}");
        let files = files(&media);
        assert_eq!(files.len(), 5, "{files:?}");
        for file in files.iter().filter(|file| *file != ".dedup-index.json") {
            assert_eq!(file.split('/').count(), depth, "{file}");
        }
    }
    let arguments = [
        "--interactive",
        "--new",
        "--media-dir",
        "high",
        "--threshold-kb",
        "4000",
    ];
    let out = talk("image_generator", place.path(), &arguments, "a red apple\n").ok();
    assert!(out.contains("image: kept in the conversation"), "{out}");
    assert_eq!(files(&place.path().join("high")), [".dedup-index.json"]);

    let arguments = [
        "--interactive",
        "--new",
        "--media-dir",
        "none",
        "--no-storage",
        "--state",
        "inline.sqlite",
    ];
    let out = talk("image_generator", place.path(), &arguments, "a red apple\n").ok();
    assert!(out.contains("with 1 media item inline"), "{out}");
    assert!(!place.path().join("none").exists());
    assert!(
        longest_base64(&place.path().join("inline.sqlite")) > 4000,
        "SQLite splits it into pages"
    );
}

#[test]
fn an_interactive_session_takes_lines_from_a_pipe() {
    let place = tempdir().unwrap();
    let lines = "help\n\nA serene lake at dawn\nWhat have you painted so far?\nquit\nnever sent\n";
    let out = talk("image_generator", place.path(), &["--interactive"], lines).ok();
    assert_eq!(out.matches("Describe an image").count(), 2, "{out}");
    assert_eq!(images(&out).len(), 1, "{out}");
    assert!(
        out.contains("So far there is one image in this conversation: A serene lake at dawn."),
        "{out}"
    );
    assert!(!out.contains("never sent"), "{out}");
}
