//! A conversation that asks another one, with another provider.

use examples::samples;
use media_storage::Sha256Hasher;
use tempfile::tempdir;

use crate::run::{command, output, run};

#[test]
fn the_child_sees_the_image_of_its_parent() {
    let place = tempdir().unwrap();
    let out = run("sub_agents", place.path(), &[]).ok();
    let image = samples::chart().content().inline().unwrap().to_vec();
    let hash = Sha256Hasher::digest(&image).to_hex();
    // Printed from the file; seen in the child by the peer that speaks for Anthropic.
    assert_eq!(out.matches(&hash[..16]).count(), 2, "{out}");
    assert!(
        out.contains("The tool ask_reviewer answered: I see 1 image:"),
        "{out}"
    );
    // Question, call, result, answer; and question and answer in the child.
    assert_eq!(out.matches(": 4 messages").count(), 1, "{out}");
    assert_eq!(out.matches(": 2 messages").count(), 1, "{out}");
    let stored: Vec<&str> = out
        .lines()
        .filter_map(|line| Some(line.trim().strip_prefix("stored:")?.trim()))
        .collect();
    assert_eq!(stored.len(), 2, "{out}");
    assert_ne!(stored[0], stored[1], "each has a reference of its own");
    for id in stored {
        let file = std::fs::read(place.path().join("media").join(id));
        assert_eq!(file.unwrap(), image);
    }
}

#[test]
fn a_reviewer_that_cannot_be_reached_fails_its_call_and_not_the_turn() {
    let place = tempdir().unwrap();
    let mut command = command("sub_agents", place.path(), &[]);
    command
        .env("ANTHROPIC_API_KEY", "sk-ant-secret")
        .env("ANTHROPIC_BASE_URL", "http://127.0.0.1:9/v1");
    let ran = output(command.output().unwrap());
    assert!(!format!("{ran:?}").contains("secret"), "{ran:#?}");
    let out = ran.ok();
    assert!(out.contains("COSTS MONEY"), "{out}");
    assert!(
        out.contains("The tool failed: the reviewer did not answer"),
        "{out}"
    );
}
