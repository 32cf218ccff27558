//! S3 in this process.
//!
//! HTTP, XML, signatures, signed URLs and their expiry are `s3s`'s; the bucket behind is our own,
//! because the file system backend that comes with `s3s` writes an object and its tag in two steps
//! and refuses long keys. Requests must be signed with [`S3Server::access_key`].

mod backend;

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;

use crate::ServerError;
use crate::bucket::Bucket;
use crate::listening::Listening;
use backend::{Backend, Conditions};

/// The region that clients name; the server takes any.
pub const REGION: &str = "us-east-1";

/// How an [`S3Server`] is to be.
#[derive(Clone)]
#[must_use]
pub struct S3Options {
    port: u16,
    bucket: String,
    access_key: String,
    secret_key: String,
    conditions: Conditions,
}

impl Default for S3Options {
    fn default() -> Self {
        Self {
            port: 0,
            bucket: "media".to_owned(),
            access_key: "test-access-key".to_owned(),
            secret_key: "test-secret-key".to_owned(),
            conditions: Conditions::Honoured,
        }
    }
}

impl S3Options {
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

    /// The keys that requests must be signed with.
    pub fn with_credentials(
        mut self,
        access_key: impl Into<String>,
        secret_key: impl Into<String>,
    ) -> Self {
        self.access_key = access_key.into();
        self.secret_key = secret_key.into();
        self
    }

    /// A server that takes no notice of `If-None-Match` and `If-Match` on puts: it overwrites and
    /// says that all went well, as some services do.
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

/// An S3 server of this process with one bucket. It ends when dropped.
#[derive(Debug)]
pub struct S3Server {
    listening: Listening,
    options: S3Options,
    bucket: Arc<Bucket>,
}

impl S3Server {
    /// Starts a server whose large bodies are files of `dir`.
    ///
    /// # Errors
    /// When the directory cannot be created or no port be had.
    pub async fn start(dir: impl Into<PathBuf>) -> Result<Self, ServerError> {
        Self::start_with(dir, S3Options::default()).await
    }

    /// As [`S3Server::start`], with options.
    ///
    /// # Errors
    /// When the directory cannot be created or the port not be had.
    pub async fn start_with(
        dir: impl Into<PathBuf>,
        options: S3Options,
    ) -> Result<Self, ServerError> {
        let bucket = Arc::new(Bucket::new(dir.into()).await?);
        let backend = Backend::new(
            options.bucket.clone(),
            Arc::clone(&bucket),
            options.conditions,
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

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.listening.address()
    }

    /// The URL for clients, without a slash at its end; buckets are the first part of the path.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address())
    }

    /// The bucket.
    #[must_use]
    pub fn bucket(&self) -> &str {
        &self.options.bucket
    }

    /// The access key.
    #[must_use]
    pub fn access_key(&self) -> &str {
        &self.options.access_key
    }

    /// The secret key.
    #[must_use]
    pub fn secret_key(&self) -> &str {
        &self.options.secret_key
    }

    /// How many multipart uploads are neither completed nor aborted.
    #[must_use]
    pub fn open_uploads(&self) -> usize {
        self.bucket.open_uploads()
    }

    /// Stops listening and ends all connections.
    pub fn stop(self) {
        drop(self);
    }
}
