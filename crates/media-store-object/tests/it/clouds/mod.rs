//! The services over HTTP: getting in, what goes wrong, the probe, signed URLs.

mod bad_input;
mod connect;
mod erased;
mod errors;
mod inbox;
mod late_completion;
mod probe;
mod roles;
mod signed;
mod versions;

use std::error::Error;
use std::sync::Arc;

use media_storage::StorageError;
use media_store_object::{ObjectMediaStore, ObjectMediaStoreBuilder};
use test_servers::ServerError;
use test_servers::azurite::Azurite;
use test_servers::gcs::GcsServer;
use test_servers::proxy::FaultProxy;
use test_servers::s3::S3Server;
use tokio::sync::OnceCell;

/// A builder for the S3 server, as it is reached at an endpoint.
fn s3_at(server: &S3Server, endpoint: &str) -> ObjectMediaStoreBuilder {
    ObjectMediaStore::builder()
        .with_url(format!("s3://{}/some/prefix", server.bucket()))
        .with_option("endpoint", endpoint)
        .with_option("allow_http", "true")
        .with_option("aws_access_key_id", server.access_key())
        .with_option("secret_access_key", server.secret_key())
        .with_option("max_retries", "1")
}

async fn s3_server() -> (S3Server, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    (S3Server::start(dir.path()).await.unwrap(), dir)
}

/// An S3 server behind a proxy that breaks requests.
struct Broken {
    server: S3Server,
    proxy: FaultProxy,
    _dir: tempfile::TempDir,
}

impl Broken {
    async fn start() -> Self {
        let (server, dir) = s3_server().await;
        let proxy = FaultProxy::start(server.address()).await.unwrap();
        Self {
            server,
            proxy,
            _dir: dir,
        }
    }

    fn builder(&self) -> ObjectMediaStoreBuilder {
        s3_at(&self.server, &self.proxy.endpoint())
    }
}

fn gcs_at(server: &GcsServer) -> ObjectMediaStoreBuilder {
    ObjectMediaStore::builder()
        .with_url(format!("gs://{}/some/prefix", server.bucket()))
        .with_option("service_account_key", server.service_account())
        .with_option("allow_http", "true")
        .with_option("max_retries", "1")
}

async fn gcs_server() -> (GcsServer, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    (GcsServer::start(dir.path()).await.unwrap(), dir)
}

fn azure_at(server: &Azurite) -> ObjectMediaStoreBuilder {
    ObjectMediaStore::builder()
        .with_url(format!("az://{}/some/prefix", server.container()))
        .with_option("endpoint", server.endpoint())
        .with_option("account", server.account())
        .with_option("azure_storage_account_key", server.access_key())
        .with_option("allow_http", "true")
        .with_option("max_retries", "1")
}

/// One Azurite for all tests; `None`, said aloud, where servers from outside are not wanted.
async fn azurite(test: &str) -> Option<Arc<Azurite>> {
    static SERVER: OnceCell<Arc<Azurite>> = OnceCell::const_new();
    if test_servers::tools::without_services() {
        use std::io::Write as _;
        let _ = writeln!(std::io::stderr(), "NOT RUN: {test} needs Azurite");
        return None;
    }
    let start = || async { Ok::<_, ServerError>(Arc::new(Azurite::start().await?)) };
    let server = SERVER.get_or_try_init(start).await;
    Some(Arc::clone(server.expect("Azurite starts")))
}

/// Everything that an error says, to people and in logs.
fn whole_text(error: &StorageError) -> String {
    let mut text = format!("{error} | {error:?}");
    let mut next = Error::source(error);
    while let Some(cause) = next {
        text.push_str(&format!(" | {cause} | {cause:?}"));
        next = cause.source();
    }
    text
}
