//! The script of the page.

use std::io::Write as _;
use std::process::Command;

use crate::service::Service;

#[tokio::test]
async fn the_cookie_of_a_service_behind_tls_is_for_tls_alone() {
    let directory = tempfile::tempdir().unwrap();
    let public = ("PUBLIC_URL", "https://chat.example".to_owned());
    for (settings, is_secure) in [(&[public][..], true), (&[], false)] {
        let service = Service::start_with(directory.path(), "node", settings);
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let page = http.get(&service.address).send().await.unwrap();
        let cookie = page.headers()["set-cookie"].to_str().unwrap();
        assert_eq!(cookie.ends_with("; Secure"), is_secure, "{cookie}");
    }
}

#[tokio::test]
async fn the_page_has_its_style() {
    let directory = tempfile::tempdir().unwrap();
    let service = Service::start(directory.path());
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let page = http.get(&service.address).send().await.unwrap();
    assert!(page.text().await.unwrap().contains("\"/page.css\""));
    let style = http.get(format!("{}/page.css", service.address));
    let style = style.send().await.unwrap();
    assert_eq!(style.headers()["content-type"], "text/css; charset=utf-8");
}

/// Runs a script with the page, unless there is nothing to run it with.
fn run(script: &str) {
    let directory = env!("CARGO_MANIFEST_DIR");
    let run = Command::new("node")
        .arg(format!("{directory}/tests/it/{script}"))
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

#[test]
fn the_page_sends_straight_to_the_bucket_and_falls_back_to_the_service() {
    run("page.js");
}

#[test]
fn a_message_is_kept_until_its_turn_has_started_and_an_answer_is_read_to_its_end() {
    run("turns.js");
}
