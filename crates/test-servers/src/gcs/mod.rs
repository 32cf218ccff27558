//! Google Cloud Storage in this process: what `object_store` uses of its XML API.
//!
//! Our own reading of the service's documents: puts with `x-goog-if-generation-match`, reads with
//! ranges and overridden headers, deletes, copies, listings in pages, uploads in parts with the
//! 5 MiB rule, and GOOG4-RSA-SHA256 signed URLs with their expiry. Strongly consistent, as the
//! service is.
//!
//! Requests carry a token that the service account signed itself ([`GcsServer::service_account`]
//! makes clients send one), or come by a signed URL; anything else is refused. The account's key is
//! made when the server starts.
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

/// The host that URLs are signed for and that requests by them must name.
pub const SIGNED_HOST: &str = "storage.googleapis.com";

/// How a [`GcsServer`] is to be.
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
    /// The port of 127.0.0.1; 0, the default, means any that is free.
    pub fn with_port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// The bucket's name, `media` by default.
    pub fn with_bucket(mut self, bucket: impl Into<String>) -> Self {
        self.bucket = bucket.into();
        self
    }
}

/// A server of this process with one bucket. It ends when dropped.
#[derive(Debug)]
pub struct GcsServer {
    listening: Listening,
    service: Arc<Service>,
}

impl GcsServer {
    /// Starts a server whose large bodies are files of `dir`.
    ///
    /// # Errors
    /// When the directory cannot be created, no port be had, or no key be made.
    pub async fn start(dir: impl Into<PathBuf>) -> Result<Self, ServerError> {
        Self::start_with(dir, GcsOptions::default()).await
    }

    /// As [`GcsServer::start`], with options.
    ///
    /// # Errors
    /// When the directory cannot be created, the port not be had, or no key be made.
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

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.listening.address()
    }

    /// The URL for clients, without a slash at its end.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address())
    }

    /// The bucket.
    #[must_use]
    pub fn bucket(&self) -> &str {
        &self.service.name
    }

    /// The JSON of the service account's key, as `with_service_account_key` takes it, with this
    /// server's address in it.
    #[must_use]
    pub fn service_account(&self) -> String {
        self.service_account_at(&self.endpoint())
    }

    /// As [`GcsServer::service_account`] for clients that reach the server by another URL, as
    /// through a proxy.
    #[must_use]
    pub fn service_account_at(&self, endpoint: &str) -> String {
        self.service.account.to_json(endpoint)
    }

    /// A signed URL as it can be fetched from this server: the same path and query at its address.
    #[must_use]
    pub fn reachable(&self, signed_url: &str) -> String {
        let path = signed_url
            .split_once("://")
            .and_then(|(_, rest)| rest.find('/').and_then(|at| rest.get(at..)))
            .unwrap_or("/");
        format!("{}{path}", self.endpoint())
    }

    /// How many uploads in parts are neither completed nor aborted.
    #[must_use]
    pub fn open_uploads(&self) -> usize {
        self.service.bucket.open_uploads()
    }

    /// Stops listening and ends all connections.
    pub fn stop(self) {
        drop(self);
    }
}
