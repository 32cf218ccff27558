//! Requests that come at once, and storing that outlives its request.

use std::pin::pin;

use futures_util::FutureExt as _;
use media_http::SpoolOptions;
use media_storage::{InMemoryStorage, StorageErrorKind};
use media_storage_testkit::{Call, Fault, FaultyStorage, Gate};
use reqwest::Method;

use super::site::{PIECE, site, status};
use crate::support::png;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_request_stops_the_one_before_it() {
    let site = site(SpoolOptions::new()).await;
    let bytes = png(1_000_000);
    let path = site.begin(bytes.len() as u64).await;
    let first = site.stall(&path, 0, &bytes[..300_000]).await;
    // The client lost its connection and asks again; the server does not know of the loss.
    let at = usize::try_from(site.offset(&path).await).unwrap();
    assert!((PIECE..=300_000).contains(&at), "{at}");
    assert_eq!(first.answer.await.unwrap().unwrap().status(), 423);
    // Two writers: one of them goes on, and no byte is written twice.
    let second = site.stall(&path, at as u64, &bytes[at..at + 300_000]).await;
    let third = site.patch(&path, at as u64, bytes[at..].to_vec());
    assert_eq!(status(third).await, 409);
    assert_eq!(second.answer.await.unwrap().unwrap().status(), 423);
    let at = usize::try_from(site.offset(&path).await).unwrap();
    let both = [0, 1].map(|_| site.patch(&path, at as u64, bytes[at..].to_vec()));
    let answers = futures_util::future::join_all(both.map(status)).await;
    let offset = usize::try_from(site.offset(&path).await).unwrap();
    assert!(
        answers
            .iter()
            .all(|status| [204, 409, 423].contains(status)),
        "{answers:?}"
    );
    if offset < bytes.len() {
        let rest = bytes[offset..].to_vec();
        assert_eq!(status(site.patch(&path, offset as u64, rest)).await, 204);
    }
    assert_eq!(site.media(&path).await, bytes);
    assert_eq!(site.stored().await, 1);
    let path = site.begin(bytes.len() as u64).await;
    let last = site.stall(&path, 0, &bytes[..300_000]).await;
    assert_eq!(status(site.request(Method::DELETE, &path)).await, 204);
    assert_eq!(last.answer.await.unwrap().unwrap().status(), 423);
    assert_eq!(site.files().len(), 1);
}

#[tokio::test]
async fn a_store_that_fails_is_asked_again() {
    let site = site(SpoolOptions::new()).await;
    let bytes = png(5000);
    let path = site.begin(5000).await;
    site.store
        .inject(Fault::every(Call::Store).fail(StorageErrorKind::Unavailable));
    assert_eq!(status(site.patch(&path, 0, bytes.clone())).await, 503);
    assert_eq!(status(site.request(Method::HEAD, &path)).await, 503);
    assert_eq!(site.result(&path).await.0, 503);
    site.store.clear_faults();
    assert_eq!(site.offset(&path).await, 5000);
    assert_eq!(site.stored().await, 1, "asking is enough");
    assert_eq!(site.media(&path).await, bytes);
    assert_eq!(site.stored().await, 1);
}

#[tokio::test]
async fn storing_goes_on_when_its_client_is_gone() {
    let mut site = site(SpoolOptions::new()).await;
    let gate = Gate::new();
    site.store = FaultyStorage::new(InMemoryStorage::new())
        .with_fault(Fault::nth(Call::Store, 1).hold(&gate));
    site.restart().await;
    let path = site.begin(100).await;
    let last = site.patch(&path, 0, png(100));
    let sending = tokio::spawn(async move { last.send().await });
    gate.arrived().await;
    sending.abort();
    let _ = sending.await;
    gate.open();
    assert_eq!(site.media(&path).await.len(), 100);
    assert_eq!(site.stored().await, 1);
}

#[tokio::test]
async fn who_removes_the_uploads_of_a_user_waits_for_what_is_being_stored() {
    let mut site = site(SpoolOptions::new()).await;
    let gate = Gate::new();
    site.store = FaultyStorage::new(InMemoryStorage::new())
        .with_fault(Fault::nth(Call::Store, 1).hold(&gate));
    site.restart().await;
    let path = site.begin(100).await;
    let last = site.patch(&path, 0, png(100));
    let sending = tokio::spawn(async move { last.send().await });
    gate.arrived().await;
    let spool = site.spool.clone().unwrap();
    let user = "user-1".parse().unwrap();
    let mut removal = pin!(spool.remove_user(&user));
    assert!(removal.as_mut().now_or_never().is_none());
    let mut other = pin!(spool.remove_user(&user));
    assert!(
        other.as_mut().now_or_never().is_none(),
        "it is going already"
    );
    assert_eq!(spool.remove_expired().await, 0);
    assert_eq!(status(site.request(Method::HEAD, &path)).await, 404);
    gate.open();
    assert_eq!(removal.await.unwrap() + other.await.unwrap(), 1);
    assert_eq!(site.stored().await, 1, "erasing the user finds it");
    assert!(site.files().is_empty());
    assert_eq!(sending.await.unwrap().unwrap().status(), 204);
}
