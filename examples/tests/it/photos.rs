use media_storage::Sha256Hasher;
use painter::{OutputFormat, Size, paint};
use tempfile::tempdir;

use crate::run::{files, longest_base64, run};

#[test]
fn later_turns_send_the_same_bytes_after_a_restart() {
    let place = tempdir().unwrap();
    let formats = [
        ("a.png", OutputFormat::Png),
        ("b.jpg", OutputFormat::Jpeg),
        ("c.webp", OutputFormat::Webp),
    ];
    let mut hashes = Vec::new();
    for (name, format) in formats {
        let bytes = paint(name, 0, Size::new(900, 600).unwrap(), format).unwrap();
        std::fs::write(place.path().join(name), &bytes).unwrap();
        hashes.push(Sha256Hasher::digest(&bytes).to_hex());
    }
    let asked = [
        "a.png",
        "b.jpg",
        "c.webp",
        "--ask",
        "What is this?",
        "--ask",
        "And the first?",
        "--ask",
        "Sure?",
    ];
    let out = run("photo_chat", place.path(), &asked).ok();
    assert_eq!(out.matches("-- all is closed").count(), 2, "{out}");
    assert_eq!(out.matches(", 2 messages").count(), 1, "{out}");
    assert_eq!(out.matches(", 4 messages").count(), 1, "{out}");
    for hash in hashes {
        // Printed from the file once, and by the peer in each of three answers.
        assert_eq!(out.matches(&hash[..16]).count(), 4, "{out}");
    }
    assert_eq!(out.matches("(sent again, from turn 1)").count(), 6, "{out}");
    assert!(longest_base64(&place.path().join("conversations.sqlite")) < 1000);
    let stored = files(&place.path().join("media"));
    for extension in [".png", ".jpg", ".webp"] {
        assert_eq!(
            stored
                .iter()
                .filter(|file| file.ends_with(extension))
                .count(),
            1,
            "{stored:?}"
        );
    }
}
