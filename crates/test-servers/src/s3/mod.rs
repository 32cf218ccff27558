//! An in-process S3 server.
//!
//! HTTP, XML, signatures, signed URLs and their expiry are those of `s3s`. The bucket is not, because
//! the file system backend of `s3s` writes an object and its tag in two steps and refuses long keys.
//! Requests must be signed with [`S3Server::access_key`].

mod backend;
mod convert;

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use chrono::TimeDelta;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;

use crate::ServerError;
use crate::bucket::Bucket;
use crate::listening::Listening;
use backend::{Backend, Conditions};

/// A region for clients; the server accepts any.
pub const REGION: &str = "us-east-1";

/// Options for an [`S3Server`].
#[derive(Clone)]
#[must_use]
pub struct S3Options {
    port: u16,
    bucket: String,
    access_key: String,
    secret_key: String,
    conditions: Conditions,
    versioning: bool,
}

impl Default for S3Options {
    fn default() -> Self {
        Self {
            port: 0,
            bucket: "media".to_owned(),
            access_key: "test-access-key".to_owned(),
            secret_key: "test-secret-key".to_owned(),
            conditions: Conditions::Honoured,
            versioning: false,
        }
    }
}

impl S3Options {
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

    /// Sets the keys that requests must be signed with.
    pub fn with_credentials(
        mut self,
        access_key: impl Into<String>,
        secret_key: impl Into<String>,
    ) -> Self {
        self.access_key = access_key.into();
        self.secret_key = secret_key.into();
        self
    }

    /// Reports a version id for each object, as a bucket with versioning does. Old versions are not
    /// kept.
    pub fn with_versioning(mut self) -> Self {
        self.versioning = true;
        self
    }

    /// Ignores `If-None-Match` and `If-Match` on puts, as some services do: existing objects are
    /// overwritten.
    pub fn ignoring_conditions(mut self) -> Self {
        self.conditions = Conditions::Ignored;
        self
    }
}

impl fmt::Debug for S3Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3Options")
            .field("port", &self.port)
            .field("bucket", &self.bucket)
            .field("conditions", &self.conditions)
            .finish_non_exhaustive()
    }
}

/// An in-process S3 server with one bucket. It stops when it is dropped.
#[derive(Debug)]
pub struct S3Server {
    listening: Listening,
    options: S3Options,
    bucket: Arc<Bucket>,
}

impl S3Server {
    /// Starts a server with large bodies in files of `dir`.
    ///
    /// # Errors
    /// The directory cannot be created, or no port is available.
    pub async fn start(dir: impl Into<PathBuf>) -> Result<Self, ServerError> {
        Self::start_with(dir, S3Options::default()).await
    }

    /// Starts a server with options.
    ///
    /// # Errors
    /// The directory cannot be created, or the port is not available.
    pub async fn start_with(
        dir: impl Into<PathBuf>,
        options: S3Options,
    ) -> Result<Self, ServerError> {
        let bucket = Arc::new(Bucket::new(dir.into()).await?);
        let backend = Backend::new(
            options.bucket.clone(),
            Arc::clone(&bucket),
            options.conditions,
            options.versioning,
        );
        let mut service = S3ServiceBuilder::new(backend);
        service.set_auth(SimpleAuth::from_single(
            options.access_key.clone(),
            options.secret_key.clone(),
        ));
        let service = service.build();
        let listening = Listening::start(options.port, move |stream| {
            let service = service.clone();
            async move {
                let _ = http1::Builder::new()
                    .timer(TokioTimer::new())
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            }
        })
        .await?;
        Ok(Self {
            listening,
            options,
            bucket,
        })
    }

    /// Returns the address that the server listens on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.listening.address()
    }

    /// Returns the URL for clients, without a trailing slash; buckets are the first path segment.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address())
    }

    /// Returns the name of the bucket.
    #[must_use]
    pub fn bucket(&self) -> &str {
        &self.options.bucket
    }

    /// Returns the access key.
    #[must_use]
    pub fn access_key(&self) -> &str {
        &self.options.access_key
    }

    /// Returns the secret key.
    #[must_use]
    pub fn secret_key(&self) -> &str {
        &self.options.secret_key
    }

    /// Returns the keys of all objects that begin with a prefix.
    #[must_use]
    pub fn keys(&self, prefix: &str) -> Vec<String> {
        self.bucket.keys(prefix)
    }

    /// Makes the objects whose keys begin with a prefix older, for tests of what happens after a time.
    pub fn age(&self, prefix: &str, by: TimeDelta) {
        self.bucket.age(prefix, by);
    }

    /// Returns the number of multipart uploads that are neither completed nor aborted.
    #[must_use]
    pub fn open_uploads(&self) -> usize {
        self.bucket.open_uploads()
    }

    /// Stops listening and closes all connections.
    pub fn stop(self) {
        drop(self);
    }
}
