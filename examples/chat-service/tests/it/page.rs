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
