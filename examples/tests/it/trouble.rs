use std::path::Path;
use std::process::Stdio;

use tempfile::tempdir;

use crate::run::{Ran, command, output, run};

/// One sentence, what to do, and the causes below.
fn assert_told(ran: &Ran, what: &str, advice: &str) {
    assert_eq!(ran.code, Some(1), "{ran:#?}");
    let mut lines = ran.err.lines();
    let first = lines.next().unwrap_or_default();
    assert!(
        first.starts_with("error: ") && first.ends_with('.'),
        "{ran:#?}"
    );
    assert!(first.contains(advice), "{first} does not say {advice}");
    assert!(ran.err.contains(what), "{what} is not in {}", ran.err);
    assert!(
        lines.all(|line| line.starts_with("  caused by: ")),
        "{}",
        ran.err
    );
}

fn generator(directory: &Path, variables: &[(&str, &str)], arguments: &[&str]) -> Ran {
    let mut command = command("image_generator", directory, arguments);
    command.envs(variables.iter().copied()).stdin(Stdio::null());
    output(command.output().unwrap())
}

#[test]
fn wrong_files_are_named() {
    let place = tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(place.path().join(name), text).unwrap();
    write("no-json.json", "{");
    write("no-pack.json", r#"{"id": 1}"#);
    write("no.sqlite", &"this is no database ".repeat(100));
    write("image.png", "this is no image");
    let generator = |arguments: &[&str]| generator(place.path(), &[], arguments);
    assert_told(
        &generator(&["--pack", "none.json"]),
        "none.json",
        "Check the path",
    );
    assert_told(
        &generator(&["--pack", "no-json.json"]),
        "line 1",
        "Correct the JSON",
    );
    assert_told(
        &generator(&["--pack", "no-pack.json"]),
        "id",
        "Correct the value",
    );
    assert_told(
        &generator(&["--state", "no.sqlite"]),
        "no.sqlite",
        "Restore the state",
    );
    assert_told(
        &generator(&["--media-dir", "no.sqlite"]),
        "the path leads to a file, not to a directory",
        "--media-dir",
    );
    assert_eq!(
        std::fs::read(place.path().join("no.sqlite")).unwrap().len(),
        2000,
        "left as it is"
    );
    assert_told(
        &run("photo_chat", place.path(), &["image.png"]),
        "is no image",
        "Give PNG",
    );
    assert_told(
        &run("photo_chat", place.path(), &["none.png"]),
        "none.png",
        "Check the path",
    );
}

#[test]
fn a_service_that_does_not_answer_costs_nothing_that_was_there() {
    let place = tempdir().unwrap();
    run("image_generator", place.path(), &[]).ok();
    let key = ("OPENAI_API_KEY", "sk-this-is-secret");
    for (url, what, advice) in [
        (
            "http://127.0.0.1:9/v1",
            "failed to connect",
            "Check OPENAI_BASE_URL",
        ),
        ("nonsense", "the base URL", "OPENAI_"),
    ] {
        let ran = generator(place.path(), &[key, ("OPENAI_BASE_URL", url)], &[]);
        assert_told(&ran, what, advice);
        assert!(ran.out.contains("COSTS MONEY"), "{}", ran.out);
        assert!(!format!("{ran:?}").contains("secret"), "{ran:#?}");
    }
    let again = run("image_generator", place.path(), &[]).ok();
    assert!(again.contains(" unique files"), "{again}");
}

#[test]
fn models_that_are_none_are_told_of() {
    let place = tempdir().unwrap();
    let ran = generator(place.path(), &[("OPENAI_MODEL", "gpt-99")], &[]);
    assert_told(&ran, "404", "OPENAI_MODEL");
    let ran = generator(
        place.path(),
        &[("OPENAI_IMAGE_MODEL", "dall-e-3")],
        &["--new"],
    );
    assert_told(&ran, "4 of 4 images were not made", "OPENAI_IMAGE_MODEL");
    assert!(ran.out.contains("could not be"), "{}", ran.out);
}

#[test]
fn a_wrong_key_is_told_of() {
    let place = tempdir().unwrap();
    let mut peer = command("image_generator", place.path(), &["--local-peer"]);
    let mut peer = peer
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = peer.stdin.take().unwrap();
    std::io::Write::write_all(&mut stdin, b"the-right-key\n").unwrap();
    let mut port = String::new();
    let mut stdout = std::io::BufReader::new(peer.stdout.take().unwrap());
    std::io::BufRead::read_line(&mut stdout, &mut port).unwrap();
    let url = format!("http://127.0.0.1:{}/v1", port.trim());
    let variables =
        |key: &'static str| [("OPENAI_API_KEY", key), ("OPENAI_BASE_URL", url.as_str())];
    let ran = generator(place.path(), &variables("another-key"), &[]);
    assert_told(&ran, "401", "Check OPENAI_API_KEY");
    generator(place.path(), &variables("the-right-key"), &[]).ok();
    drop(stdin);
    assert!(peer.wait().unwrap().success());
}
