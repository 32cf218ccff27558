//! An in-process server of the part of the XML API of Google Cloud Storage that `object_store` uses.
//!
//! Written from the documentation of the service: puts with `x-goog-if-generation-match`, reads with
//! ranges and overridden headers, deletes, copies, listings in pages, multipart uploads with the
//! 5 MiB rule, and URLs signed by GOOG4-RSA-SHA256 with their expiry. Strongly consistent, like the
//! service.
//!
//! Requests must carry a token that the service account signed (clients with the key of
//! [`GcsServer::service_account`] send one) or use a signed URL. The key of the account is created
//! when the server starts.
//!
//! `object_store` signs URLs for the host `storage.googleapis.com`, whatever host they name. A test
//! fetches one here by [`GcsServer::reachable`], with the `host` header [`SIGNED_HOST`], which is
//! part of what was signed.

mod account;
mod objects;
mod reply;
mod service;
mod signed_url;
mod uploads;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};

use crate::ServerError;
use crate::bucket::Bucket;
use crate::listening::Listening;
use account::Account;
use service::Service;

/// The host that URLs are signed for, which requests with them must name.
pub const SIGNED_HOST: &str = "storage.googleapis.com";

/// Options for a [`GcsServer`].
#[derive(Debug, Clone)]
#[must_use]
pub struct GcsOptions {
    port: u16,
    bucket: String,
}

impl Default for GcsOptions {
    fn default() -> Self {
        Self {
            port: 0,
            bucket: "media".to_owned(),
        }
    }
}

impl GcsOptions {
    /// Sets the port of 127.0.0.1; 0 means any free port. Defaults to 0.
    pub fn with_port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Sets the name of the bucket. Defaults to `media`.
    pub fn with_bucket(mut self, bucket: impl Into<String>) -> Self {
        self.bucket = bucket.into();
        self
    }
}

/// An in-process server with one bucket. It stops when it is dropped.
#[derive(Debug)]
pub struct GcsServer {
    listening: Listening,
    service: Arc<Service>,
}

impl GcsServer {
    /// Starts a server with large bodies in files of `dir`.
    ///
    /// # Errors
    /// The directory or the key cannot be created, or no port is available.
    pub async fn start(dir: impl Into<PathBuf>) -> Result<Self, ServerError> {
        Self::start_with(dir, GcsOptions::default()).await
    }

    /// Starts a server with options.
    ///
    /// # Errors
    /// The directory or the key cannot be created, or the port is not available.
    pub async fn start_with(
        dir: impl Into<PathBuf>,
        options: GcsOptions,
    ) -> Result<Self, ServerError> {
        let service = Arc::new(Service {
            name: options.bucket,
            bucket: Bucket::new(dir.into()).await?,
            account: Account::generate()?,
        });
        let serving = Arc::clone(&service);
        let listening = Listening::start(options.port, move |stream| {
            let service = Arc::clone(&serving);
            async move {
                let service = service_fn(move |request| Arc::clone(&service).handle(request));
                let _ = http1::Builder::new()
                    .timer(TokioTimer::new())
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            }
        })
        .await?;
        Ok(Self { listening, service })
    }

    /// Returns the address that the server listens on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.listening.address()
    }

    /// Returns the URL for clients, without a trailing slash.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address())
    }

    /// Returns the name of the bucket.
    #[must_use]
    pub fn bucket(&self) -> &str {
        &self.service.name
    }

    /// Returns the JSON of the service account's key for `with_service_account_key`, with the address
    /// of this server.
    #[must_use]
    pub fn service_account(&self) -> String {
        self.service_account_at(&self.endpoint())
    }

    /// Returns the JSON of the service account's key for clients that reach the server by another URL,
    /// such as that of a proxy.
    #[must_use]
    pub fn service_account_at(&self, endpoint: &str) -> String {
        self.service.account.to_json(endpoint)
    }

    /// Returns a signed URL with the address of this server, by which it can be fetched.
    #[must_use]
    pub fn reachable(&self, signed_url: &str) -> String {
        let path = signed_url
            .split_once("://")
            .and_then(|(_, rest)| rest.find('/').and_then(|at| rest.get(at..)))
            .unwrap_or("/");
        format!("{}{path}", self.endpoint())
    }

    /// Returns the number of multipart uploads that are neither completed nor aborted.
    #[must_use]
    pub fn open_uploads(&self) -> usize {
        self.service.bucket.open_uploads()
    }

    /// Stops listening and closes all connections.
    pub fn stop(self) {
        drop(self);
    }
}
