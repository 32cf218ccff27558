//! Clients that go in the middle of a form.

use std::pin::pin;
use std::time::Duration;

use axum::body::Body;
use futures_util::StreamExt as _;
use futures_util::future::{Either, select};
use futures_util::stream;
use http::Request;
use media_http::{LinkSigner, UploadService};
use media_storage::{InMemoryStorage, MediaStorage as _, Scope};
use media_storage_testkit::{Call, Fault, FaultyStorage, Gate};
use tower_service::Service as _;

use super::site::Users;
use crate::support::{keys, png};

/// Returns the beginning of a file of a form.
fn file(name: &str, bytes: &[u8]) -> Vec<u8> {
    let head = format!(
        "--x\r\nContent-Disposition: form-data; name=\"f\"; filename=\"{name}\"\r\n\
         Content-Type: image/png\r\n\r\n"
    );
    [head.as_bytes(), bytes, b"\r\n"].concat()
}

#[tokio::test]
async fn a_form_whose_client_goes_leaves_none_of_its_files() {
    let (second, deleted) = (Gate::new(), Gate::new());
    let store = FaultyStorage::new(InMemoryStorage::new())
        .with_fault(Fault::nth(Call::Store, 2).hold(&second))
        .with_fault(Fault::nth(Call::Delete, 1).after_commit().hold(&deleted));
    let form = [file("a.png", &png(3000)), file("b.png", &png(3000))].concat();
    let sent = stream::iter([Ok::<_, std::io::Error>(form)]).chain(stream::pending());
    let request = Request::post("/upload")
        .header("x-user", "user-1")
        .header("content-type", "multipart/form-data; boundary=x")
        .body(Body::from_stream(sent))
        .unwrap();
    let mut service = UploadService::new(store.clone(), Users);
    {
        let answering = pin!(service.call(request));
        let stored = pin!(second.arrived());
        match select(answering, stored).await {
            Either::Right(_) => {}
            Either::Left(_) => panic!("it was answered before its end"),
        }
        let inventory = store.inventory().unwrap();
        assert_eq!(inventory.usage(Scope::All).await.unwrap().references, 1);
    }
    let deleted = tokio::time::timeout(Duration::from_secs(60), deleted.arrived());
    deleted.await.expect("the first file is deleted");
    let inventory = store.inventory().unwrap();
    assert_eq!(inventory.usage(Scope::All).await.unwrap().references, 0);
}

#[tokio::test]
async fn a_client_that_goes_while_links_are_signed_leaves_nothing() {
    let (signing, deleted) = (Gate::new(), Gate::new());
    let store = FaultyStorage::new(InMemoryStorage::new())
        .with_fault(Fault::nth(Call::Retrieve, 1).hold(&signing))
        .with_fault(Fault::nth(Call::Delete, 1).after_commit().hold(&deleted));
    let signer = LinkSigner::new(store.clone(), keys(), "http://localhost/media").unwrap();
    let form = [&file("a.png", &png(3000))[..], b"--x--\r\n"].concat();
    let request = Request::post("/upload")
        .header("x-user", "user-1")
        .header("content-type", "multipart/form-data; boundary=x")
        .body(Body::from(form))
        .unwrap();
    let mut service = UploadService::new(store.clone(), Users).with_signer(signer);
    {
        let answering = pin!(service.call(request));
        let asked = pin!(signing.arrived());
        match select(answering, asked).await {
            Either::Right(_) => {}
            Either::Left(_) => panic!("it was answered before its end"),
        }
        let inventory = store.inventory().unwrap();
        assert_eq!(inventory.usage(Scope::All).await.unwrap().references, 1);
    }
    let deleted = tokio::time::timeout(Duration::from_secs(60), deleted.arrived());
    deleted.await.expect("the file is deleted");
    let inventory = store.inventory().unwrap();
    assert_eq!(inventory.usage(Scope::All).await.unwrap().references, 0);
}
