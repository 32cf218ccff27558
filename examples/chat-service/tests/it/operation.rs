//! What its operator sets and sees.

use std::collections::BTreeSet;

use http::Method;
use serde_json::Value;

use crate::service::{Browser, Service, answer};

const WATCHED: &str = concat!(
    include_str!("../../../../docs/monitoring/rules.yml"),
    include_str!("../../../../docs/monitoring/dashboard.json"),
);

/// Counted only when something fails.
const OF_FAILURES: [&str; 4] = [
    "conversation_failed_saves_total",
    "conversation_provider_refusals_total",
    "conversation_provider_retries_total",
    "conversation_warnings_total",
];

/// Returns the names of metrics of conversations in a text.
fn names(text: &str) -> BTreeSet<&str> {
    text.split(|c: char| !c.is_ascii_lowercase() && c != '_')
        .filter(|word| word.starts_with("conversation_"))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_metrics_that_are_watched_come_out_at_an_address_of_their_own() {
    let data = tempfile::tempdir().unwrap();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap().to_string();
    drop(free);
    let settings = [("METRICS_LISTEN", address.clone())];
    let service = Service::start_with(data.path(), "node", &settings);
    let browser = Browser::open(&service).await;
    let id = browser.start().await;
    let told = browser
        .send(&id, "Generate a beautiful sunset over mountains", &[])
        .await;
    assert!(told.last().unwrap().is("done"), "{told:?}");
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let served = http.get(format!("http://{address}/metrics"));
    let text = served.send().await.unwrap().text().await.unwrap();
    let line = "conversation_turns_total{outcome=\"complete\"} 1\n";
    assert!(text.contains(line), "{text}");
    let served = names(&text);
    let watched = names(WATCHED);
    assert!(watched.len() > 10, "{watched:?}");
    for name in watched {
        let is_served = served.contains(name) || OF_FAILURES.contains(&name);
        assert!(is_served, "{name} is not in {text}");
    }
    // Those who chat do not see them.
    assert_eq!(browser.get("/metrics").await.0, 404);
}

/// The beginning of a PNG file of 600 x 600 pixels.
fn png(len: usize) -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
    bytes.extend([600_u32.to_be_bytes(), 600_u32.to_be_bytes()].concat());
    bytes.extend([8, 6, 0, 0, 0]);
    bytes.resize(len, 0);
    bytes
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_stores_no_more_than_the_quota_and_no_photo_that_the_model_would_not_get() {
    let data = tempfile::tempdir().unwrap();
    let settings = [("USER_QUOTA", "1".to_owned())];
    let service = Service::start_with(data.path(), "node", &settings);
    let (ann, ben) = (Browser::open(&service).await, Browser::open(&service).await);
    let send = async |browser: &Browser, bytes: Vec<u8>| {
        let request = browser.request(Method::PUT, "/upload/photo");
        let (status, body) = answer(request.body(bytes)).await;
        (status, body["error"]["code"].clone())
    };
    assert_eq!(send(&ann, png(700_000)).await.0, 201);
    let refused = (413, Value::from("quota_exceeded"));
    assert_eq!(send(&ann, png(600_000)).await, refused);
    assert_eq!(send(&ben, png(600_000)).await.0, 201);
    assert_eq!(send(&ann, png(200_000)).await.0, 201);

    let mut heic = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic".to_vec();
    heic.resize(2000, 0);
    let refused = (415, Value::from("unsupported_type"));
    assert_eq!(send(&ben, heic).await, refused);
}
