//! The end of the process, asked for or not.

use std::process::Command;
use std::time::Duration;

use http::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use crate::service::{Browser, Service, events};

/// A stop takes far less, and one without an end far more.
const AT_MOST: Duration = Duration::from_secs(60);

/// Asks a service to stop.
fn terminate(service: &Service) {
    let pid = service.process.id().to_string();
    assert!(Command::new("kill").arg(pid).status().unwrap().success());
}

/// Returns whether a service ends in order and in time; it is killed where it does not.
async fn ends(mut service: Service) -> bool {
    let pid = service.process.id().to_string();
    let waiting = tokio::task::spawn_blocking(move || service.process.wait());
    match timeout(AT_MOST, waiting).await {
        Ok(status) => status.unwrap().unwrap().success(),
        Err(_) => {
            Command::new("kill").args(["-KILL", &pid]).status().unwrap();
            false
        }
    }
}

/// Starts a server of a model that takes requests and answers none, and returns its URL.
async fn silent_model() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((connection, _)) = listener.accept().await {
            held.push(connection);
        }
    });
    url
}

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
    terminate(&service);
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

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_stopped_waits_for_no_turn_of_another_node() {
    let data = tempfile::tempdir().unwrap();
    let settings = [
        ("OPENAI_API_KEY", "key".to_owned()),
        ("OPENAI_BASE_URL", silent_model().await),
    ];
    let owner = Service::start_with(data.path(), "node-1", &settings);
    let other = Service::start_with(data.path(), "node-2", &settings);
    let browser = Browser::open(&owner).await;
    let id = browser.start().await;
    let path = format!("/api/conversations/{id}/turns");
    let body = json!({"text": "Hello"}).to_string();
    let request = browser.request(Method::POST, &path).body(body);
    let mut running = request.send().await.unwrap();
    let mut text = Vec::new();
    while !text.ends_with(b"\n\n") {
        text.extend_from_slice(&running.chunk().await.unwrap().unwrap());
    }
    let text = String::from_utf8(text).unwrap();
    let (_, data) = text.split_once("data: ").unwrap();
    let started: serde_json::Value = serde_json::from_str(data.lines().next().unwrap()).unwrap();
    let turn = started["data"]["turn"].as_str().unwrap();

    let elsewhere = browser.at(&other);
    let following = elsewhere.request(Method::GET, &format!("{path}/{turn}/events"));
    let following = following.send().await.unwrap();
    assert_eq!(following.status(), 200);
    terminate(&other);
    let told = timeout(AT_MOST, events(following)).await.unwrap();
    let last = told.last().unwrap();
    assert!(last.is("error"), "{told:?}");
    assert_eq!(last.data["data"]["kind"], "closed", "{told:?}");
    assert!(ends(other).await);
    // The turn itself goes on.
    let (status, view) = browser.get(&format!("/api/conversations/{id}")).await;
    assert_eq!((status, view["running"].as_str()), (200, Some(turn)));
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_is_stopped_waits_for_no_client_that_does_nothing() {
    let data = tempfile::tempdir().unwrap();
    let service = Service::start(data.path());
    let browser = Browser::open(&service).await;
    let id = browser.start().await;
    let path = format!("/api/conversations/{id}/turns");
    let request = browser.request(Method::POST, &path).build().unwrap();
    let cookie = request.headers()["cookie"].to_str().unwrap();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: a\r\ncookie: {cookie}\r\ncontent-length: 100\r\n\
         expect: 100-continue\r\n\r\n"
    );
    let address = service.address.strip_prefix("http://").unwrap();
    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(head.as_bytes()).await.unwrap();
    // The service waits for a body that never comes.
    let mut answer = [0; 12];
    client.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 100");
    terminate(&service);
    assert!(ends(service).await);
}
