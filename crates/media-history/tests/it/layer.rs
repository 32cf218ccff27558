//! The layer for HTTP clients.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use media_history::tower::{HistoryBody, HistoryLayer};
use media_history::{History, HistoryError, HistoryErrorKind};
use media_storage::{InMemoryStorage, MediaStorageExt as _, Scope};
use media_types::base64;
use tower_layer::Layer as _;
use tower_service::Service;

use crate::basics::history;

/// Answers with what it was sent, or with something else.
#[derive(Clone, Default)]
struct Peer {
    seen: Arc<Mutex<Vec<Request<HistoryBody>>>>,
    answer: Bytes,
    form: &'static str,
}

impl Service<Request<HistoryBody>> for Peer {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<HistoryBody>) -> Self::Future {
        self.seen.lock().unwrap().push(request);
        let answer = Response::builder()
            .header("content-type", self.form)
            .header("content-length", self.answer.len())
            .body(Full::new(self.answer.clone()));
        ready(Ok(answer.unwrap()))
    }
}

fn scoped(store: &InMemoryStorage) -> History {
    history(store)
        .with_scope(Scope::User("user".parse().unwrap()))
        .with_threshold_kb(0)
}

fn image(len: usize) -> String {
    let bytes: Vec<u8> = (0..len).map(|at| (at * 7) as u8).collect();
    format!(
        "{{\"image_url\":\"data:image/png;base64,{}\"}}",
        base64::encode(&bytes)
    )
}

fn request(body: impl Into<Bytes>) -> Request<Full<Bytes>> {
    Request::post("http://localhost/")
        .header("content-type", "application/json; charset=utf-8")
        .header("content-length", "1")
        .body(Full::new(body.into()))
        .unwrap()
}

#[tokio::test]
async fn requests_go_out_whole_and_answers_come_in_slim() {
    let store = InMemoryStorage::new();
    let history = scoped(&store);
    let (asked, answered) = (image(700_000), image(300_000));
    let slim = history.externalize(asked.as_bytes()).await.unwrap();
    let peer = Peer {
        answer: answered.clone().into(),
        form: "application/json",
        ..Peer::default()
    };
    let mut service = HistoryLayer::new(history.clone()).layer(peer.clone());
    let response = service.call(request(slim.bytes().clone())).await.unwrap();
    assert!(response.headers().get("content-length").is_none());
    let text = response.into_body().collect().await.unwrap().to_bytes();
    assert!(text.len() < 1000);
    assert_eq!(history.restore(&text).await.unwrap(), answered);

    let sent = peer.seen.lock().unwrap().pop().unwrap();
    assert_eq!(sent.headers()["content-length"], asked.len().to_string());
    assert_eq!(
        http_body::Body::size_hint(sent.body()).exact(),
        Some(asked.len() as u64)
    );
    assert_eq!(sent.into_body().collect().await.unwrap().to_bytes(), asked);
}

#[tokio::test]
async fn other_bodies_pass_as_they_are() {
    let store = InMemoryStorage::new();
    let events = format!("data: {}\n\n", image(1000));
    let peer = Peer {
        answer: events.clone().into(),
        form: "text/event-stream",
        ..Peer::default()
    };
    let mut service = HistoryLayer::new(scoped(&store)).layer(peer.clone());
    let response = service.call(request(image(10))).await.unwrap();
    assert_eq!(
        response.headers()["content-length"],
        events.len().to_string()
    );
    assert_eq!(
        response.into_body().collect().await.unwrap().to_bytes(),
        events
    );
    let sent = peer.seen.lock().unwrap().pop().unwrap();
    assert_eq!(
        sent.into_body().collect().await.unwrap().to_bytes(),
        image(10)
    );
}

#[tokio::test]
async fn requests_go_out_whole_whatever_their_form_is_called() {
    let history = scoped(&InMemoryStorage::new());
    let slim = history.externalize(image(5000).as_bytes()).await.unwrap();
    let peer = Peer::default();
    let mut service = HistoryLayer::new(history).layer(peer.clone());
    for form in [
        None,
        Some("Application/JSON"),
        Some("application/vnd.x+JSON"),
        Some("application/x-ndjson"),
        Some("text/json"),
    ] {
        let mut request = request(slim.bytes().clone());
        request.headers_mut().remove("content-type");
        if let Some(form) = form {
            let form = form.parse().unwrap();
            request.headers_mut().insert("content-type", form);
        }
        service.call(request).await.unwrap();
        let sent = peer.seen.lock().unwrap().pop().unwrap();
        let sent = sent.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(sent, image(5000), "{form:?}");
    }
}

#[tokio::test]
async fn a_body_without_a_form_that_does_not_begin_like_json_passes_however_long_it_is() {
    let peer = Peer::default();
    let layer = HistoryLayer::new(scoped(&InMemoryStorage::new())).with_max_request_bytes(100);
    let mut service = layer.layer(peer.clone());
    for body in [b"\x89PNG {\"".repeat(100), Vec::new()] {
        let mut request = request(body.clone());
        request.headers_mut().remove("content-type");
        service.call(request).await.unwrap();
        let sent = peer.seen.lock().unwrap().pop().unwrap();
        assert_eq!(
            http_body::Body::size_hint(sent.body()).exact(),
            Some(body.len() as u64)
        );
        assert_eq!(sent.into_body().collect().await.unwrap().to_bytes(), body);
    }
}

/// Nothing is sent that names media which is gone.
#[tokio::test]
async fn missing_media_fails_the_call_before_it_is_made() {
    let store = InMemoryStorage::new();
    let history = scoped(&store);
    let slim = history.externalize(image(5000).as_bytes()).await.unwrap();
    store
        .delete(&slim.report().values[0].reference)
        .await
        .unwrap();
    let peer = Peer::default();
    let mut service = HistoryLayer::new(history).layer(peer.clone());
    let error = service
        .call(request(slim.bytes().clone()))
        .await
        .unwrap_err();
    let error: Box<HistoryError> = error.downcast().unwrap();
    assert_eq!(error.kind(), HistoryErrorKind::Missing);
    assert!(peer.seen.lock().unwrap().is_empty());
}

#[tokio::test]
async fn requests_have_a_limit() {
    let peer = Peer::default();
    let layer = HistoryLayer::new(scoped(&InMemoryStorage::new())).with_max_request_bytes(100);
    let mut service = layer.layer(peer.clone());
    assert!(service.call(request("x".repeat(101))).await.is_err());
    assert!(service.call(request("x".repeat(100))).await.is_ok());
}

#[test]
fn clients_that_demand_sync_of_a_body_take_it() {
    fn takes<B: Send + Sync + Unpin + 'static>() {}
    takes::<HistoryBody>();
}
