//! The script of the page.

use std::io::Write as _;
use std::process::Command;

#[test]
fn the_page_sends_straight_to_the_bucket_and_falls_back_to_the_service() {
    let directory = env!("CARGO_MANIFEST_DIR");
    let run = Command::new("node")
        .arg(format!("{directory}/tests/it/page.js"))
        .arg(format!("{directory}/src/page.html"))
        .output();
    let Ok(run) = run else {
        let line = b"NOT RUN: the script of the page of the chat service: node is not installed\n";
        std::io::stderr().write_all(line).unwrap();
        return;
    };
    assert!(
        run.status.success(),
        "{}",
        String::from_utf8_lossy(&run.stderr)
    );
}
