use std::io::{BufRead as _, BufReader, Read as _};
use std::process::Stdio;
use std::sync::mpsc;
use std::time::Duration;

use tempfile::tempdir;

use crate::run::command;

#[test]
fn the_peer_ends_when_its_program_is_killed() {
    let place = tempdir().unwrap();
    let mut command = command("image_generator", place.path(), &["--interactive"]);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut program = command.spawn().unwrap();
    // Program and peer share standard error: it closes when both are gone.
    let mut stderr = program.stderr.take().unwrap();
    let (closed, both_gone) = mpsc::channel();
    std::thread::spawn(move || closed.send(stderr.read_to_end(&mut Vec::new())));

    let out = BufReader::new(program.stdout.take().unwrap());
    let ready = out
        .lines()
        .map(Result::unwrap)
        .find(|line| line.starts_with("help: "));
    assert!(ready.is_some());
    assert!(both_gone.try_recv().is_err(), "both are at work");
    program.kill().unwrap();
    program.wait().unwrap();
    both_gone
        .recv_timeout(Duration::from_secs(120))
        .expect("the peer outlives its program")
        .unwrap();
}
