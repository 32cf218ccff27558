use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Command, Stdio};

use tempfile::tempdir;

use crate::run::{command, files, run};

#[test]
fn ctrl_c_ends_a_turn_and_leaves_everything_whole() {
    let place = tempdir().unwrap();
    let mut program = command("image_generator", place.path(), &[]);
    let mut program = program
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(program.stdout.take().unwrap());
    let mut line = String::new();
    while !line.starts_with("[2/4]") {
        line.clear();
        assert!(out.read_line(&mut line).unwrap() > 0, "it ended early");
    }
    let interrupt = Command::new("kill")
        .args(["-INT", &program.id().to_string()])
        .status();
    assert!(interrupt.unwrap().success());
    let (mut rest, mut err) = (String::new(), String::new());
    out.read_to_string(&mut rest).unwrap();
    program
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut err)
        .unwrap();
    assert_eq!(program.wait().unwrap().code(), Some(1), "{rest}{err}");
    assert!(
        err.starts_with("error: stopped by Ctrl-C. Run this again"),
        "{err}"
    );
    assert!(rest.contains(" unique file"), "{rest}");
    let images = |found: Vec<String>| found.iter().filter(|file| file.ends_with(".png")).count();
    assert!(images(files(&place.path().join("media"))) >= 1);

    let again = run("image_generator", place.path(), &[]).ok();
    assert!(again.contains(" unique files"), "{again}");
}
