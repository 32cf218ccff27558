//! Two nodes on one database.

use std::io::Write as _;

use http::Method;
use serde_json::json;

use crate::servers::postgres::Postgres;
use crate::servers::redis::Redis;
use crate::servers::{NO_SERVICES, without_services};
use crate::service::{Browser, SentEvent, Service, events};

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_goes_on_where_a_node_was_killed() {
    if without_services() {
        let line = format!("NOT RUN: nodes of the chat service: {NO_SERVICES} is set\n");
        std::io::stderr().write_all(line.as_bytes()).unwrap();
        return;
    }
    let postgres = Postgres::start().await;
    let redis = Redis::start().await;
    for url in [postgres.url(), redis.url()] {
        let data = tempfile::tempdir().unwrap();
        let mut first = Service::start_on(data.path(), "node-1", &url);
        let second = Service::start_on(data.path(), "node-2", &url);
        let browser = Browser::open(&first).await;
        let elsewhere = browser.at(&second);
        let id = browser.start().await;
        let told = browser.send(&id, "Hello", &[]).await;
        assert!(told.last().unwrap().is("done"), "{told:?}");
        // The other node tells the same turn, and takes the next one.
        let path = format!("/api/conversations/{id}");
        let turn = told[0].data["data"]["turn"].as_str().unwrap();
        let again = elsewhere.request(Method::GET, &format!("{path}/turns/{turn}/events"));
        let again = events(again.send().await.unwrap()).await;
        assert!(!text(&told).is_empty(), "{told:?}");
        assert_eq!(text(&again), text(&told));
        let told = elsewhere.send(&id, "Thank you", &[]).await;
        assert!(told.last().unwrap().is("done"), "{told:?}");
        let known = messages(&elsewhere, &path).await.len();
        assert_eq!(messages(&browser, &path).await.len(), known);

        // A node that is killed in the middle of a turn loses nothing that it was sent.
        let body = json!({"text": "Create a futuristic city skyline"}).to_string();
        let request = browser.request(Method::POST, &format!("{path}/turns"));
        let mut response = request.body(body).send().await.unwrap();
        assert!(response.chunk().await.unwrap().is_some());
        first.process.kill().unwrap();
        first.process.wait().unwrap();
        let kept = messages(&elsewhere, &path).await;
        assert!(kept.len() > known, "{kept:?}");
        let (status, _) = elsewhere.delete(&path).await;
        assert_eq!(status, 200);
        assert_eq!(elsewhere.get(&path).await.0, 404);
    }
}

/// The text that a turn told.
fn text(told: &[SentEvent]) -> String {
    let deltas = told.iter().filter(|event| event.is("text_delta"));
    deltas
        .map(|event| event.data["data"].as_str().unwrap_or_default())
        .collect()
}

async fn messages(browser: &Browser, path: &str) -> Vec<serde_json::Value> {
    let (status, view) = browser.get(path).await;
    assert_eq!(status, 200, "{view}");
    view["view"]["messages"].as_array().unwrap().clone()
}
