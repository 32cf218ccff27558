//! The end of the process, asked for or not.

use std::process::Command;

use http::Method;
use serde_json::json;

use crate::service::{Browser, Service, events};

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_is_stopped_ends_its_turns_first() {
    let data = tempfile::tempdir().unwrap();
    let mut service = Service::start(data.path());
    let browser = Browser::open(&service).await;
    let id = browser.start().await;
    let path = format!("/api/conversations/{id}/turns");
    let body = json!({"text": "Create a futuristic city skyline"}).to_string();
    let request = browser.request(Method::POST, &path).body(body);
    let response = request.send().await.unwrap();
    let pid = service.process.id().to_string();
    assert!(Command::new("kill").arg(pid).status().unwrap().success());
    let told = events(response).await;
    assert!(told.last().unwrap().is("done"), "{told:?}");
    assert!(service.process.wait().unwrap().success());

    // The next process has all of it.
    let next = Service::start(data.path());
    let browser = browser.at(&next);
    let (status, view) = browser.get(&format!("/api/conversations/{id}")).await;
    assert_eq!(status, 200);
    assert!(view["running"].is_null(), "{view}");
    let messages = view["view"]["messages"].as_array().unwrap();
    assert!(messages.len() >= 3, "{view}");
    let told = browser.send(&id, "Thank you", &[]).await;
    assert!(told.last().unwrap().is("done"), "{told:?}");
}
