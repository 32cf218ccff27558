//! What every server must do, and what is particular to one.

use object_store::path::Path;
use object_store::{Error, ObjectStoreExt as _, PutMode, PutOptions};
use test_servers::azurite::Azurite;
use test_servers::gcs::GcsServer;
use test_servers::moto::Moto;
use test_servers::proxy::FaultProxy;
use test_servers::s3::{S3Options, S3Server};
use test_servers::{azurite, tools};

use crate::{clients, contract};

/// Says loudly that a test does not run, and only where that was asked for.
pub(crate) fn services(what: &str) -> bool {
    if tools::without_services() {
        eprintln!("NOT TESTED: {what}, since {} is set", tools::NO_SERVICES);
    }
    !tools::without_services()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s3_keeps_the_contract() {
    let dir = tempfile::tempdir().unwrap();
    let server = S3Server::start(dir.path()).await.unwrap();
    contract::holds(clients::s3(&server)).await;
    assert_eq!(server.open_uploads(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gcs_keeps_the_contract() {
    let dir = tempfile::tempdir().unwrap();
    let server = GcsServer::start(dir.path()).await.unwrap();
    contract::holds(clients::gcs(&server)).await;
    assert_eq!(server.open_uploads(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn moto_keeps_the_contract_behind_the_proxy() {
    if !services("moto") {
        return;
    }
    let server = Moto::start().await.unwrap();
    let proxy = FaultProxy::start(server.address()).await.unwrap();
    contract::holds(clients::moto_at(&server, &proxy.endpoint())).await;
    assert!(proxy.totals().request_bytes > 11_000_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn azurite_keeps_the_contract_behind_the_proxy() {
    if !services("Azurite") {
        return;
    }
    let server = Azurite::start().await.unwrap();
    let proxy = FaultProxy::start(server.address()).await.unwrap();
    let endpoint = azurite::endpoint_at(proxy.address());
    contract::holds(clients::azurite_at(&server, &endpoint)).await;
    assert!(proxy.totals().request_bytes > 11_000_000);
}

#[tokio::test]
async fn s3_can_ignore_conditions() {
    let dir = tempfile::tempdir().unwrap();
    let options = S3Options::default().ignoring_conditions();
    let server = S3Server::start_with(dir.path(), options).await.unwrap();
    let store = clients::s3(&server);
    let key = Path::from("a");
    use object_store::ObjectStore as _;
    for value in ["first", "second"] {
        let create = PutOptions::from(PutMode::Create);
        store.put_opts(&key, value.into(), create).await.unwrap();
    }
    let bytes = store.get(&key).await.unwrap().bytes().await.unwrap();
    assert_eq!(&bytes[..], b"second");
}

#[tokio::test]
async fn wrong_keys_and_buckets_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let server = S3Server::start(dir.path().join("s3")).await.unwrap();
    let key = Path::from("a");
    let refused = clients::s3_with_wrong_key(&server)
        .put(&key, "x".into())
        .await
        .unwrap_err();
    assert!(
        matches!(refused, Error::PermissionDenied { .. }),
        "{refused:?}"
    );

    let google = GcsServer::start(dir.path().join("gcs")).await.unwrap();
    let other = GcsServer::start(dir.path().join("other")).await.unwrap();
    let account = other.service_account_at(&google.endpoint());
    let refused = clients::gcs_with(&google, &account)
        .put(&key, "x".into())
        .await
        .unwrap_err();
    assert!(
        matches!(refused, Error::Unauthenticated { .. }),
        "{refused:?}"
    );
}

#[tokio::test]
async fn large_bodies_are_files_only_as_long_as_they_are_needed() {
    let dir = tempfile::tempdir().unwrap();
    let server = S3Server::start(dir.path()).await.unwrap();
    let store = clients::s3(&server);
    let key = Path::from("large");
    let files = || std::fs::read_dir(dir.path()).unwrap().count();
    store
        .put(&key, vec![7; test_servers::MEMORY_LIMIT].into())
        .await
        .unwrap();
    assert_eq!(files(), 0, "up to the limit it stays in memory");
    store
        .put(&key, vec![7; test_servers::MEMORY_LIMIT + 1].into())
        .await
        .unwrap();
    assert_eq!(files(), 1);
    store.delete(&key).await.unwrap();
    assert_eq!(files(), 0);
}

#[tokio::test]
async fn keys_may_be_as_long_as_the_service_allows_and_nest_in_each_other() {
    let dir = tempfile::tempdir().unwrap();
    let server = S3Server::start(dir.path()).await.unwrap();
    let store = clients::s3(&server);
    let long = format!("{}/b", "a".repeat(1000));
    for key in ["a", "a/b", &long] {
        store.put(&Path::from(key), "x".into()).await.unwrap();
        store.get(&Path::from(key)).await.unwrap();
    }
}
